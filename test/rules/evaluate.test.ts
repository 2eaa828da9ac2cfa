import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Situation } from '../../gateway/ports.ts'
import { evaluate, type ThresholdRule } from '../../gateway/rules/evaluate.ts'

const NOW_MS = 1_763_784_000_000
const HOUR_MS = 3_600_000
const RULE: ThresholdRule = { orderBelowShare: 0.2, levelValidHours: 72, retryAfterHours: 24 }
const GTIN = '04006381333931'
const ORDER_ID = '0193d2a0-0000-4000-8000-000000000001'

const low: Situation = {
  homeId: 'home',
  deviceId: 'washer-1',
  slot: 'detergent',
  description: {
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    degradationDirection: 'down',
    replacementProducts: [{ type: 'gtin14', value: GTIN }],
  },
  mode: 'auto',
  suspendedReason: '',
  level: { remaining: 279, unit: 'ml', mark: 'verified', markReason: '', measuredAtMs: NOW_MS },
  readingId: 7,
  openOrder: undefined,
  onHand: 0,
  mandateGtins: [GTIN],
  lowTold: false,
  lastEndedWithoutGoodsAtMs: undefined,
}
const decide = (change: Partial<Situation>) => evaluate({ ...low, ...change }, RULE, NOW_MS, () => ORDER_ID)
const level = (change: Partial<NonNullable<Situation['level']>>) => ({ level: { ...low.level!, ...change } })

describe('evaluate', () => {
  it('orders one pack just below the threshold, and nothing at it', () => {
    expect(decide({})).toMatchObject({
      outcome: 'order',
      order: { orderId: ORDER_ID, gtin: GTIN, quantity: 1, mode: 'auto' },
    })
    expect(decide(level({ remaining: 280 })).outcome).toBe('nothing')
  })

  it('never buys from a level that is not verified', () => {
    expect(decide(level({ mark: 'unverified', markReason: 'it jumped' })).outcome).toBe('nothing')
    expect(decide(level({ mark: 'unknown', remaining: 0 })).outcome).toBe('nothing')
    expect(decide({ level: undefined }).outcome).toBe('nothing')
    expect(decide({ description: undefined }).outcome).toBe('nothing')
  })

  it('never buys from a stale level', () => {
    expect(decide(level({ measuredAtMs: NOW_MS - 72 * HOUR_MS })).outcome).toBe('order')
    expect(decide(level({ measuredAtMs: NOW_MS - 72 * HOUR_MS - 1 })).outcome).toBe('nothing')
  })

  it('counts stock on hand and in flight', () => {
    expect(decide({ onHand: 1 }).outcome).toBe('nothing')
    expect(decide({ openOrder: { orderId: ORDER_ID, state: 'shipped' } }).outcome).toBe('nothing')
  })

  it('tells the homeowner once when it may not buy', () => {
    expect(decide({ mode: 'notify' }).outcome).toBe('tell-low')
    expect(decide({ mode: 'notify', lowTold: true }).outcome).toBe('nothing')
    expect(decide({ suspendedReason: 'its product list changed' }).outcome).toBe('tell-low')
    expect(decide({ mandateGtins: [] }).reasons.join(' ')).toContain('adept mandate sign washer-1')
  })

  it('rests after an order without goods, and says when it looks again', () => {
    const ended = { lastEndedWithoutGoodsAtMs: NOW_MS - 24 * HOUR_MS + 1 }
    expect(decide(ended)).toMatchObject({ outcome: 'nothing', evaluateAgainAtMs: NOW_MS + 1 })
    expect(decide({ lastEndedWithoutGoodsAtMs: NOW_MS - 24 * HOUR_MS }).outcome).toBe('order')
  })

  it('reads a slot that fills up, such as a filter, the other way round', () => {
    const description = { ...low.description!, degradationDirection: 'up' as const }
    expect(decide({ description, ...level({ remaining: 1300 }) }).outcome).toBe('order')
    expect(decide({ description, ...level({ remaining: 100 }) }).outcome).toBe('nothing')
  })

  it('takes the first product of the device that a mandate names, whatever the length of the GTIN', () => {
    const replacementProducts = [
      { type: 'oem' as const, value: 'DC-1' },
      { type: 'ean' as const, value: '4006381333931' },
    ]
    expect(decide({ description: { ...low.description!, replacementProducts } })).toMatchObject({
      order: { gtin: '4006381333931' },
    })
  })

  it('buys only what every condition allows, and always says why', () => {
    const situations = fc.record({
      mode: fc.constantFrom('notify' as const, 'ask' as const, 'auto' as const),
      mark: fc.constantFrom('verified' as const, 'unverified' as const, 'unknown' as const),
      remaining: fc.double({ min: 0, max: 2000, noNaN: true }),
      onHand: fc.double({ min: 0, max: 2000, noNaN: true }),
      isOpen: fc.boolean(),
      isSuspended: fc.boolean(),
      ageHours: fc.integer({ min: 0, max: 200 }),
      hasMandate: fc.boolean(),
    })
    fc.assert(
      fc.property(situations, (made) => {
        const decision = decide({
          mode: made.mode,
          onHand: made.onHand,
          openOrder: made.isOpen ? { orderId: ORDER_ID, state: 'due' } : undefined,
          suspendedReason: made.isSuspended ? 'not confirmed' : '',
          mandateGtins: made.hasMandate ? [GTIN] : [],
          ...level({ mark: made.mark, remaining: made.remaining, measuredAtMs: NOW_MS - made.ageHours * HOUR_MS }),
        })
        expect(decision.reasons.join('')).not.toBe('')
        const mayBuy =
          made.mode !== 'notify' &&
          made.mark === 'verified' &&
          made.remaining + made.onHand < 280 &&
          !made.isOpen &&
          !made.isSuspended &&
          made.ageHours <= 72 &&
          made.hasMandate
        expect(decision.outcome === 'order').toBe(mayBuy)
      }),
    )
  })
})
