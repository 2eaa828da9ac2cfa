import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { connectChain } from '../../gateway/chain/connection.ts'
import { fundGas } from '../../gateway/chain/embedded-chain.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { sellerChain } from '../../gateway/chain/seller.ts'
import { Sender, settleWorker } from '../../gateway/chain/sender.ts'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import type { QuoteRequest } from '../../gateway/domain/quote.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { Scheduler } from '../../gateway/lib/scheduler.ts'
import { DEMO_CATALOGUE, readCatalogue } from '../../gateway/merchant/catalogue.ts'
import { takeConfirmation, takeOrder } from '../../gateway/merchant/orders.ts'
import { answerQuote } from '../../gateway/merchant/quotes.ts'
import { demoWarehouse } from '../../gateway/merchant/warehouse.ts'
import { sellerWorker } from '../../gateway/merchant/worker.ts'
import type { Fulfilment, SellerChain } from '../../gateway/ports.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sellerOrderStore } from '../../gateway/store/merchant/orders.ts'
import { quoteBook } from '../../gateway/store/merchant/quotes.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'
import { DETERGENT, type Market, openMarket } from './market.ts'

const key = newSigningKey()
const seller = addressOf(key)
const COOLING_OFF_SECONDS = 3_600
let market: Market
let quick: MandateFile
let slow: MandateFile
let folder: string
let db: Db
let clock: ManualClock
let warnings: string[]

beforeAll(async () => {
  market = await openMarket()
  await fundGas(market.access.rpcUrl, seller)
  quick = await market.grantMandate([seller], 0)
  slow = await market.grantMandate([seller], COOLING_OFF_SECONDS)
}, 30_000)
afterAll(() => market.close())
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'seller-worker-'))
  db = openDatabase(join(folder, 'merchant.db'), 'merchant')
  clock = new ManualClock((await market.nowSeconds()) * 1000)
  warnings = []
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

type Changes = { chain?: (real: SellerChain) => Partial<SellerChain>; fulfilment?: Partial<Fulfilment> }

/** The agent's parts on this test's database, as after a start; `changes` break some. */
async function agent({ chain: change = () => ({}), fulfilment = {} }: Changes = {}) {
  const connection = await connectChain(market.access)
  const store = sqliteTransactionStore(db, clock)
  const chainId = connection.facts.chainId
  const sender = new Sender({ rpc: connection.rpc, chainId, key, store, clock, maxFeePerGasWei: 10n ** 11n })
  const real = sellerChain(connection, sender, key)
  const orders = sellerOrderStore(db)
  const parts = {
    clock,
    chain: { ...real, ...change(real) },
    orders,
    quotes: quoteBook(db),
    catalogue: readCatalogue(DEMO_CATALOGUE),
    shipAfterSeconds: 0,
    fulfilment: {
      ...demoWarehouse({ stockOf: () => undefined, promisedPacks: orders.promisedPacks }),
      ...fulfilment,
    },
    warn: (sentence: string) => void warnings.push(sentence),
    onSent: () => undefined,
  }
  const worker = sellerWorker(parts)
  const settle = settleWorker([sender])
  const scheduler = new Scheduler([settle, worker], { clock, pollMs: 1_000, onFault: () => undefined })
  return { ...parts, worker, settle, scheduler }
}
type Agent = Awaited<ReturnType<typeof agent>>

async function accepted(shop: Agent, mandate: MandateFile): Promise<Terms> {
  const request: QuoteRequest = market.requestFor(DETERGENT)
  const answer = await answerQuote(request, shop)
  if (answer.kind !== 'quoted') throw new Error(answer.refusal.reason)
  const terms = await market.authorize(mandate, answer.signed)
  expect(await takeOrder({ signedQuote: answer.signed, terms }, shop)).toEqual({ kind: 'acknowledged' })
  // Holding funds made a block, which may be a second later than our clock.
  clock.set(Math.max(clock.nowMs(), (await market.nowSeconds()) * 1000))
  return terms
}
const stateOf = async (shop: Agent, { authorizationId }: Terms) => (await shop.orders.get(authorizationId))?.state
const shippedTimes = (shop: Agent, { authorizationId }: Terms) =>
  shop.orders.steps(authorizationId).then((steps) => steps.filter((step) => step.toState === 'shipped').length)

test('orders that are due together ship in one transaction and are paid in one', async () => {
  const shop = await agent()
  const all = [await accepted(shop, quick), await accepted(shop, quick), await accepted(shop, quick)]
  await shop.scheduler.drain()
  for (const terms of all) {
    expect(await stateOf(shop, terms)).toBe('shipped')
    const { shipment } = (await shop.orders.get(terms.authorizationId))?.packed ?? {}
    expect(await takeConfirmation(terms.authorizationId, market.confirmationOf(terms, shipment!), shop)).toEqual({
      kind: 'acknowledged',
    })
  }
  await shop.scheduler.drain()
  for (const terms of all) expect(await stateOf(shop, terms)).toBe('paid')
  const purposes = db.prepare('SELECT purpose, state FROM transactions ORDER BY nonce').all()
  expect(purposes).toEqual([
    { purpose: 'ship 3 orders', state: 'included' },
    { purpose: 'capture 3 orders', state: 'included' },
  ])
})

