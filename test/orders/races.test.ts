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
