import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectChain } from '../../gateway/chain/connection.ts'
import { fundGas } from '../../gateway/chain/fund-gas.ts'
import { openKeyring } from '../../gateway/chain/keys.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { openChain } from '../../gateway/chain/open-chain.ts'
import { sellerChain } from '../../gateway/chain/seller.ts'
import { Sender, settleWorker } from '../../gateway/chain/sender.ts'
import { deviceSigner } from '../../gateway/chain/signers.ts'
import { formatMoney } from '../../gateway/domain/money.ts'
import type { Quote } from '../../gateway/domain/quote.ts'
import type { SettlementOffer } from '../../gateway/domain/settlement.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { Scheduler } from '../../gateway/lib/scheduler.ts'
import { orderActions } from '../../gateway/orders/actions.ts'
import { mandateVerbs } from '../../gateway/orders/mandates.ts'
import { sellerMessageWorker } from '../../gateway/orders/seller-messages.ts'
import { sellersOfferWorker } from '../../gateway/orders/sellers-offers.ts'
import { strayFundsWorker } from '../../gateway/orders/stray-funds.ts'
import { watchWorker } from '../../gateway/orders/watch.ts'
import { orderWorker } from '../../gateway/orders/worker.ts'
import type { MandateRequest } from '../../gateway/ports/mandates.ts'
import type { Seller, SellerMessage } from '../../gateway/ports/seller.ts'
import { openRules } from '../../gateway/rules/open-rules.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { ensureHome } from '../../gateway/store/homes.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { sqliteOrderActionStore } from '../../gateway/store/order-actions.ts'
import { orderTransactionStore } from '../../gateway/store/order-transactions.ts'
import { sqliteOrderStore } from '../../gateway/store/orders.ts'
import { sqliteRegistrationStore } from '../../gateway/store/registrations.ts'
import { sqliteRulesStores } from '../../gateway/store/rules-stores.ts'
import { sqliteSellerMessageStore } from '../../gateway/store/seller-messages.ts'
import { sqliteSellersOfferStore } from '../../gateway/store/sellers-offers.ts'
import { sqliteStrayFundsStore } from '../../gateway/store/stray-funds.ts'
import { sqliteWatchStore } from '../../gateway/store/watch.ts'

export const GTIN = '04006381333931'
export const HOUR_MS = 3_600_000
export const PRICE = 12_490_000n
/** What it takes to order is not what these tests are about. */
const RULES = `
rules:
  - name: below a fifth
    when: { level: { below: 20 % } }
    then: { order: { packs: 1 } }
`
const START_MS = Date.UTC(2027, 0, 4, 8)

/**
 * A home from its readings to its feed, with real rows and a real chain in virtual time. Only the shop is the test's own:
 * it signs with a real key, and `shop` says how it misbehaves.
 */