test('packs and ships in the first second after cooling off, not before', async () => {
  const shop = await agent()
  const terms = await accepted(shop, slow)
  const { sinceSeconds } = await market.chain.hold(terms)
  const dueAtMs = (sinceSeconds + COOLING_OFF_SECONDS) * 1000
  clock.set(dueAtMs - 1)
  expect(await shop.worker.step()).toEqual({ worked: false, nextDueAtMs: dueAtMs })
  expect(await stateOf(shop, terms)).toBe('accepted')

  await market.connection.rpc.send('evm_setNextBlockTimestamp', [dueAtMs / 1000])
  clock.set(dueAtMs)
  await shop.scheduler.drain()
  expect(await stateOf(shop, terms)).toBe('shipped')
})

test('a chain that is ahead of our clock ships when the chain says so', async () => {
  const shop = await agent()
  const terms = await accepted(shop, slow)
  const standing = clock.nowMs()
  await market.warp(COOLING_OFF_SECONDS)
  await shop.scheduler.drain()
  expect(clock.nowMs()).toBe(standing)
  expect(await stateOf(shop, terms)).toBe('shipped')
})

test('a clock that runs ahead of the chain costs a try, and harms no other order', async () => {
  const shop = await agent()
  const early = await accepted(shop, slow)
  clock.set(clock.nowMs() + COOLING_OFF_SECONDS * 1000)
  const ready = await accepted(shop, quick)
  await shop.worker.step()
  expect(await stateOf(shop, early)).toBe('packed')
  await shop.worker.step()
  expect(warnings).toEqual([expect.stringContaining('may ship from')])
  clock.set(clock.nowMs() + 1_000)
  await shop.scheduler.drain()
  expect(await stateOf(shop, ready)).toBe('shipped')
  expect(await shop.orders.get(early.authorizationId)).toMatchObject({
    state: 'packed',
    problem: expect.stringContaining('may ship from'),
  })
  await market.warp(COOLING_OFF_SECONDS)
  clock.set(clock.nowMs() + 3_600_000)
  await shop.scheduler.drain()
  expect(await shop.orders.get(early.authorizationId)).toMatchObject({ state: 'shipped', problem: '' })
})

/** Where the process dies; a new one then begins with what is on disk. */
const KILLS: [string, (die: () => never) => Changes][] = [
  ['before the warehouse answers', (die) => ({ fulfilment: { dispatch: async () => die() } })],
  ['before the bytes are saved', (die) => ({ chain: () => ({ ship: async () => die() }) })],
  [
    'after the bytes are saved, before they are sent',
    (die) => ({ chain: (real) => ({ ship: (items, save) => real.ship(items, (tx) => save(tx).then(die)) }) }),
  ],
  [
    'after they are sent',
    (die) => ({ chain: (real) => ({ ship: (items, save) => real.ship(items, save).then(die) }) }),
  ],
  ['before the carrier has it', (die) => ({ fulfilment: { handOver: async () => die() } })],
]
test.each(KILLS)('killed %s: the order ships once all the same', async (_where, killedBy) => {
  let dead = false
  const dying = await agent(
    killedBy(() => {
      dead = true
      throw new Error('killed')
    }),
  )
  const terms = await accepted(dying, quick)
  for (let step = 0; step < 10 && !dead; step++) await (step % 2 === 0 ? dying.worker : dying.settle).step()
  expect(dead).toBe(true)
  expect(await stateOf(dying, terms)).not.toBe('shipped')

  const reborn = await agent()
  // Beyond the rest that follows a failure, and the time after which bytes are sent again.
  clock.set(clock.nowMs() + 60_000)
  await reborn.scheduler.drain()
  // Bytes that were sent again are asked for a second later.
  clock.set(clock.nowMs() + 1_000)
  await reborn.scheduler.drain()
  expect(await stateOf(reborn, terms)).toBe('shipped')
  expect(await shippedTimes(reborn, terms)).toBe(1)
  expect((await market.chain.hold(terms)).state).toBe('shipped')
  const sent = db.prepare(`SELECT count(*) AS n FROM transactions WHERE state = 'included'`).get()
  expect(sent).toEqual({ n: 1 })
})

test('an order that was cancelled at the last moment is not handed over', async () => {
  const handedOver: number[] = []
  const shop = await agent({
    chain: (real) => ({
      ship: async (items, save) => {
        await market.cancel(items[0]!.terms)
        return real.ship(items, save)
      },
    }),
    fulfilment: { handOver: async ({ orderNumber }) => void handedOver.push(orderNumber) },
  })
  const [cancelled, other] = [await accepted(shop, quick), await accepted(shop, quick)]
  await shop.scheduler.drain()
  expect(await stateOf(shop, cancelled)).toBe('cancelled')
  expect(await stateOf(shop, other)).toBe('shipped')
  expect(handedOver).toEqual([2])
})

test('a missed ship-by is declined, so that the buyer need not reclaim', async () => {
  const shop = await agent({ fulfilment: { dispatch: () => Promise.reject(new Error('strike')) } })
  const terms = await accepted(shop, quick)
  await shop.scheduler.drain()
  expect(warnings).toEqual([expect.stringContaining('strike')])
  clock.set((terms.shipBy + 1) * 1000)
  await shop.scheduler.drain()
  expect(await shop.orders.get(terms.authorizationId)).toMatchObject({
    state: 'declined',
    problem: expect.stringContaining('ship-by'),
  })
  expect((await market.chain.hold(terms)).state).toBe('declined')
})

test('goods that nobody confirmed and somebody reclaimed end the order unpaid', async () => {
  const shop = await agent()
  const terms = await accepted(shop, quick)
  await shop.scheduler.drain()
  expect(await stateOf(shop, terms)).toBe('shipped')
  await market.warp(14 * 86_400 + 1)
  await market.reclaim(terms)
  await shop.scheduler.drain()
  expect(await stateOf(shop, terms)).toBe('reclaimed')
})
