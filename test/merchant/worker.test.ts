import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MandateFile } from '../../gateway/domain/mandate.ts'
import { takeConfirmation } from '../../gateway/merchant/orders.ts'
import { type Market, openMarket } from './market.ts'
import { openStand, type Stand } from './stand.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const COOLING_OFF_SECONDS = 3_600

let market: Market
let stand: Stand
let quick: MandateFile
let slow: MandateFile
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market?.close())
beforeEach(async () => {
  stand = await openStand(market)
  quick = await market.grantMandate([stand.seller], 0)
  slow = await market.grantMandate([stand.seller], COOLING_OFF_SECONDS)
})
afterEach(() => stand?.close())

test('orders that are due together ship in one transaction and are paid in one', async () => {
  const shop = await stand.agent()
  const all = [await stand.sell(shop, quick), await stand.sell(shop, quick), await stand.sell(shop, quick)]
  await shop.scheduler.drain()
  for (const terms of all) {
    expect(await shop.stateOf(terms)).toBe('shipped')
    const { shipment } = (await shop.orders.get(terms.authorizationId))?.packed ?? {}
    expect(await takeConfirmation(terms.authorizationId, market.confirmationOf(terms, shipment!), shop)).toEqual({
      kind: 'acknowledged',
    })
  }
  await shop.scheduler.drain()
  for (const terms of all) expect(await shop.stateOf(terms)).toBe('paid')
  const purposes = stand.db.prepare('SELECT purpose, state FROM transactions ORDER BY nonce').all()
  expect(purposes).toEqual([
    { purpose: 'ship 3 orders', state: 'included' },
    { purpose: 'capture 3 orders', state: 'included' },
  ])
})

test('packs and ships in the first second after cooling off, not before', async () => {
  const shop = await stand.agent()
  const terms = await stand.sell(shop, slow)
  const { sinceSeconds } = await market.chain.hold(terms)
  const dueAtMs = (sinceSeconds + COOLING_OFF_SECONDS) * 1000
  stand.clock.set(dueAtMs - 1)
  expect(await shop.worker.step()).toEqual({ worked: false, nextDueAtMs: dueAtMs })
  expect(await shop.stateOf(terms)).toBe('accepted')
  // A row may be due too early, after the chain was rewound: the hold's own time decides.
  await shop.orders.postpone(terms.authorizationId, 'accepted', 0)
  expect(await shop.worker.step()).toEqual({ worked: false, nextDueAtMs: dueAtMs })

  await market.connection.rpc.send('evm_setNextBlockTimestamp', [dueAtMs / 1000])
  stand.clock.set(dueAtMs)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
})

test('a slow warehouse packs later, but an hour before ship-by at the latest', async () => {
  const shop = await stand.agent()
  const dueAfter = async (shipAfterSeconds: number) => {
    const terms = await stand.sell({ ...shop, shipAfterSeconds }, quick)
    const { sinceSeconds } = await market.chain.hold(terms)
    const { nextDueAtMs } = await shop.worker.step()
    await shop.orders.postpone(terms.authorizationId, 'accepted', Number.MAX_SAFE_INTEGER)
    return { afterSeconds: (nextDueAtMs ?? 0) / 1000 - sinceSeconds, shipBySeconds: terms.shipBy - sinceSeconds }
  }
  expect(await dueAfter(1_000)).toMatchObject({ afterSeconds: 1_000 })
  const { afterSeconds, shipBySeconds } = await dueAfter(30 * 86_400)
  expect(afterSeconds).toBe(shipBySeconds - 3_600)
})

test('a chain that is ahead of our clock ships when the chain says so', async () => {
  const shop = await stand.agent()
  const terms = await stand.sell(shop, slow)
  const standing = stand.clock.nowMs()
  await market.warp(COOLING_OFF_SECONDS)
  await shop.scheduler.drain()
  expect(stand.clock.nowMs()).toBe(standing)
  expect(await shop.stateOf(terms)).toBe('shipped')
})

