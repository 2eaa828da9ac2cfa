import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import { takeConfirmation } from '../../gateway/merchant/orders.ts'
import { parcelsOf } from '../../gateway/merchant/packing.ts'
import type { Turn } from '../../gateway/merchant/turn.ts'
import { demoWarehouse } from '../../gateway/merchant/warehouse.ts'
import { type Market, openMarket } from './market.ts'
import { openStand, type Stand } from './stand.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

let market: Market
let stand: Stand
let washer: MandateFile
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market?.close())
beforeEach(async () => {
  stand = await openStand(market)
  washer = await market.grantMandate([stand.seller], 0)
})
afterEach(() => stand?.close())

type Shop = Awaited<ReturnType<Stand['agent']>>
async function sellTwo(shop: Shop, first = washer, second = washer): Promise<[Terms, Terms]> {
  return [await stand.sell(shop, first), await stand.sell(shop, second)]
}
const orderOf = async (shop: Shop, { authorizationId }: Terms) => (await shop.orders.get(authorizationId))!
const packedOf = async (shop: Shop, terms: Terms) => (await orderOf(shop, terms)).packed!
const purposes = () => stand.db.prepare('SELECT purpose FROM transactions ORDER BY nonce').pluck().all()
const confirm = (shop: Shop, confirmation: ReturnType<Market['confirmationOf']>) =>
  takeConfirmation(confirmation.authorizationId, confirmation, shop)

test('a home gets in one parcel what is due together, and pays it with one confirmation', async () => {
  const shop = await stand.agent()
  const orders = await sellTwo(shop)
  await shop.scheduler.drain()
  const [one, two] = [await packedOf(shop, orders[0]), await packedOf(shop, orders[1])]
  expect(one).toEqual(two)
  expect(JSON.parse(one.notice).orders.map((order: Terms) => order.authorizationId)).toEqual(
    orders.map(({ authorizationId }) => authorizationId),
  )
  const before = await market.balanceOf(stand.seller)
  // The buyer tells of each order on its own; the first word is enough for both.
  expect(await confirm(shop, market.confirmationOf(orders, one.shipment))).toEqual({ kind: 'acknowledged' })
  await shop.scheduler.drain()
  for (const terms of orders) expect(await shop.stateOf(terms)).toBe('paid')
  expect(await confirm(shop, market.confirmationOf([orders[1], orders[0]], one.shipment))).toEqual({
    kind: 'acknowledged',
  })
  expect(purposes()).toEqual(['ship 2 orders', 'capture 2 orders'])
  expect(await market.balanceOf(stand.seller)).toBe(before + orders[0].amount + orders[1].amount)
})

test('devices of one home share a parcel; each confirms its own orders', async () => {
  const shop = await stand.agent()
  const orders = await sellTwo(shop, washer, await market.grantMandate([stand.seller], 0))
  await shop.scheduler.drain()
  const { shipment, sscc } = await packedOf(shop, orders[0])
  expect((await packedOf(shop, orders[1])).sscc).toBe(sscc)
  expect(await confirm(shop, market.confirmationOf(orders, shipment))).toEqual({
    kind: 'refused',
    reason: expect.stringContaining('several mandates'),
  })
  for (const terms of orders) await confirm(shop, market.confirmationOf(terms, shipment))
  await shop.scheduler.drain()
  for (const terms of orders) expect(await shop.stateOf(terms)).toBe('paid')
  expect(purposes()).toEqual(['ship 2 orders', 'capture 2 orders'])
})

