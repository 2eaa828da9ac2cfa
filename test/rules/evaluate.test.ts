import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Situation } from '../../gateway/ports/rules.ts'
import { evaluate } from '../../gateway/rules/evaluate.ts'
import { builtInRules } from '../../gateway/rules/in-force.ts'
import { bookOf, DAY_MS, GTIN, HOUR_MS, NOW_MS, ORDER_ID, situationOf, usageOf } from './situation.ts'

const FIFTH = `
rules:
  - name: below a fifth
    when: { level: { below: 20 % } }
    then: { order: { packs: 1 } }
`
type Change = Parameters<typeof situationOf>[0]
const fifth = bookOf(FIFTH)
const builtIn = bookOf(builtInRules().text)
const decide = (change: Change = {}, book = fifth, nowMs = NOW_MS) =>
  evaluate(situationOf(change), book, nowMs, () => ORDER_ID)

describe('an order by level', () => {
  it('is made just below the limit and not at it, and says all that led to it', () => {
    expect(decide()).toEqual({
      outcome: 'order',
      why: 'needed',
      reasons: [
        '279 ml of 1400 ml left; the rule says below 280 ml.',
        `1 pack of GTIN ${GTIN}, by the rule "below a fifth".`,
      ],
      order: {
        orderId: ORDER_ID,
        gtin: GTIN,
        quantity: 1,
        mode: 'auto',
        limits: { rule: 'below a fifth', priceAtMost: undefined, budget: undefined },
      },
      acts: [],
      actedAtMs: {},
      heldEvents: [],
      trust: 'measured',
      blindTold: false,
      evaluateAgainAtMs: NOW_MS + HOUR_MS,
    })
    const enough = decide({ left: 280 })
    expect(enough).toMatchObject({ outcome: 'nothing', why: 'enough' })
    expect(enough.reasons).toEqual(['280 ml of 1400 ml left; the rule says below 280 ml.'])
    expect(enough.evaluateAgainAtMs).toBeGreaterThan(NOW_MS)
  })

  it('takes a limit in the unit of the slot too', () => {
    const book = bookOf(FIFTH.replace('20 %', '300'))
    expect(decide({ left: 299 }, book).outcome).toBe('order')
    expect(decide({ left: 300 }, book).outcome).toBe('nothing')
  })

  it('counts the stock on hand, and says so', () => {
    expect(decide({ onHand: 1 }).reasons[0]).toBe(
      '279 ml of 1400 ml left and 1 ml on hand; the rule says below 280 ml.',
    )
    expect(decide({ onHand: 1 }).outcome).toBe('nothing')
    expect(decide({ onHand: 1, inFlight: 2 }).reasons[0]).toContain('left, 1 ml on hand and 2 ml on the way;')
  })

  it('reads a slot that fills up, such as a filter, the other way round', () => {
    const description = { ...situationOf().description!, degradationDirection: 'up' as const }
    const level = { ...situationOf().level!, remaining: 1121 }
    expect(decide({ description, level }).outcome).toBe('order')
    expect(decide({ description, level: { ...level, remaining: 1120 } }).outcome).toBe('nothing')
  })

  it('shows shares of a slot that only knows those', () => {
    const description = { ...situationOf().description!, unit: 'percent' as const, capacity: 100 }
    const usage = usageOf({ left: 19.94, perDay: 2, capacity: 100 })
    const level = { ...situationOf().level!, remaining: 19.94, unit: 'percent' as const }
    expect(decide({ description, usage, level }).reasons[0]).toBe('19.9 % of 100 % left; the rule says below 20 %.')
  })
})

describe('the built-in rule', () => {
  it('buys what the forecast needs for the time until new goods are here, and not before', () => {
    const needed = decide({ left: 279 }, builtIn)
    expect(needed).toMatchObject({ outcome: 'order', order: { quantity: 1, mode: 'auto' } })
    expect(needed.reasons[0]).toMatch(
      /^279 ml of 1400 ml left\. It lasts about 7 days more \(\d+ to \d+\)\. New goods need/,
    )
    const enough = decide({ left: 800 }, builtIn)
    expect(enough).toMatchObject({ outcome: 'nothing', why: 'enough' })
    expect(enough.reasons[0]).toContain('That is enough for now.')
    expect(enough.evaluateAgainAtMs).toBeGreaterThan(NOW_MS)
    expect(enough.evaluateAgainAtMs).toBeLessThanOrEqual(NOW_MS + 7 * DAY_MS)
  })

  it('nets what is on hand and on its way', () => {
    expect(decide({ onHand: 1400 }, builtIn).outcome).toBe('nothing')
    expect(decide({ inFlight: 1400 }, builtIn).outcome).toBe('nothing')
  })

  it('buys earlier from a slower seller, and earlier when a person must say yes', () => {
    const [product] = situationOf().products
    const slow = { products: [{ ...product!, leadTime: { meanDays: 14, sdDays: 2 } }] }
    expect(decide({ left: 800 }, builtIn).outcome).toBe('nothing')
    expect(decide({ left: 800, ...slow }, builtIn).outcome).toBe('order')
    const leasts = (['auto', 'ask'] as const).map((mode) => {
      let left = 900
      while (decide({ left, mode }, builtIn).outcome === 'nothing') left -= 10
      return left
    })
    expect(leasts[1]).toBeGreaterThan(leasts[0]!)
  })

  it('buys packs for the whole time until the next ones can come, within the mandate', () => {
    const [product] = situationOf().products
    const small = (maxPacks: number) => ({ products: [{ ...product!, packContent: 100, maxPacks }] })
    const many = decide(small(50), builtIn)
    expect(many).toMatchObject({ outcome: 'order' })
    const wanted = many.outcome === 'order' ? many.order.quantity : 0
    expect(wanted).toBeGreaterThan(2)
    const capped = decide(small(2), builtIn)
    expect(capped).toMatchObject({ outcome: 'order', order: { quantity: 2 } })
    expect(capped.reasons.at(-1)).toBe(
      `2 packs of GTIN ${GTIN}; ${wanted} are wanted, more than the mandate pays for at once, by the rule "order what the forecast needs".`,
    )
  })

  it('keeps to a storage limit and to what the seller sells at the least', () => {
    const order = (settings: string) => bookOf(builtInRules().text.replace('order: {}', `order: { ${settings} }`))
    expect(decide({}, order('storageLimit: 1600'))).toMatchObject({ outcome: 'nothing', why: 'enough' })
    expect(decide({}, order('storageLimit: 1700'))).toMatchObject({ outcome: 'order', order: { quantity: 1 } })
    expect(decide({}, order('atLeast: 2'))).toMatchObject({ outcome: 'order', order: { quantity: 2 } })
  })
})

