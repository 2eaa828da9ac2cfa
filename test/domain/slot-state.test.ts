import { describe, expect, it } from 'vitest'
import {
  afterReading,
  doseOf,
  leftOf,
  newSlotState,
  refilledBetween,
  type SlotReading,
} from '../../gateway/domain/slot-state.ts'

const DAY_MS = 86_400_000
const START_MS = 1_763_784_000_000
const measure = { unit: 'ml' as const, capacity: 1000, degradationDirection: 'down' as const }
let readingId = 0
const level = (remaining: number, day: number, mark: 'verified' | 'unverified' = 'verified'): SlotReading => ({
  kind: 'level',
  readingId: ++readingId,
  measuredAtMs: START_MS + day * DAY_MS,
  remaining,
  mark,
  markReason: mark === 'verified' ? '' : 'why',
})
const event = (day: number, type = 'cycle-finished', dose?: number): SlotReading => ({
  kind: 'event',
  measuredAtMs: START_MS + day * DAY_MS,
  type,
  code: undefined,
  dose,
})
const stateAfter = (...readings: SlotReading[]) => readings.reduce(afterReading, newSlotState(measure))

it('what is left is read from the side that empties', () => {
  expect(leftOf(300, measure)).toBe(300)
  expect(leftOf(300, { ...measure, degradationDirection: 'up' })).toBe(700)
})

describe('a level', () => {
  it('is known whatever its mark, and tells of the use only when it is verified', () => {
    expect(newSlotState(measure)).toEqual({
      measure,
      usage: undefined,
      level: undefined,
      readingId: undefined,
      lowestLeft: undefined,
      events: [],
    })
    const doubtful = stateAfter(level(900, 0, 'unverified'))
    expect(doubtful).toMatchObject({ usage: undefined, lowestLeft: undefined, readingId })
    expect(doubtful.level).toEqual({
      remaining: 900,
      unit: 'ml',
      mark: 'unverified',
      markReason: 'why',
      measuredAtMs: START_MS,
    })
    const known = afterReading(doubtful, level(800, 1))
    expect(known).toMatchObject({
      lowestLeft: 800,
      level: { remaining: 800, mark: 'verified' },
      usage: { reading: 800 },
    })
  })

  it('that came late changes nothing, one of the same moment does', () => {
    const state = stateAfter(level(900, 1))
    expect(afterReading(state, level(500, 0.9))).toBe(state)
    expect(afterReading(state, level(890, 1)).level?.remaining).toBe(890)
  })

  it('that rose by a fifth above the lowest is a refill, in steps too', () => {
    const low = stateAfter(level(500, 0), level(300, 1), level(380, 2))
    expect(low.lowestLeft).toBe(300)
    const risen = afterReading(low, level(499, 3))
    expect(risen.lowestLeft).toBe(300)
    const filled = afterReading(low, level(500, 3))
    expect(filled.lowestLeft).toBe(500)
    expect(filled.usage?.refill?.atMs).toBe(START_MS + 3 * DAY_MS)
    expect(refilledBetween(low, filled)).toBeGreaterThan(80)
    expect(refilledBetween(filled, afterReading(filled, level(480, 4)))).toBe(0)
    expect(refilledBetween(newSlotState(measure), stateAfter(level(500, 0)))).toBe(0)
    expect(refilledBetween(newSlotState(measure), newSlotState(measure))).toBe(0)
  })

  it('of a slot that fills up is turned round', () => {
    const up = newSlotState({ ...measure, degradationDirection: 'up' })
    expect(afterReading(up, level(300, 0))).toMatchObject({ lowestLeft: 700, usage: { reading: 700 } })
  })
})

describe('an event', () => {
  it('is kept until the rules have seen it, the newest twenty of them', () => {
    const state = stateAfter(...Array.from({ length: 25 }, (_, day) => event(day, `e${day}`)))
    expect(state.events).toHaveLength(20)
    expect(state.events[0]).toEqual({ type: 'e5', atMs: START_MS + 5 * DAY_MS, code: undefined })
    expect(state.usage).toBeUndefined()
  })

  it('takes its dose from what is left', () => {
    const state = stateAfter(level(900, 0), event(1, 'cycle-finished', 40), event(2))
    expect(state.usage).toMatchObject({ dosesSinceReading: 40 })
    expect(state.events).toHaveLength(2)
  })

  it.each([
    ['cycle-finished', { doseMl: 40 }, 'ml', ['ml'], 40],
    ['cycle-finished', { doseMl: 40 }, 'ml', ['ml', 'g'], 40],
    ['cycle-finished', { doseMl: 40 }, 'ml', ['ml', 'ml'], undefined],
    ['cycle-finished', { doseMl: 40, slot: 'detergent' }, 'ml', ['ml', 'ml'], 40],
    ['cycle-finished', { doseMl: 40, slot: 'softener' }, 'ml', ['ml', 'ml'], undefined],
    ['cycle-finished', { doseMl: 40, slot: 'softener' }, 'ml', ['ml'], undefined],
    ['cycle-finished', { doseGrams: 20 }, 'g', ['g'], 20],
    ['cycle-finished', { doseCount: 1 }, 'count', ['count'], 1],
    ['cycle-finished', { doseMl: 40 }, 'g', ['g'], undefined],
    ['cycle-finished', { doseMl: 40 }, 'percent', ['percent'], undefined],
    ['cycle-finished', { doseMl: 0 }, 'ml', ['ml'], undefined],
    ['cycle-finished', { doseMl: -1 }, 'ml', ['ml'], undefined],
    ['cycle-finished', { doseMl: '40' }, 'ml', ['ml'], undefined],
    ['cycle-finished', {}, 'ml', ['ml'], undefined],
    ['cycle-started', { doseMl: 40 }, 'ml', ['ml'], undefined],
  ] as const)('%s with %j is for a slot of %s beside %j: %s', (type, detail, unit, units, dose) => {
    expect(doseOf({ type, detail }, { name: 'detergent', unit }, units)).toBe(dose)
  })
})
