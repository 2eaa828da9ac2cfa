import { describe, expect, it } from 'vitest'
import { evaluate } from '../../gateway/rules/evaluate.ts'
import { bookOf, DAY_MS, GTIN, HOUR_MS, NOW_MS, ORDER_ID, situationOf } from './situation.ts'

const FIFTH = `
rules:
  - name: below a fifth
    when: { level: { below: 20 % } }
    then: { order: { packs: 1 } }
`
type Change = Parameters<typeof situationOf>[0]
const decide = (change: Change = {}, book = bookOf(FIFTH), nowMs = NOW_MS) =>
  evaluate(situationOf(change), book, nowMs, () => ORDER_ID)
const quiet = (rules: string) => bookOf(`quietHours: { from: "22:00", to: "07:00" }\n${rules}`)
const NIGHT_MS = NOW_MS + 11 * HOUR_MS
const MORNING_MS = NOW_MS + 19 * HOUR_MS

describe('what stands in the way of an order', () => {
  const open = { openOrder: { orderId: ORDER_ID, state: 'shipped' as const } }
  it.each([
    [open, 'nothing', 'on-its-way', `Order ${ORDER_ID} is on its way (shipped).`],
    [
      { suspendedReason: 'its product list changed' },
      'tell-low',
      'suspended',
      'It buys nothing: its product list changed.',
    ],
    [{ mode: 'notify' }, 'tell-low', 'notify', 'Its mode is notify: you buy it yourself.'],
    [
      { products: [] },
      'tell-low',
      'no-mandate',
      'No mandate covers a product for it: sign one with `adept mandate sign washer-1`.',
    ],
    [
      { suspendedReason: 'its product list changed', lowTold: true },
      'nothing',
      'suspended',
      'It buys nothing: its product list changed.',
    ],
    [{ mode: 'notify', lowTold: true }, 'nothing', 'notify', 'Its mode is notify: you buy it yourself.'],
  ] as [Change, string, string, string][])('%o', (change, outcome, why, sentence) => {
    const decision = decide(change)
    expect(decision).toMatchObject({ outcome, why })
    expect(decision.reasons).toEqual(['279 ml of 1400 ml left; the rule says below 280 ml.', sentence])
    expect(decision.evaluateAgainAtMs).toBeGreaterThan(NOW_MS)
  })

  it('is the rest after one without goods, to the millisecond', () => {
    const resting = decide({ lastEndedWithoutGoodsAtMs: NOW_MS - DAY_MS + 1 })
    expect(resting).toMatchObject({ outcome: 'nothing', why: 'resting', evaluateAgainAtMs: NOW_MS + 1 })
    expect(resting.reasons.at(-1)).toBe('Its last order ended without goods; the next try is after 24 h.')
    expect(decide({ lastEndedWithoutGoodsAtMs: NOW_MS - DAY_MS }).outcome).toBe('order')
  })

  it('is a rule for other slots', () => {
    const others = bookOf(FIFTH.replace('    when', '    slots: [dryer-1/*, "*/softener", "*/detergen"]\n    when'))
    expect(decide({}, others).reasons).toEqual(['No rule orders for this slot.'])
    const mine = bookOf(FIFTH.replace('    when', '    slots: ["washer-1/*"]\n    when'))
    expect(decide({}, mine).outcome).toBe('order')
  })
})

describe('quiet hours', () => {
  it('keep questions and news until they end, and orders that ask nobody go on', () => {
    const book = quiet(FIFTH)
    const night = (change: Change) => decide(change, book, NIGHT_MS)
    expect(night({}).outcome).toBe('order')
    expect(night({ left: 1000 }).evaluateAgainAtMs).toBe(MORNING_MS)
    expect(night({ mode: 'ask' })).toMatchObject({ outcome: 'nothing', why: 'quiet', evaluateAgainAtMs: MORNING_MS })
    expect(night({ mode: 'ask' }).reasons.at(-1)).toBe('You are asked after the quiet hours.')
    expect(night({ mode: 'notify' })).toMatchObject({ outcome: 'nothing', why: 'quiet', evaluateAgainAtMs: MORNING_MS })
    expect(night({ mode: 'notify' }).reasons.at(-1)).toBe('It is told after the quiet hours.')
    expect(night({ mode: 'notify', lowTold: true }).why).toBe('notify')
    expect(decide({ mode: 'ask' }, book, MORNING_MS)).toMatchObject({ outcome: 'order', order: { mode: 'ask' } })
    expect(decide({ mode: 'ask' }, book).outcome).toBe('order')
  })

  it('keep the news of a silent sensor too', () => {
    const change = { left: 1000, silentDays: 9 }
    expect(decide(change, quiet(FIFTH), NIGHT_MS)).toMatchObject({ acts: [], blindTold: false })
    expect(decide(change, quiet(FIFTH), MORNING_MS)).toMatchObject({ blindTold: true })
  })
})