describe('a level that is in doubt', () => {
  it.each([
    [{ level: undefined }, 'unknown', 'No level is known yet.'],
    [{ description: undefined }, 'unknown', /^The level is verified/],
    [
      { usage: undefined, level: { ...situationOf().level!, mark: 'unknown' as const, markReason: 'It is 0.' } },
      'unknown',
      'The level is unknown: It is 0.',
    ],
    [
      { level: { ...situationOf().level!, mark: 'unverified' as const, markReason: 'It jumped.' } },
      'doubtful',
      'The level is unverified: It jumped.',
    ],
  ] as [Partial<Situation>, string, string | RegExp][])('buys nothing: %#', (change, why, reason) => {
    const decision = decide(change)
    expect(decision).toMatchObject({ outcome: 'nothing', why, acts: [] })
    expect(decision.reasons).toEqual([typeof reason === 'string' ? reason : expect.stringMatching(reason)])
  })

  it('of a silent sensor asks once, and tells of the silence once', () => {
    const silent = { left: 400, silentDays: 9 }
    const first = decide(silent, builtIn)
    expect(first).toMatchObject({ outcome: 'order', order: { mode: 'ask' }, trust: 'extrapolated', blindTold: true })
    expect(first.acts).toEqual([
      {
        kind: 'tell',
        as: 'device-silent',
        text: expect.stringMatching(/^There has been no reading for 9 days.*Look at its sensor\.$/),
      },
    ])
    const again = decide({ ...silent, blindTold: true, lastOrderAtMs: NOW_MS - 9 * DAY_MS }, builtIn)
    expect(again).toMatchObject({ outcome: 'nothing', acts: [], blindTold: true })
    expect(decide({ ...silent, blindTold: true, lastOrderAtMs: NOW_MS - 9 * DAY_MS - 1 }, builtIn).outcome).toBe(
      'order',
    )
    expect(decide({ blindTold: true }).blindTold).toBe(false)
  })

  it('of a silent sensor guesses no second time for a rule of its own either', () => {
    const silent = { left: 400, silentDays: 9 }
    expect(decide(silent)).toMatchObject({ outcome: 'order', order: { mode: 'ask' } })
    const second = decide({ ...silent, lastOrderAtMs: NOW_MS })
    expect(second).toMatchObject({ outcome: 'nothing', why: 'blind' })
    expect(second.reasons.at(-1)).toContain('no second one')
  })

  it('is not told of for a slot that is not confirmed', () => {
    expect(decide({ silentDays: 9, suspendedReason: 'new slot' })).toMatchObject({ acts: [], blindTold: false })
  })

  it('asks even when the last of a stuck sensor is marked', () => {
    const level = { ...situationOf({ silentDays: 9 }).level!, mark: 'unverified' as const, markReason: 'stuck' }
    expect(decide({ left: 400, silentDays: 9, level })).toMatchObject({ outcome: 'order', order: { mode: 'ask' } })
  })
})

it('buys only what every condition allows, and always says why', () => {
  const situations = fc.record({
    mode: fc.constantFrom('notify' as const, 'ask' as const, 'auto' as const),
    mark: fc.constantFrom('verified' as const, 'unverified' as const, 'unknown' as const),
    left: fc.double({ min: 0, max: 1400, noNaN: true }),
    onHand: fc.double({ min: 0, max: 2000, noNaN: true }),
    isOpen: fc.boolean(),
    isSuspended: fc.boolean(),
    hasMandate: fc.boolean(),
  })
  fc.assert(
    fc.property(situations, ({ mode, mark, left, onHand, isOpen, isSuspended, hasMandate }) => {
      const base = situationOf({ left })
      const decision = decide({
        left,
        mode,
        onHand,
        openOrder: isOpen ? { orderId: ORDER_ID, state: 'due' } : undefined,
        suspendedReason: isSuspended ? 'not confirmed' : '',
        products: hasMandate ? base.products : [],
        level: { ...base.level!, mark },
      })
      expect(decision.reasons.join('')).not.toBe('')
      const mayBuy =
        mode !== 'notify' && mark === 'verified' && left + onHand < 280 && !isOpen && !isSuspended && hasMandate
      expect(decision.outcome === 'order').toBe(mayBuy)
    }),
  )
})
