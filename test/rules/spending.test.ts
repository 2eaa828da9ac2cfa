import { afterEach, describe, expect, it } from 'vitest'
import { type HomeRecord, openRecord } from './record.ts'
import { DAY_MS, GTIN, HOUR_MS } from './situation.ts'

let home: HomeRecord
afterEach(() => home.close())

const RULES = (more: string) => `
budgets:
  - { name: washing, period: month, limit: "30.00", slots: ["washer-1/*"] }
  - { name: others, period: day, limit: "1", slots: ["dryer-1/*"] }
rules:
  - { name: low, when: { level: { below: 20 % }${more} }, then: { order: { packs: 1 } } }
`
let count = 0
/** An order of the rules, quoted now at that price, in that state. */
async function quoted(price: string, state = 'quoted', quantity = 1) {
  const orderId = `0193d2a4-0000-7000-8000-${String(++count).padStart(12, '0')}`
  const limits = home.db.prepare('SELECT limits FROM orders').get() as { limits: string } | undefined
  home.db
    .prepare(`INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons, limits)
              VALUES (?, 'home', 'washer-1', ?, '${GTIN}', ?, 'auto', ?, 0, 1, ?, '[]', ?)`)
    .run(orderId, `slot-${count}`, quantity, state, home.clock.nowMs(), limits?.limits ?? null)
  home.quote(orderId, BigInt(Math.round(Number(price) * 1e6)))
  const { ordersSince } = home.stores.history
  const order = (await ordersSince('home', 0)).find((each) => each.orderId === orderId)!
  const quote = { totalMinorUnits: BigInt(Math.round(Number(price) * 1e6)), quantity } as never
  return home.limits.exceeded(order, quote, home.clock.nowMs())
}

describe('a budget', () => {
  it('lets pass what fits to the unit, and asks for more with what is spent', async () => {
    home = await openRecord({ rules: RULES('') })
    expect(await quoted('30')).toBeUndefined()
    home.db.exec(`DELETE FROM quotes; DELETE FROM orders`)
    expect(await quoted('30.000001')).toContain('It costs 30.000001 TUSD')
    home.db.exec(`DELETE FROM quotes; DELETE FROM orders`)
    await quoted('12.49', 'authorized')
    await quoted('10', 'completed')
    expect(await quoted('7.51')).toBeUndefined()
    expect(await quoted('7.52')).toBe(
      'It costs 7.52 TUSD, and 30.00 TUSD of the 30.00 TUSD of your budget "washing" for this month are spent.',
    )
  })

  it('does not count what ended without goods, nor what was not paid yet', async () => {
    home = await openRecord({ rules: RULES('') })
    for (const state of ['dropped', 'cancelled', 'reclaimed', 'needed', 'awaiting-consent']) await quoted('30', state)
    expect(await quoted('30')).toBeUndefined()
  })

  it('counts of two that are quoted at once the earlier for the later, never both for both', async () => {
    home = await openRecord({ rules: RULES('') })
    expect(await quoted('20')).toBeUndefined()
    expect(await quoted('20')).toContain('20.00 TUSD of the 30.00')
    const orders = await home.stores.history.ordersSince('home', 0)
    const first = orders.toSorted((a, b) => a.orderId.localeCompare(b.orderId))[0]!
    expect(
      await home.limits.exceeded(first, { totalMinorUnits: 20_000_000n, quantity: 1 } as never, home.clock.nowMs()),
    ).toBeUndefined()
  })

  it('begins anew with the month of the home, not of UTC', async () => {
    home = await openRecord({ rules: RULES(''), timeZone: 'Europe/Berlin' })
    home.clock.set(Date.UTC(2027, 2, 31, 21, 59, 59))
    await quoted('30', 'completed')
    expect(await quoted('1')).toBeDefined()
    home.clock.set(Date.UTC(2027, 2, 31, 22))
    expect(await quoted('30')).toBeUndefined()
    home.clock.set(Date.UTC(2027, 2, 31, 22) + 29 * DAY_MS)
    home.db.exec(`UPDATE orders SET state = 'completed' WHERE state = 'quoted'`)
    expect(await quoted('1')).toBeDefined()
    home.clock.set(Date.UTC(2027, 3, 30, 22) + HOUR_MS)
    expect(await quoted('30')).toBeUndefined()
  })
})

describe('a condition of the rule that ordered', () => {
  it('asks when a pack costs more', async () => {
    home = await openRecord({ rules: RULES(', price: { atMost: "9.50" }') })
    home.db.exec(`INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons, limits)
                  VALUES ('a', 'home', 'washer-1', 'x', '${GTIN}', 1, 'auto', 'dropped', 0, 1, 0, '[]', '{"rule":"low","priceAtMost":"9.50"}')`)
    expect(await quoted('9.50')).toBeUndefined()
    home.db.exec(`DELETE FROM quotes; UPDATE orders SET state = 'dropped'`)
    expect(await quoted('19', 'quoted', 2)).toBeUndefined()
    home.db.exec(`DELETE FROM quotes; UPDATE orders SET state = 'dropped'`)
    expect(await quoted('19.000001', 'quoted', 2)).toBe(
      'It costs 19.000001 TUSD for 2 packs; the rule "low" allows 9.50 each.',
    )
    home.db.exec(`UPDATE orders SET limits = '{"rule":"low","priceAtMost":"9.5000001"}'`)
    expect(await quoted('1')).toContain('allows 9.5000001 each')
  })

  it('asks when too little of the budget would be left', async () => {
    home = await openRecord({ rules: RULES(', budget: { name: washing, leaves: "10.00" }') })
    home.db.exec(`INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons, limits)
                  VALUES ('a', 'home', 'washer-1', 'x', '${GTIN}', 1, 'auto', 'dropped', 0, 1, 0, '[]', '{"rule":"low","budget":{"name":"washing","leaves":"10.00"}}')`)
    expect(await quoted('20')).toBeUndefined()
    expect(await quoted('0.000001')).toContain(
      'your budget "washing" for this month are spent, and 10.00 must be left of it.',
    )
  })
})
