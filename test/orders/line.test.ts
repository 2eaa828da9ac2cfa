import { afterEach, describe, expect, it } from 'vitest'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
afterEach(() => home.close())

/** A home that may buy by itself and whose drawer just ran low. */
async function lowHome(limits: Parameters<Home['signMandate']>[0] = {}, mode: 'auto' | 'ask' = 'auto'): Promise<void> {
  home = await openHome()
  await home.signMandate(limits)
  await home.confirm(mode)
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
  await home.level(250)
}
const kinds = async () => (await home.feed()).map((entry) => entry.kind)
const lastText = async () => (await home.feed()).at(-1)?.text ?? ''
const state = async () => (await home.onlyOrder()).state

describe('an order', () => {
  it('goes from the low level to the payment, and the money adds up to the unit', async () => {
    await lowHome()
    const before = (await home.balance(home.wallet.address)) + PRICE
    expect(await state()).toBe('authorized')
    expect(await home.balance(home.chain.facts.escrow)).toBe(PRICE)

    await home.pass(24 * HOUR_MS)
    expect(await state()).toBe('due')
    await home.ship()
    expect(await state()).toBe('shipped')
    await home.pass(HOUR_MS)
    await home.level(1400)
    expect(await state()).toBe('shipped')
    const { orderId } = await home.onlyOrder()
    expect(await home.actions.received(home.homeId, orderId, 'owner')).toMatchObject({ ok: true })
    await home.drain()
    expect(await state()).toBe('delivered')
    await home.capture()

    expect(await state()).toBe('completed')
    expect(before - (await home.balance(home.wallet.address))).toBe(PRICE)
    expect(await home.balance(home.selling.address)).toBe(PRICE)
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
    expect(await kinds()).toEqual(['update', 'order-planned', 'placed', 'shipped', 'update', 'delivered', 'completed'])
  })

  it('is placed once, however often the low level is told', async () => {
    await lowHome()
    await home.level(249)
    await home.level(248, { seq: 99 })
    await home.level(248, { seq: 99 })
    await home.pass(HOUR_MS)
    expect(home.shop.quotesGiven).toBe(1)
    expect(await state()).toBe('authorized')
  })

  it('counts goods that arrived and are not poured in yet', async () => {
    await lowHome({ coolingOffSeconds: 0 })
    await home.ship()
    const { orderId } = await home.onlyOrder()
    await home.actions.received(home.homeId, orderId, 'owner')
    // The second evidence is the carrier's word; nobody has refilled the drawer.
    home.db.prepare(`INSERT INTO evidence VALUES (?, 'carrier', 'handed over', ?)`).run(orderId, home.clock.nowMs())
    home.db.prepare('UPDATE orders SET next_at_ms = ? WHERE order_id = ?').run(home.clock.nowMs(), orderId)
    await home.drain()
    await home.capture()
    await home.pass(HOUR_MS)
    await home.level(200)
    expect(await state()).toBe('completed')
  })

  it('waits for consent in mode ask, then takes a fresh quote at no more than was shown', async () => {
    await lowHome({}, 'ask')
    const { orderId } = await home.onlyOrder()
    expect(await state()).toBe('awaiting-consent')
    expect(await lastText()).toContain(`adept consent ${orderId} yes`)
    await home.pass(HOUR_MS)
    expect(await home.actions.consent(home.homeId, orderId, 'yes', 'owner')).toMatchObject({ ok: true })
    await home.drain()
    expect(await state()).toBe('authorized')
    expect((await home.onlyOrder()).attempt).toBe(2)
  })

  it('asks again when the price rose after the consent', async () => {
    await lowHome({}, 'ask')
    const { orderId } = await home.onlyOrder()
    home.shop.price = PRICE + 1n
    await home.actions.consent(home.homeId, orderId, 'yes', 'owner')
    await home.drain()
    expect(await state()).toBe('awaiting-consent')
    expect(await lastText()).toContain('changed since your last answer')
    // The first yes comes twice, from somebody who has not seen the new price.
    expect(await home.actions.consent(home.homeId, orderId, 'yes', 'owner', PRICE)).toMatchObject({ ok: false })
    await home.drain()
    expect(await state()).toBe('awaiting-consent')
    expect(await home.actions.consent(home.homeId, orderId, 'yes', 'owner', PRICE + 1n)).toMatchObject({ ok: true })
    await home.drain()
    expect(await state()).toBe('authorized')
  })

  it('is dropped without consent: at a no, and after 48 hours of silence', async () => {
    await lowHome({}, 'ask')
    await home.pass(48 * HOUR_MS - 1)
    expect(await state()).toBe('awaiting-consent')
    await home.pass(1)
    expect(await state()).toBe('dropped')
    await home.close()

    await lowHome({}, 'ask')
    const { orderId } = await home.onlyOrder()
    await home.actions.consent(home.homeId, orderId, 'no', 'owner')
    expect(await state()).toBe('dropped')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it('is cancelled in cooling off and the money comes back; a second cancel says so', async () => {
    await lowHome()
    const { orderId } = await home.onlyOrder()
    expect(await home.actions.cancel(home.homeId, orderId, 'owner')).toMatchObject({ ok: true })
    await home.drain()
    expect(await state()).toBe('cancelled')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
    expect(await home.actions.cancel(home.homeId, orderId, 'owner')).toMatchObject({
      ok: true,
      sentence: expect.stringContaining('already'),
    })
  })

  it('is reclaimed and tried again when the seller does not ship in time', async () => {
    await lowHome()
    const [placed] = await home.orders()
    await home.pass((24 + 3 * 24) * HOUR_MS + 2_000)
    expect(await kinds()).toContain('problem')
    const again = await home.onlyOrder()
    expect(again).toMatchObject({ orderId: placed?.orderId, attempt: 2, state: 'authorized' })
    expect(await home.balance(home.chain.facts.escrow)).toBe(PRICE)
  })

  it('follows the chain when a reorg takes its block away, and tells the homeowner', async () => {
    await lowHome()
    await home.connection.rpc.send('anvil_reorg', [1, []])
    await home.drain()
    expect(await kinds()).toContain('problem')
    expect(await lastText()).toContain('A correction')
    expect(await state()).toBe('quoted')
    await home.pass(60_000)
    await home.settle()
    expect(await state()).toBe('authorized')
    expect(await home.balance(home.chain.facts.escrow)).toBe(PRICE)
  })

  it('gives the money back when nobody confirms its arrival within 14 days', async () => {
    await lowHome({ coolingOffSeconds: 0 })
    await home.ship()
    await home.pass(14 * 24 * HOUR_MS + 20 * 60_000)
    expect(await state()).toBe('reclaimed')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it('completes neither on the owner’s word alone nor on a refill from before it was shipped', async () => {
    await lowHome({ coolingOffSeconds: 0 })
    const lowAtMs = home.clock.nowMs()
    await home.pass(HOUR_MS)
    await home.ship()
    await home.level(1400, { measuredAtMs: lowAtMs + 60_000 })
    const { orderId } = await home.onlyOrder()
    await home.actions.received(home.homeId, orderId, 'owner')
    await home.drain()
    expect(await state()).toBe('shipped')
  })
})