test('what was cancelled or is sold out leaves the parcel, and the others go on', async () => {
  const returned: number[] = []
  const shop = await stand.agent({
    chain: (real) => ({
      ship: async (items, save) => {
        await market.cancel(items[0]!.terms)
        return real.ship(items, save)
      },
    }),
    fulfilment: {
      ...demoWarehouse({ stockOf: () => 2, promisedPacks: (gtin) => shop.orders.promisedPacks(gtin) }),
      putBack: async ({ orderNumber }) => void returned.push(orderNumber),
    },
  })
  const [soldOut, ...stocked] = [...(await sellTwo(shop)), await stand.sell(shop, washer)] as [Terms, Terms, Terms]
  await shop.scheduler.drain()
  expect(await orderOf(shop, soldOut)).toMatchObject({ state: 'declined', packed: undefined })
  const [cancelled, kept] = stocked as [Terms, Terms]
  expect(await shop.stateOf(cancelled)).toBe('cancelled')
  expect(await shop.stateOf(kept)).toBe('shipped')
  expect(returned).toEqual([2])
  // The home may name the cancelled one too: the chain skips it.
  const { shipment } = await packedOf(shop, kept)
  expect(await confirm(shop, market.confirmationOf([kept, cancelled], shipment))).toEqual({ kind: 'acknowledged' })
  await shop.scheduler.drain()
  expect(await shop.stateOf(kept)).toBe('paid')
  expect(await shop.stateOf(cancelled)).toBe('cancelled')
})

test('a dispute of one order does not keep the other from being paid', async () => {
  const shop = await stand.agent()
  const [disputed, good] = await sellTwo(shop)
  await shop.scheduler.drain()
  await market.dispute(disputed)
  const { shipment } = await packedOf(shop, good)
  await confirm(shop, market.confirmationOf([good, disputed], shipment))
  await shop.scheduler.drain()
  expect(await shop.stateOf(good)).toBe('paid')
  expect(await shop.stateOf(disputed)).toBe('disputed')
})

test('a confirmation that could harm another order is not taken', async () => {
  const shop = await stand.agent()
  const [one, two] = await sellTwo(shop)
  await shop.scheduler.drain()
  const { shipment } = await packedOf(shop, one)
  const later = await stand.sell(shop, washer)
  const good = market.confirmationOf([one, two], shipment)
  expect(await confirm(shop, market.confirmationOf([one, later], shipment))).toMatchObject({ kind: 'later' })
  expect(await confirm(shop, market.confirmationOf([one, { ...two, amount: 1n }], shipment))).toMatchObject({
    reason: expect.stringContaining('of all'),
  })
  const unknown = { ...two, authorizationId: `0x${'7'.repeat(64)}` as const }
  expect(await confirm(shop, market.confirmationOf([one, unknown], shipment))).toMatchObject({
    reason: expect.stringContaining('not known here'),
  })
  expect(await confirm(shop, { ...good, authorizationId: later.authorizationId })).toMatchObject({
    reason: expect.stringContaining('does not name the order'),
  })
  expect(await shop.stateOf(one)).toBe('shipped')
  expect(await confirm(shop, good)).toEqual({ kind: 'acknowledged' })
  expect(await shop.stateOf(two)).toBe('confirmed')
})

test('orders of two payers, and one that failed before, never share a parcel', () => {
  const turn = (orderNumber: number, payer: string, failures = 0) =>
    ({ order: { orderNumber, failures, terms: { payer, authorizationId: `0x0${orderNumber}` } } }) as unknown as Turn
  const parcels = parcelsOf([turn(1, '0xa'), turn(2, '0xb'), turn(3, '0xa'), turn(4, '0xa', 1), turn(5, '0xa', 2)])
  expect(parcels.map((parcel) => parcel.map(({ order }) => order.orderNumber))).toEqual([[1, 3], [2], [4], [5]])
})

test('what falls due while a transaction is under way waits for it, half a minute at most', async () => {
  const shop = await stand.agent()
  const first = await stand.sell(shop, washer)
  await shop.worker.step()
  await shop.worker.step()
  expect(await shop.stateOf(first)).toBe('shipping')
  const [second, third] = await sellTwo(shop)
  for (let step = 0; step < 3; step++) {
    await shop.worker.step()
    stand.clock.set(stand.clock.nowMs() + 500)
  }
  expect([await shop.stateOf(second), await shop.stateOf(third)]).toEqual(['packed', 'packed'])
  stand.clock.set(stand.clock.nowMs() + 30_000)
  await shop.worker.step()
  expect([await shop.stateOf(second), await shop.stateOf(third)]).toEqual(['shipping', 'shipping'])
  expect(purposes()).toEqual(['ship 1 orders', 'ship 2 orders'])
})
