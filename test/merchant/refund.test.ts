import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import { takeConfirmation } from '../../gateway/merchant/orders.ts'
import { wantRefund } from '../../gateway/merchant/refund.ts'
import { type Market, openMarket } from './market.ts'
import { openStand, type Stand } from './stand.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

let market: Market
let stand: Stand
let mandate: MandateFile
let shop: Awaited<ReturnType<Stand['agent']>>
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market?.close())
beforeEach(async () => {
  stand = await openStand(market)
  mandate = await market.grantMandate([stand.seller], 0)
  shop = await stand.agent()
})
afterEach(() => stand?.close())

async function shipped(): Promise<Terms> {
  const terms = await stand.sell(shop, mandate)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('shipped')
  return terms
}
async function confirm(terms: Terms): Promise<void> {
  const { shipment } = (await shop.orders.get(terms.authorizationId))?.packed ?? {}
  await takeConfirmation(terms.authorizationId, market.confirmationOf(terms, shipment!), shop)
}
async function paid(): Promise<Terms> {
  const terms = await shipped()
  await confirm(terms)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('paid')
  return terms
}

test('a paid order is given back in parts, each lets the escrow take just so much', async () => {
  const terms = await paid()
  const before = await market.chain.funds(terms.payer)
  expect(await wantRefund(terms.authorizationId, 1_000_000n, shop)).toContain('1000000 minor units will be given back')
  await expect(wantRefund(terms.authorizationId, 1n, shop)).rejects.toThrow('is returning: only a paid order')
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('paid')
  expect(await market.chain.hold(terms)).toMatchObject({ state: 'captured', amount: terms.amount - 1_000_000n })

  await wantRefund(terms.authorizationId, terms.amount - 1_000_000n, shop)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('refunded')
  expect((await market.chain.funds(terms.payer)).balance - before.balance).toBe(terms.amount)
  expect(await market.chain.funds(stand.seller)).toMatchObject({ balance: 0n, allowance: 0n })
})

test('more than there is is not sent, and the order stays paid', async () => {
  const terms = await paid()
  await expect(wantRefund('77', undefined, shop)).rejects.toThrow('There is no order 77')
  await expect(wantRefund('1', terms.amount + 1n, shop)).rejects.toThrow('give an amount from 1 to that')
  await wantRefund('1', 1n, shop)
  await shop.scheduler.drain()
  await wantRefund('1', undefined, shop)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('paid')
  expect(stand.warnings.at(-1)).toContain(`only ${terms.amount - 1n} minor units of it are with us`)
})

test('after 30 days the escrow gives nothing back', async () => {
  const terms = await paid()
  stand.clock.set(stand.clock.nowMs() + 31 * 86_400_000)
  await wantRefund('1', undefined, shop)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('paid')
  expect(stand.warnings.at(-1)).toContain('30 days')
})

test('a disputed order is not captured, and ends as the chain says', async () => {
  const terms = await shipped()
  await market.dispute(terms)
  await confirm(terms)
  await shop.scheduler.drain()
  expect(await shop.stateOf(terms)).toBe('disputed')
  const settled = { ...(await market.chain.hold(terms)), state: 'settled' as const, amount: 5n }
  const later = await stand.agent({ chain: () => ({ hold: async () => settled }) })
  await later.orders.postpone(terms.authorizationId, 'disputed', 0)
  await later.scheduler.drain()
  expect(await later.stateOf(terms)).toBe('settled')
  expect((await later.orders.steps(terms.authorizationId)).at(-1)?.reason).toContain('5 of')
})