test('a clock that runs ahead of the chain costs a try, and harms no other order', async () => {
  const shop = await stand.agent()
  const early = await stand.sell(shop, slow)
  stand.clock.set(stand.clock.nowMs() + COOLING_OFF_SECONDS * 1000)
  const ready = await stand.sell(shop, quick)
  await shop.worker.step()
  expect(await shop.stateOf(early)).toBe('packed')
  await shop.worker.step()
  expect(stand.warnings).toEqual([expect.stringContaining('may ship from')])
  stand.clock.set(stand.clock.nowMs() + 1_000)
  await shop.scheduler.drain()
  expect(await shop.stateOf(ready)).toBe('shipped')
  expect(await shop.orders.get(early.authorizationId)).toMatchObject({
    state: 'packed',
    problem: expect.stringContaining('may ship from'),
  })
  await market.warp(COOLING_OFF_SECONDS)
  stand.clock.set(stand.clock.nowMs() + 3_600_000)
  await shop.scheduler.drain()
  expect(await shop.orders.get(early.authorizationId)).toMatchObject({ state: 'shipped', problem: '' })
})

test('an order that was cancelled at the last moment is not handed over', async () => {
  const handedOver: number[] = []
  const shop = await stand.agent({
    chain: (real) => ({
      ship: async (items, save) => {
        await market.cancel(items[0]!.terms)
        return real.ship(items, save)
      },
    }),
    fulfilment: { handOver: async ({ orderNumber }) => void handedOver.push(orderNumber) },
  })
  const [cancelled, other] = [await stand.sell(shop, quick), await stand.sell(shop, quick)]
  await shop.scheduler.drain()
  expect(await shop.stateOf(cancelled)).toBe('cancelled')
  expect(await shop.stateOf(other)).toBe('shipped')
  expect(handedOver).toEqual([2])
})

test('the carrier waits until the receipt is on disk', async () => {
  const handedOver: number[] = []
  const shop = await stand.agent({
    fulfilment: { handOver: async ({ orderNumber }) => void handedOver.push(orderNumber) },
  })
  const terms = await stand.sell(shop, quick)
  for (let step = 0; step < 3; step++) await shop.worker.step()
  expect((await market.chain.hold(terms)).state).toBe('shipped')
  expect(await shop.stateOf(terms)).toBe('shipping')
  expect(handedOver).toEqual([])
  stand.clock.set(stand.clock.nowMs() + 5_000)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
  expect(handedOver).toEqual([1])
})

test('a missed ship-by is declined, so that the buyer need not reclaim', async () => {
  const shop = await stand.agent({ fulfilment: { dispatch: () => Promise.reject(new Error('strike')) } })
  const terms = await stand.sell(shop, quick)
  await shop.scheduler.drain()
  // Once, or again when the chain's second has passed meanwhile.
  expect(stand.warnings[0]).toContain('strike')
  stand.clock.set((terms.shipBy + 1) * 1000)
  await shop.scheduler.drain()
  expect(await shop.orders.get(terms.authorizationId)).toMatchObject({
    state: 'declined',
    problem: expect.stringContaining('ship-by'),
  })
  expect((await market.chain.hold(terms)).state).toBe('declined')
})

test('goods that nobody confirmed and somebody reclaimed end the order unpaid', async () => {
  const shop = await stand.agent()
  const terms = await stand.sell(shop, quick)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
  await market.warp(14 * 86_400 + 1)
  await market.reclaim(terms)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('reclaimed')
})

test('a block that a reorg takes back between receipt and look costs no order', async () => {
  const shop = await stand.agent()
  const terms = await stand.sell(shop, quick)
  await shop.worker.step()
  await shop.worker.step()
  expect(await shop.stateOf(terms)).toBe('shipping')
  await shop.settle.step()
  await market.connection.rpc.send('anvil_reorg', [1, []])
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipping')
  stand.clock.set(stand.clock.nowMs() + 20_000)
  await shop.scheduler.drain()
  stand.clock.set(stand.clock.nowMs() + 20_000)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
})
