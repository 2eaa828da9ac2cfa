import type { Ground } from './ground.ts'
import type { Line } from './line.ts'
import { orderActions } from './orders/actions.ts'
import { audit } from './orders/audit.ts'
import { sqliteAuditStore } from './store/audit.ts'
import { sqliteFeedStore } from './store/feed.ts'
import { sqliteHealthStore } from './store/health.ts'
import { sqliteHomeStore } from './store/homes.ts'
import { sqliteHourStore } from './store/hours.ts'
import { sqliteOrderActionStore } from './store/order-actions.ts'
import { createWebServer, type WebServer } from './web/server.ts'
import { openToken } from './web/token.ts'

/** The homeowner's side: what a person sees and does, over HTTP. `mqttPort` is asked for once the line runs. */
export function openHomeownersSide(ground: Ground, line: Line, mqttPort: () => number): WebServer {
  const { dataFolder, config, version, db, clock, onFault, devices, mandates, keyring, signer, verbs } = ground
  const { chain, wallet, relayer } = ground.opened
  const { door, intake, rules, scheduler } = line
  return createWebServer(
    {
      homes: sqliteHomeStore(db),
      devices,
      hours: sqliteHourStore(db),
      deviceKeys: keyring,
      deviceDesk: door.desk,
      feed: sqliteFeedStore(db),
      mandates,
      mandateVerbs: verbs,
      orders: orderActions({
        store: sqliteOrderActionStore(db),
        orders: ground.orders,
        chain,
        signer,
        seller: ground.seller,
        wallet,
        clock,
        onActed: line.nudge('orders', 'watch', 'notify'),
      }),
      rules: rules.desk,
      audit: (homeId) => audit({ store: sqliteAuditStore(db), chain, nudge: () => scheduler.nudge('watch') }, homeId),
      chain,
      health: {
        store: sqliteHealthStore(db),
        storage: ground.storage,
        writerAnswers: () => intake.keep([]),
        hasRoom: intake.hasRoom,
        head: chain.head,
        clock,
        version,
      },
      clock,
      async status() {
        const payer = wallet && { address: wallet.address, ...(await chain.funds(wallet.address)) }
        return {
          version,
          mqttPort: mqttPort(),
          endpoints: door.endpoints(),
          chain: { ...chain.facts, kind: config.chain.kind },
          relayer: await relayer(),
          payer,
        }
      },
      onChanged: () => scheduler.nudge(),
      onFault,
    },
    { homeId: config.home.id, token: openToken(dataFolder), port: config.http.port, sellerUrl: config.seller.url },
  )
}
