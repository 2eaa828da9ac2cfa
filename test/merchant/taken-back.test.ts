import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import { takeConfirmation } from '../../gateway/merchant/orders.ts'
import { type Market, openMarket } from './market.ts'
import { openStand } from './stand.ts'

/** A reorg takes back what the shop takes for done, and the same bytes fail in the new blocks. */
let market: Market
let stand: Awaited<ReturnType<typeof openStand>>
let shop: Awaited<ReturnType<(typeof stand)['agent']>>
let mandate: MandateFile
let terms: Terms
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market.close())
beforeEach(async () => {
  stand = await openStand(market)
  mandate = await market.grantMandate([stand.seller], 0)
  shop = await stand.agent()
  terms = await stand.sell(shop, mandate)
  await live()
  expect(await shop.stateOf(terms)).toBe('shipped')
})
afterEach(() => stand.close())

const rpc = (method: string, params: unknown[]) => market.connection.rpc.send(method, params)
const onChain = async () => (await shop.chain.hold(terms)).state

async function live(): Promise<void> {
  for (let round = 0; round < 12; round++) {
    await shop.scheduler.drain()
    stand.clock.set(stand.clock.nowMs() + 2_000)
  }
}

/** The newest blocks are made again without what was in them; `meanwhile` comes before the shop's own bytes. */
async function takeBack(blocks: number, meanwhile: () => Promise<unknown>): Promise<void> {
  await rpc('anvil_reorg', [blocks, []])
  await rpc('anvil_dropAllTransactions', [])
  expect(await onChain()).toBe('authorized')
  await meanwhile()
  stand.clock.set(stand.clock.nowMs() + 2_000)
  await shop.settle.step()
  await shop.settle.step()
}

/** The shop's own bytes come again in a moment in which every call of the escrow reverts. */
async function takeBackAndRevert(blocks: number): Promise<void> {
  const { escrow } = market.access
  const code = await rpc('eth_getCode', [escrow, 'latest'])
  await takeBack(blocks, () => rpc('anvil_setCode', [escrow, '0xfe']))
  await rpc('anvil_setCode', [escrow, code])
}

test('a shipping that reverts is sent anew', async () => {
  await takeBackAndRevert(1)
  expect([await onChain(), await shop.stateOf(terms)]).toEqual(['authorized', 'shipped'])
  await live()
  expect([await onChain(), await shop.stateOf(terms)]).toEqual(['shipped', 'shipped'])
})

test('a payment whose shipping reverts too is brought to its end with the confirmation that is there', async () => {
  const { packed } = (await shop.orders.get(terms.authorizationId))!
  await takeConfirmation(terms.authorizationId, market.confirmationOf(terms, packed!.shipment), shop)
  await live()
  expect([await onChain(), await shop.stateOf(terms)]).toEqual(['captured', 'paid'])
  await takeBackAndRevert(2)
  expect([await onChain(), await shop.stateOf(terms)]).toEqual(['authorized', 'paid'])
  await live()
  expect([await onChain(), await shop.stateOf(terms)]).toEqual(['captured', 'paid'])
})

test('an order that the buyer cancelled in the new blocks ends, and the shop hears that its goods have left', async () => {
  await takeBack(1, () => market.cancel(terms))
  await live()
  expect(await shop.stateOf(terms)).toBe('cancelled')
  expect(stand.warnings.at(-1)).toContain('the funds were cancelled on chain, although the goods have left')
})
