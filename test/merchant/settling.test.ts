import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import type { SettlementOffer } from '../../gateway/domain/settlement.ts'
import { ownOffer, takeSettlement, wantDispute, wantSettlement } from '../../gateway/merchant/wishes.ts'
import { type Market, openMarket } from './market.ts'
import { openStand, type Stand } from './stand.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const HALF = 6_245_000n
const WEEK_SECONDS = 7 * 86_400

let market: Market
let stand: Stand
let mandate: MandateFile
let shop: Awaited<ReturnType<Stand['agent']>>
let told: string[]
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market?.close())
beforeEach(async () => {
  stand = await openStand(market)
  mandate = await market.grantMandate([stand.seller], 0)
  shop = await stand.agent()
  told = []
})
afterEach(() => stand?.close())

const orderOf = async ({ authorizationId }: Terms) => (await shop.orders.get(authorizationId))!
const take = async (terms: Terms, offer: SettlementOffer) =>
  takeSettlement(await orderOf(terms), offer, { ...shop, tell: (sentence) => void told.push(sentence) })
const want = async (terms: Terms, amount?: bigint) =>
  wantSettlement(await orderOf(terms), { amount, validSeconds: WEEK_SECONDS }, shop)
async function shipped(): Promise<Terms> {
  const terms = await stand.sell(shop, mandate)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
  return terms
}

test('what the buyer offers is told, and taken when the shop agrees', async () => {
  const terms = await shipped()
  await expect(want(terms)).rejects.toThrow('has offered nothing')
  expect(await take(terms, await market.offerOf(terms, HALF))).toEqual({ kind: 'acknowledged' })
  expect(told).toEqual([expect.stringContaining(`offers to settle: ${HALF} of ${terms.amount}`)])
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')

  const before = await market.chain.funds(terms.payer)
  expect(await want(terms)).toContain(`${HALF} of ${terms.amount} minor units are taken`)
  await shop.scheduler.drain()
  expect(await orderOf(terms)).toMatchObject({ state: 'settled' })
  expect(await market.balanceOf(stand.seller)).toBe(HALF)
  expect((await market.chain.funds(terms.payer)).balance - before.balance).toBe(terms.amount - HALF)
})

test('what the shop would take is shown signed, and taken at once when the buyer signs it or more', async () => {
  const terms = await shipped()
  await market.dispute(terms)
  expect(await want(terms, HALF)).toContain('when its gateway next asks')
  const ours = await ownOffer(await orderOf(terms), shop)
  expect(ours).toMatchObject({ toSeller: HALF, signature: expect.stringMatching(/^0x[0-9a-f]{130}$/) })
  expect(await take(terms, await market.offerOf(terms, HALF - 1n))).toEqual({ kind: 'acknowledged' })
  await shop.scheduler.drain()
  expect((await market.chain.hold(terms)).state).toBe('disputed')
  expect(await take(terms, await market.offerOf(terms, HALF))).toEqual({ kind: 'acknowledged' })
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('settled')
  expect(await ownOffer(await orderOf(terms), shop)).toBeUndefined()
})

test('an offer that does not bind the buyer is not kept', async () => {
  const terms = await shipped()
  const good = await market.offerOf(terms, HALF)
  const refused = (words: string) => ({ kind: 'refused', reason: expect.stringContaining(words) })
  expect(await take(terms, { ...good, toSeller: HALF + 1n })).toEqual(refused('not signed by the payer'))
  expect(await take(terms, { ...good, signature: '0x00' })).toEqual(refused('not signed by the payer'))
  expect(await take(terms, await market.offerOf(terms, terms.amount + 1n))).toEqual(refused('are held'))
  expect(await take(terms, await market.offerOf(terms, HALF, 0))).toEqual(refused('expired'))
  expect(await take(terms, await market.offerOf(terms, HALF, 91 * 86_400))).toEqual(refused('90 days'))
  expect((await orderOf(terms)).offered).toBeUndefined()
  await market.warp(15 * 86_400)
  await market.reclaim(terms)
  await shop.orders.postpone(terms.authorizationId, 'shipped', 0)
  await shop.scheduler.drain()
  expect(await take(terms, good)).toEqual(refused('reclaimed'))
  await expect(want(terms, HALF)).rejects.toThrow('nothing to settle')
})

test('an offer that expires before it is sent is given up, and the order goes its own way', async () => {
  const terms = await stand.sell(shop, mandate)
  await take(terms, await market.offerOf(terms, HALF, 600))
  await want(terms)
  stand.clock.set(stand.clock.nowMs() + 700_000)
  await shop.scheduler.drain()
  expect(stand.warnings).toEqual([expect.stringContaining('has expired')])
  expect(await orderOf(terms)).toMatchObject({ state: 'shipped', wish: undefined })
})

test('what the chain refuses is tried three times', async () => {
  shop = await stand.agent({ chain: () => ({ settle: () => Promise.reject(new Error('no gas')) }) })
  const terms = await shipped()
  await take(terms, await market.offerOf(terms, HALF))
  await want(terms)
  for (let day = 0; day < 4; day++) {
    await shop.scheduler.drain()
    stand.clock.set(stand.clock.nowMs() + 3_600_000)
  }
  expect(stand.warnings.filter((warning) => warning.endsWith('no gas'))).toHaveLength(3)
  expect(await orderOf(terms)).toMatchObject({ state: 'shipped', wish: undefined })
})

test('the shop freezes what nobody confirms, within 14 days', async () => {
  const terms = await shipped()
  expect(await wantDispute(await orderOf(terms), shop)).toContain('the agent disputes it')
  await shop.scheduler.drain()
  expect(await orderOf(terms)).toMatchObject({ state: 'disputed' })
  expect(await market.chain.hold(terms)).toMatchObject({ state: 'disputed' })
  expect(await wantDispute(await orderOf(terms), shop)).toContain('disputed already')

  const late = await shipped()
  await market.warp(14 * 86_400 + 1)
  stand.clock.set((await market.nowSeconds()) * 1000)
  await wantDispute(await orderOf(late), shop)
  await shop.scheduler.drain()
  expect(stand.warnings).toEqual([expect.stringContaining('the 14 days for a dispute are over')])
  const accepted = await stand.sell(shop, mandate)
  await expect(wantDispute(await orderOf(accepted), shop).then(() => undefined)).rejects.toThrow('only a shipped order')
})
