import { join } from 'node:path'
import type pino from 'pino'
import { openBroker } from './broker/open-broker.ts'
import { openKeyring } from './chain/keys.ts'
import { openChain } from './chain/open-chain.ts'
import { settleWorker } from './chain/sender.ts'
import { deviceSigner } from './chain/signers.ts'
import type { Config } from './config/schema.ts'
import { formatMoney } from './domain/money.ts'
import type { Answer } from './ingest/batch.ts'
import { createIntake } from './ingest/intake.ts'
import { retentionWorker } from './ingest/retention.ts'
import { startWriter } from './ingest/thread.ts'
import { systemClock } from './lib/clock.ts'
import { Scheduler } from './lib/scheduler.ts'
import type { VirtualTime } from './lib/virtual-time.ts'
import { webhookNotifier } from './notify/webhook.ts'
import { notifyWorker } from './notify/worker.ts'
import { orderActions } from './orders/actions.ts'
import { audit } from './orders/audit.ts'
import { mandateVerbs } from './orders/mandates.ts'
import { sellerClient } from './orders/seller-client.ts'
import { sellerMessageWorker } from './orders/seller-messages.ts'
import { strayFundsWorker } from './orders/stray-funds.ts'
import { watchWorker } from './orders/watch.ts'
import { orderWorker } from './orders/worker.ts'
import type { Endpoints } from './ports/onboarding.ts'
import { commandAnswers, commandWorker } from './rules/commands.ts'
import { openRules } from './rules/open-rules.ts'
import { sqliteAuditStore } from './store/audit.ts'
import { sqliteBrokerState } from './store/broker-state.ts'
import { sqliteCommandStore } from './store/commands.ts'
import { openDatabase } from './store/database.ts'
import { sqliteDeviceStore } from './store/devices.ts'
import { sqliteDeliveryStore, sqliteFeedStore } from './store/feed.ts'
import { sqliteHealthStore } from './store/health.ts'
import { ensureHome } from './store/homes.ts'
import { sqliteHourStore } from './store/hours.ts'
import { lockFolder } from './store/lock.ts'
import { sqliteMandateStore } from './store/mandates.ts'
import { notifier } from './store/notifications.ts'
import { sqliteOnboardingStore } from './store/onboarding.ts'
import { sqliteOrderActionStore } from './store/order-actions.ts'
import { sqliteOrderStore } from './store/orders.ts'
import { sqliteRetentionStore } from './store/retention.ts'
import { sqliteRulesStores } from './store/rules-stores.ts'
import { sqliteSellerMessageStore } from './store/seller-messages.ts'
import { sqliteStrayFundsStore } from './store/stray-funds.ts'
import { sqliteTransactionStore } from './store/transactions.ts'
import { sqliteWatchStore } from './store/watch.ts'
import { createWebServer } from './web/server.ts'
import { openToken } from './web/token.ts'
import type { Command } from './wire/messages.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Polling is what makes the line right; nudges make it fast. */
const POLL_MS = 1_000

export type Gateway = {
  httpUrl: string
  mqttPort: number
  endpoints: Endpoints
  /** Ends what came in last first; resolves when all that was acknowledged is on disk. */
  stop(): Promise<void>
}

