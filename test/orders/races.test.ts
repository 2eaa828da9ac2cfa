import { afterEach, describe, expect, it } from 'vitest'
import { HOUR_MS, type Home, openHome } from './home.ts'

let home: Home
afterEach(() => home.close())

/** A home that may buy by itself; its drawer is full. */
async function fullHome(limits: Parameters<Home['signMandate']>[0] = {}): Promise<void> {
  home = await openHome()
  await home.signMandate(limits)
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
}
const state = async () => (await home.onlyOrder()).state

describe('an order that its owner cancels', () => {
  it('while its payment is prepared is not paid', async () => {
    await fullHome()
    const funds = home.chain.funds
    let cancelled: unknown
    home.chain.funds = async (payer) => {
      const { orderId } = await home.onlyOrder()
      cancelled ??= await home.actions.cancel(home.homeId, orderId, 'owner')
      return funds(payer)
    }
    await home.level(250)
    expect(cancelled).toMatchObject({ ok: true })
    home.chain.funds = funds
    await home.drain()
    expect(await state()).toBe('dropped')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
    expect(home.shop.messages).toEqual([])
    await home.pass(30 * HOUR_MS)
  })
})

describe('goods', () => {
  it('whose refill is seen before the log of their shipping count as arrived', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    const order = home.shop.messages[0]
    if (order?.kind !== 'order') throw new Error('no order')
    await home.selling.ship([{ terms: order.terms, shipment: `0x${'5'.repeat(64)}` }], home.transactions.save)
    home.clock.set(home.clock.nowMs() + HOUR_MS)
    // The device is heard before the watcher reads the chain.
    await home.level(1400)
    expect(await state()).toBe('shipped')
    expect((await home.onlyOrder()).evidence).toMatchObject([{ kind: 'refill' }])
  })
})

describe('a slot', () => {
  it('whose order was dropped is looked at again without a new level', async () => {
    await fullHome()
    home.shop.refusal = { reason: 'Sold out.', retry: false }
    await home.level(250)
    expect(await state()).toBe('dropped')
    home.shop.refusal = undefined
    await home.pass(25 * HOUR_MS)
    expect((await home.orders()).map((order) => order.state)).toContain('authorized')
  })
})