export async function openHome(slots = ['detergent'], rules = RULES) {
  const folder = mkdtempSync(join(tmpdir(), 'home-'))
  const clock = new ManualClock(START_MS)
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  const homeId = 'home'
  ensureHome(db, { id: homeId, timeZone: 'UTC' })
  const keyring = openKeyring(folder)
  const transactions = orderTransactionStore(db, clock)
  const onFault = (error: unknown) => {
    throw error
  }
  const opened = await openChain(
    { kind: 'embedded' },
    {
      dataFolder: folder,
      keyring,
      transactions,
      clock,
      virtualTimeSeconds: START_MS / 1000,
      onDeath: onFault,
      onFault,
    },
  )
  const { chain, wallet } = opened
  const rpcUrl = readNodeFile(folder)!.rpcUrl
  const connection = await connectChain({
    rpcUrl,
    chainId: chain.facts.chainId,
    escrow: chain.facts.escrow,
    token: chain.facts.token.address,
  })

  const sellerKey = keyring.fileKey('seller')
  const sellerSender = new Sender({
    rpc: connection.rpc,
    chainId: chain.facts.chainId,
    key: sellerKey,
    store: transactions,
    clock,
    maxFeePerGasWei: 10n ** 12n,
  })
  await fundGas(rpcUrl, sellerSender.address)
  const selling = sellerChain(connection, sellerSender, sellerKey)

  /** What the shop does; a test changes it. */
  const shop = {
    isSilent: false,
    refusal: undefined as { reason: string; retry: boolean } | undefined,
    price: PRICE,
    /** Changes the quote before the shop signs it. */
    before: (quote: Quote): Quote => quote,
    /** Changes what was signed. */
    after: (quote: Quote): Quote => quote,
    messages: [] as SellerMessage[],
    /** What the home would settle for, and what the shop would. */
    offers: [] as SettlementOffer[],
    offer: undefined as SettlementOffer | undefined,
    quotesGiven: 0,
  }
  const seller: Seller = {
    async profile() {
      const products = [
        {
          sku: 'D1',
          gtin: GTIN,
          name: 'Detergent',
          packSize: 1400,
          contentUnit: 'ml' as const,
          priceMinorUnits: PRICE,
        },
      ]
      return {
        kind: 'profile',
        profile: {
          name: 'Test shop',
          address: selling.address,
          token: chain.facts.token.address,
          chainId: chain.facts.chainId,
          products,
        },
      }
    },
    async quote(_url, request) {
      if (shop.isSilent) return { kind: 'unreachable', reason: 'no answer within 10 s' }
      if (shop.refusal !== undefined) return { kind: 'refused', refusal: shop.refusal }
      const quote = shop.before({
        ...request,
        seller: selling.address,
        token: chain.facts.token.address,
        productName: 'Detergent',
        packSize: 1400,
        contentUnit: 'ml',
        totalMinorUnits: shop.price,
        validBeforeSeconds: Math.floor(clock.nowMs() / 1000) + 900,
        shipWithinSeconds: 3 * 86_400,
      })
      shop.quotesGiven++
      const signature = await selling.signQuote(quote)
      return { kind: 'quoted', signed: { quote: shop.after(quote), signature } }
    },
    async offer(_url, _authorizationId, offer) {
      if (shop.isSilent) return { kind: 'unreachable', reason: 'no answer within 10 s' }
      shop.offers.push(offer)
      return { kind: 'acknowledged' }
    },
    async offered() {
      if (shop.isSilent) return { kind: 'unreachable', reason: 'no answer within 10 s' }
      return { kind: 'offered', offer: shop.offer }
    },
    async tell(_url, message) {
      if (shop.isSilent) return { kind: 'unreachable', reason: 'no answer within 10 s' }
      shop.messages.push(message)
      return { kind: 'acknowledged' }
    },
  }

  const devices = sqliteDeviceStore(db)
  const mandates = sqliteMandateStore(db)
  const orders = sqliteOrderStore(db, [])
  const signer = deviceSigner(keyring, devices, chain.facts)
  const intake = sqliteIntakeStore(db)
  const actionStore = sqliteOrderActionStore(db)
  const noNudge = () => undefined
  writeFileSync(join(folder, 'rules.yaml'), rules)
  const opening = await openRules({
    stores: sqliteRulesStores(db, []),
    file: join(folder, 'rules.yaml'),
    token: chain.facts.token,
    clock,
    program: 'test',
    onDecided: noNudge,
  })
  const workers = [
    opening.worker,
    orderWorker({ store: orders, chain, seller, signer, limits: opening.limits, clock, onMoved: noNudge }),
    sellerMessageWorker({ store: sqliteSellerMessageStore(db, []), seller, clock }),
    strayFundsWorker({ store: sqliteStrayFundsStore(db, []), chain, signer, clock }),
    sellersOfferWorker({ store: sqliteSellersOfferStore(db, []), chain, seller, clock }),
    watchWorker({
      store: sqliteWatchStore(db, [], (amount) => formatMoney(amount, chain.facts.token)),
      chain: opened.watch,
      clock,
      onMoved: noNudge,
    }),
  ]
  const scheduler = new Scheduler(workers, { clock, pollMs: 60_000, onFault: (_worker, error) => onFault(error) })
  const actions = orderActions({ store: actionStore, orders, chain, signer, seller, wallet, clock, onActed: noNudge })
  const verbs = mandateVerbs({
    registrations: sqliteRegistrationStore(db),
    devices,
    mandates,
    seller,
    chain,
    wallet,
    save: transactions.save,
    clock,
    onFault,
  })
  const feed = sqliteFeedStore(db)
  const follow = () => settleWorker([...opened.senders, sellerSender]).step()
  let seq = 0

  const home = {
    db,
    clock,
    chain,
    wallet: wallet!,
    selling,
    transactions,
    shop,
    actions,
    verbs,
    homeId,
    connection,
    watch: opened.watch,
    drain: () => scheduler.drain(),
    /** Lets gateway and shop look after their open transactions, and the line after what comes of it. */
    async settle() {
      await follow()
      await scheduler.drain()
    },
    follow,
    /** Lives to that time: every due time on the way is met. */
    async pass(ms: number) {
      const endMs = clock.nowMs() + ms
      for (let step = 0; step < 1_000; step++) {
        const { nextDueAtMs } = await scheduler.drain()
        const nextMs = Math.min(endMs, Math.max(clock.nowMs() + 1, nextDueAtMs ?? endMs))
        if (clock.nowMs() >= endMs) return
        clock.set(nextMs)
        await opened.setTime?.(Math.floor(nextMs / 1000))
      }
      throw new Error('The home found no rest.')
    },
    /** One level of every slot, as if it had just been measured, and what follows from it. */
    async level(remaining: number, report: { seq?: number; measuredAtMs?: number; session?: string } = {}) {
      const common = { deviceId: 'washer-1', kind: 'consumable' as const, body: '{}', session: report.session ?? 's1' }
      const measuredAtMs = report.measuredAtMs ?? clock.nowMs()
      const reports = slots.map((slot) => ({
        kind: 'report' as const,
        report: { ...common, seq: report.seq ?? seq++, measuredAtMs, level: { slot, remaining, unit: 'ml' as const } },
      }))
      await intake.commit(reports, clock.nowMs())
      await scheduler.drain()
    },
    confirm: (mode: 'notify' | 'ask' | 'auto') => devices.confirm(homeId, 'washer-1', undefined, mode, clock.nowMs()),
    async signMandate(limits: Partial<MandateRequest> = {}) {
      const drafted = await verbs.draft({
        homeId,
        deviceId: 'washer-1',
        sellerUrl: 'http://shop.test',
        allowance: 50_000_000n,
        periodSeconds: 30 * 86_400,
        maxPerOrder: 25_000_000n,
        coolingOffSeconds: 86_400,
        days: 365,
        ...limits,
      })
      if (!drafted.ok) throw new Error(drafted.sentence)
      const signed = await verbs.sign(homeId, drafted.draft, 'gateway-wallet')
      if (!signed.ok) throw new Error(signed.sentence)
      await scheduler.drain()
      return drafted.draft.file
    },
    orders: () => actionStore.views(homeId, 100),
    async onlyOrder() {
      const all = await actionStore.views(homeId, 100)
      if (all.length !== 1) throw new Error(`There are ${all.length} orders, not one.`)
      return all[0]!
    },
    async feed() {
      return feed.feed(homeId, 0, 1_000)
    },
    /** The shop ships what it was told of. */
    async ship() {
      const order = shop.messages.find((message) => message.kind === 'order')
      if (order?.kind !== 'order') throw new Error('The shop was told of no order.')
      const shipment = `0x${randomBytes(32).toString('hex')}` as const
      await selling.ship([{ terms: order.terms, shipment }], transactions.save)
      await scheduler.drain()
      return order.terms
    },
    /** The shop captures with the confirmation that it was told. */
    async capture() {
      const order = shop.messages.find((message) => message.kind === 'order')
      const confirmation = shop.messages.find((message) => message.kind === 'confirmation')
      if (order?.kind !== 'order' || confirmation?.kind !== 'confirmation')
        throw new Error('The shop has no confirmation.')
      const { shipment, deliveries, signature } = confirmation
      const claim = deliveries.map(({ authorizationId, amount }) => ({
        ...{ terms: { ...order.terms, authorizationId }, shipment, amount, signature },
      }))
      await selling.capture(claim, transactions.save)
      await scheduler.drain()
    },
    balance: async (account: `0x${string}`) => (await chain.funds(account)).balance,
    async close() {
      await scheduler.stop()
      await opened.stop()
      db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }

  const { keyAddress, keySealed } = keyring.make('washer-1')
  await devices.add(
    { deviceId: 'washer-1', homeId, secretSha256: randomBytes(32), keyAddress, keySealed },
    clock.nowMs(),
  )
  const description = {
    maker: 'Samsung',
    model: 'W9000',
    slots: slots.map((slot) => ({
      slot,
      unit: 'ml' as const,
      capacity: 1400,
      degradationDirection: 'down' as const,
      replacementProducts: [{ type: 'gtin14' as const, value: GTIN }],
    })),
  }
  await intake.commit(
    [{ kind: 'description', deviceId: 'washer-1', description, body: JSON.stringify(description) }],
    clock.nowMs(),
  )
  return home
}
export type Home = Awaited<ReturnType<typeof openHome>>