/** Joins the parts in the order of the line and starts them; `stop` goes the other way. */
export async function startGateway(options: {
  dataFolder: string
  config: Config
  version: string
  log: pino.Logger
  /** Told when the gateway cannot go on: nothing more is acknowledged, and the process must end. */
  onLost(fault: Error): void
  /** Follows the simulator's time instead of the machine's. */
  virtualTime?: VirtualTime | undefined
}): Promise<Gateway> {
  const { dataFolder, config, log, virtualTime } = options
  const clock = virtualTime?.clock ?? systemClock
  const started: (() => unknown)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  const onFault = (error: unknown) => log.error({ err: error }, 'a fault')

  try {
    // store
    const lock = lockFolder(dataFolder, 'A gateway')
    started.push(() => lock.release())
    const db = openDatabase(join(dataFolder, 'gateway.db'), 'gateway')
    started.push(() => void db.close())
    ensureHome(db, config.home)
    // Begins beside the chain: each takes its time.
    const writing = startWriter(join(dataFolder, 'gateway.db'), (fault) => {
      intake.fail(fault)
      options.onLost(fault)
    })
    // It is awaited below; until then nobody would hear that it failed.
    writing.catch(() => undefined)
    started.push(() => writing.then((writer) => writer.stop()))
    const devices = sqliteDeviceStore(db)
    const transactions = sqliteTransactionStore(db, clock)
    const mandates = sqliteMandateStore(db)
    const feed = sqliteFeedStore(db)
    const channels = config.notify.webhookUrl === undefined ? [] : (['webhook'] as const)
    const orders = sqliteOrderStore(db, channels)
    const commands = sqliteCommandStore(db, channels)

    // chain
    const keyring = openKeyring(dataFolder)
    const virtualTimeSeconds = virtualTime && Math.floor(clock.nowMs() / 1000)
    const opened = await openChain(config.chain, {
      dataFolder,
      keyring,
      transactions,
      clock,
      virtualTimeSeconds,
      onDeath(text) {
        log.error(text)
        notifier(db, channels)({ homeId: config.home.id, kind: 'problem', text }, clock.nowMs())
      },
      onFault,
    })
    started.push(opened.stop)
    const { chain, wallet } = opened
    const formatAmount = (minorUnits: bigint) => formatMoney(minorUnits, chain.facts.token)
    const signer = deviceSigner(keyring, devices, chain.facts)
    const seller = sellerClient()

    // broker and ingest
    const writer = await writing
    const intake = createIntake({
      writer: writer.port,
      maxWaitingMessages: config.mqtt.limits.maxWaitingMessages,
      clock,
      log,
      onCommitted(receipts) {
        broker.sendReceipts(receipts)
        scheduler.nudge('rules')
        scheduler.nudge('orders')
      },
      onCommandResult: commandAnswers({ store: commands, clock, onFault }),
    })
    const door = openBroker({
      dataFolder,
      settings: config.mqtt,
      name: `ADEPT ${config.home.id}`,
      devices,
      onboarding: sqliteOnboardingStore(db, channels),
      deviceKeys: keyring,
      mandates,
      revoke: (homeId, mandateHash) => verbs.revoke(homeId, mandateHash),
      intake,
      state: { kept: sqliteBrokerState(db).load(clock.nowMs()), write: intake.keep },
      clock,
      certificateClock: systemClock,
      log,
      onFault,
    })
    const { broker } = door
    writer.port.on('message', ({ faults }: Answer) => {
      if (faults.length > 0) broker.excuse()
    })

    // rules, orders, watch, notify
    const nudge =
      (...names: string[]) =>
      () => {
        for (const name of names) scheduler.nudge(name)
        web.nudge()
      }
    const rules = await openRules({
      stores: sqliteRulesStores(db, channels),
      file: join(dataFolder, 'rules.yaml'),
      home: config.home,
      token: chain.facts.token,
      clock,
      program: options.version,
      onDecided: nudge('orders', 'notify', 'commands'),
    })
    const scheduler = new Scheduler(
      [
        rules.worker,
        commandWorker({
          store: commands,
          tell: (deviceId, command) => broker.publish(deviceId, 'command', command as Command),
          clock,
        }),
        orderWorker({
          store: orders,
          chain,
          seller,
          signer,
          limits: rules.limits,
          clock,
          inspectionMs: config.orders.inspectionHours * HOUR_MS,
          onMoved: nudge('watch', 'seller-messages', 'notify'),
        }),
        sellerMessageWorker({ store: sqliteSellerMessageStore(db, channels), seller, clock }),
        watchWorker({
          store: sqliteWatchStore(db, channels, formatAmount),
          chain: opened.watch,
          clock,
          onMoved: nudge('rules', 'orders', 'stray-funds', 'seller-messages', 'notify'),
        }),
        strayFundsWorker({ store: sqliteStrayFundsStore(db, channels), chain, signer, clock }),
        settleWorker(opened.senders),
        retentionWorker({
          store: sqliteRetentionStore(db, {
            rawMs: config.retention.rawDays * DAY_MS,
            rawReadings: config.retention.rawReadings,
          }),
          clock,
        }),
        notifyWorker({
          store: sqliteDeliveryStore(db),
          notifier: config.notify.webhookUrl === undefined ? undefined : webhookNotifier(config.notify.webhookUrl),
          quietUntil: rules.quietUntil,
          async tellDevice({ deviceId, slot, orderId, state, stateChangedAtMs }) {
            await broker.publish(
              deviceId,
              'order',
              { slot, orderId, state, sinceMs: stateChangedAtMs },
              { retain: true },
            )
          },
          clock,
        }),
      ],
      {
        clock,
        pollMs: POLL_MS,
        onFault: (worker, error) => log.error({ worker, err: error }, 'a stage failed and tries again'),
      },
    )

    // the homeowner's side
    const verbs = mandateVerbs({ devices, mandates, seller, chain, wallet, save: transactions.save, clock, onFault })
    const actions = orderActions({
      store: sqliteOrderActionStore(db),
      orders,
      chain,
      signer,
      clock,
      onActed: nudge('orders', 'watch', 'notify'),
    })
    let mqttPort = 0
    const web = createWebServer(
      {
        devices,
        hours: sqliteHourStore(db),
        deviceKeys: keyring,
        deviceDesk: door.desk,
        feed,
        mandates,
        mandateVerbs: verbs,
        orders: actions,
        rules: rules.desk,
        audit: () =>
          audit({ store: sqliteAuditStore(db), chain, nudge: () => scheduler.nudge('watch') }, config.home.id),
        chain,
        health: {
          store: sqliteHealthStore(db),
          writerAnswers: () => intake.keep([]),
          hasRoom: intake.hasRoom,
          head: chain.head,
          clock,
          version: options.version,
        },
        clock,
        async status() {
          const payer = wallet && { address: wallet.address, ...(await chain.funds(wallet.address)) }
          const relayer = await opened.relayer()
          return {
            version: options.version,
            mqttPort,
            endpoints: door.endpoints(),
            chain: { ...chain.facts, kind: config.chain.kind },
            relayer,
            payer,
          }
        },
        onChanged: () => scheduler.nudge(),
        onFault,
      },
      { homeId: config.home.id, token: openToken(dataFolder), port: config.http.port, sellerUrl: config.seller.url },
    )

    // start forwards
    mqttPort = (await door.start()).port
    started.push(() => door.stop())
    const { url: httpUrl } = await web.start()
    started.push(() => web.stop())
    scheduler.start()
    started.push(() => scheduler.stop())
    started.push(opened.onHead(() => scheduler.nudge('watch')))
    virtualTime?.follow({
      scheduler,
      ...(opened.setTime && { onTime: (nowMs: number) => opened.setTime!(Math.floor(nowMs / 1000)) }),
      onLost: (reason) => log.warn(reason),
    })
    if (virtualTime !== undefined) started.push(() => virtualTime.close())
    await verbs.resume()
    return { httpUrl, mqttPort, endpoints: door.endpoints(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
