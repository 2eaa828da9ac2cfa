import { afterEach, describe, expect, it } from 'vitest'
import { GTIN, HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
afterEach(() => home.close())

/** A home whose drawer runs low once it may buy by itself. */
async function confirmedHome(limits: Parameters<Home['signMandate']>[0] = {}): Promise<void> {
  home = await openHome()
  await home.signMandate(limits)
  await home.confirm('auto')
}
async function runLow(): Promise<void> {
  for (const remaining of [1400, 800, 250]) await home.level(remaining)
}
const kinds = async () => (await home.feed()).map((entry) => entry.kind)
const lastText = async () => (await home.feed()).at(-1)?.text ?? ''
const state = async () => (await home.onlyOrder()).state

describe('nothing is bought', () => {
  it('before the owner confirmed the slot', async () => {
    home = await openHome()
    await home.signMandate()
    await runLow()
    expect(await home.orders()).toEqual([])
    expect(await kinds()).toEqual(['update', 'low'])
  })

  it('without a mandate', async () => {
    home = await openHome()
    await home.confirm('auto')
    await runLow()
    expect(await home.orders()).toEqual([])
    expect(await lastText()).toContain('adept mandate sign washer-1')
  })

  it('under a revoked mandate', async () => {
    home = await openHome()
    const file = await home.signMandate()
    await home.confirm('auto')
    await home.level(1400)
    await home.level(800)
    await home.verbs.revoke(home.homeId, file.mandateHash)
    // The revocation is on chain, but the watcher has not seen it: the check before signing does.
    home.db.prepare(`UPDATE slots SET remaining = 250, evaluate = 1`).run()
    await home.drain()
    expect((await home.orders()).every((order) => order.state === 'dropped')).toBe(true)
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it('from a level of zero that comes from nowhere', async () => {
    await confirmedHome()
    await home.level(0)
    expect(await home.orders()).toEqual([])
  })

  it('above the price cap of the mandate', async () => {
    await confirmedHome({ maxUnitPrice: PRICE - 1n })
    await runLow()
    expect(await state()).toBe('dropped')
    expect(await lastText()).toContain('your mandate allows 12.489999')
    expect((await home.feed()).at(-1)?.kind).toBe('limit-reached')
  })

  it('beyond the allowance of the period', async () => {
    await confirmedHome({ allowance: PRICE * 2n - 1n, maxPerOrder: PRICE * 2n - 1n, coolingOffSeconds: 0 })
    await runLow()
    await home.ship()
    await home.pass(HOUR_MS)
    await home.level(1400)
    const { orderId } = await home.onlyOrder()
    await home.actions.received(home.homeId, orderId, 'owner')
    await home.drain()
    await home.capture()
    await home.pass(2 * HOUR_MS)
    await home.level(800)
    await home.level(250)
    const second = (await home.orders())[0]
    expect(second?.state).toBe('dropped')
    expect(await lastText()).toContain("of the period's")
  })

  it('from an empty wallet', async () => {
    await confirmedHome()
    home.chain.funds = async () => ({ balance: PRICE - 1n, allowance: 2n ** 255n })
    await runLow()
    expect(await state()).toBe('dropped')
    expect(await lastText()).toContain('top it up')
  })

  it('while the seller is silent; it is asked again, and the homeowner hears of it', async () => {
    await confirmedHome()
    home.shop.isSilent = true
    await runLow()
    await home.pass(HOUR_MS)
    expect(await state()).toBe('needed')
    expect(await lastText()).toContain('is silent')
    home.shop.isSilent = false
    await home.pass(2 * HOUR_MS)
    expect(await state()).toBe('authorized')
  })

  it('from a seller that stays silent for two days', async () => {
    await confirmedHome()
    home.shop.isSilent = true
    await runLow()
    await home.pass(60 * HOUR_MS)
    expect((await home.orders()).at(-1)?.state).toBe('dropped')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it.each([
    ['signed by somebody else', { after: (quote) => ({ ...quote, totalMinorUnits: quote.totalMinorUnits - 1n }) }],
    ['expired', { before: (quote) => ({ ...quote, validBeforeSeconds: quote.validBeforeSeconds - 900 }) }],
    ['for other goods', { before: (quote) => ({ ...quote, gtin: '9521234000013' }) }],
    ['for more of them', { before: (quote) => ({ ...quote, quantity: 2 }) }],
    ['for smaller packs than the mandate names', { before: (quote) => ({ ...quote, packSize: 140 }) }],
    ['free', { before: (quote) => ({ ...quote, totalMinorUnits: 0n }) }],
    [
      'good for a year',
      { before: (quote) => ({ ...quote, validBeforeSeconds: quote.validBeforeSeconds + 31_536_000 }) },
    ],
    ['good beyond what the escrow can count', { before: (quote) => ({ ...quote, validBeforeSeconds: 2 ** 50 }) }],
    ['without time to ship', { before: (quote) => ({ ...quote, shipWithinSeconds: 1 }) }],
    ['for another order', { before: (quote) => ({ ...quote, attempt: 7 }) }],
    [
      'from a seller that the mandate does not name',
      { before: (quote) => ({ ...quote, seller: `0x${'2'.repeat(40)}` }) },
    ],
    ['in another token', { before: (quote) => ({ ...quote, token: `0x${'3'.repeat(40)}` }) }],
  ] satisfies [string, Partial<Home['shop']>][])('on a quote that is %s', async (_name, misdeed) => {
    await confirmedHome()
    Object.assign(home.shop, misdeed)
    await runLow()
    const order = await home.onlyOrder()
    expect(order.state).toBe('needed')
    expect(order.steps.at(-1)?.reason).toContain("The seller's quote is refused")
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it('when the seller has none: the order ends and the homeowner is told', async () => {
    await confirmedHome()
    home.shop.refusal = { reason: `GTIN ${GTIN} is sold out.`, retry: false }
    await runLow()
    expect(await state()).toBe('dropped')
    expect(await lastText()).toContain('sold out')
  })
})