describe('several rules', () => {
  it('are tried in the order of the file, and their limits go with the order', () => {
    const book = bookOf(`
budgets: [{ name: house, period: month, limit: "60.00" }]
rules:
  - { name: cheap, when: { level: { below: 50 % }, price: { atMost: "9.00" }, budget: { name: house, leaves: "5.00" } }, then: { order: { mode: ask, packs: 2 } } }
  - { name: low, when: { level: { below: 20 % } }, then: { order: { packs: 1 } } }
`)
    expect(decide({ left: 600 }, book)).toMatchObject({
      outcome: 'order',
      order: {
        quantity: 2,
        mode: 'ask',
        limits: { rule: 'cheap', priceAtMost: '9.00', budget: { name: 'house', leaves: '5.00' } },
      },
      reasons: [
        '600 ml of 1400 ml left; the rule says below 700 ml.',
        'A pack may cost 9.00: more is asked when it is quoted.',
        'Of house, 5.00 must be left: less is asked when it is quoted.',
        `2 packs of GTIN ${GTIN}, by the rule "cheap".`,
      ],
    })
    const reversed = { ...book, rules: { ...book.rules, rules: book.rules.rules.toReversed() } }
    expect(decide({}, reversed)).toMatchObject({ order: { limits: { rule: 'low' } } })
  })

  it('need all conditions', () => {
    const book = bookOf(
      FIFTH.replace('{ level: { below: 20 % } }', '{ level: { below: 20 % }, event: cycle-finished }'),
    )
    const event = { type: 'cycle-finished', atMs: NOW_MS, code: undefined }
    const without = decide({}, book)
    expect(without.reasons).toEqual(['No new cycle-finished was reported.'])
    expect(decide({ events: [event] }, book).outcome).toBe('order')
    expect(decide({ events: [{ ...event, type: 'other' }] }, book).outcome).toBe('nothing')
    expect(decide({ left: 300, events: [event] }, book).outcome).toBe('nothing')
  })

  it('order by days left, stock on hand included', () => {
    const book = bookOf(FIFTH.replace('level: { below: 20 % }', 'daysLeft: { below: 10 }'))
    expect(decide({ left: 360 }, book).outcome).toBe('order')
    expect(decide({ left: 360 }, book).reasons[0]).toContain('The rule says below 10 days.')
    expect(decide({ left: 440 }, book).outcome).toBe('nothing')
    expect(decide({ left: 360, onHand: 80 }, book).outcome).toBe('nothing')
  })

  it('order at a time of day, and wake for it', () => {
    const book = bookOf(
      FIFTH.replace(
        'level: { below: 20 % }',
        'level: { below: 20 % }, timeOfDay: { from: "14:00", to: "16:00", days: [sat] }',
      ),
    )
    const before = decide({}, book)
    expect(before.outcome).toBe('nothing')
    expect(before.evaluateAgainAtMs).toBeLessThanOrEqual(NOW_MS + 2 * HOUR_MS)
    expect(before.reasons).toEqual(['It is not within 14:00 to 16:00, sat.'])
    expect(decide({}, book, NOW_MS + 2 * HOUR_MS)).toMatchObject({
      outcome: 'order',
      evaluateAgainAtMs: NOW_MS + 3 * HOUR_MS,
    })
    expect(decide({}, book, NOW_MS + 4 * HOUR_MS).outcome).toBe('nothing')
  })
})
