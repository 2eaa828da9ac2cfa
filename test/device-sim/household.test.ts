import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type Household,
  type HouseholdAction,
  type HouseholdState,
  newHousehold,
  nextHouseholdEventAtMs,
  stepHousehold,
  washesOfDay,
} from '../../device-sim/household.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import type { OrderMessage } from '../../gateway/wire/messages.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 2, 2, 6)
const family = (seed: string, people = 3): Household => ({ people, seed: new Seed(seed) })

/** All that happens by itself in `days`, stopping at each event. */
function live(household: Household, days: number, state: HouseholdState = newHousehold(household, START_MS)) {
  const actions: HouseholdAction[] = []
  const untilMs = START_MS + days * DAY_MS
  for (
    let atMs = nextHouseholdEventAtMs(state);
    atMs <= untilMs;
    atMs = Math.max(atMs, nextHouseholdEventAtMs(state))
  ) {
    const step = stepHousehold(state, { type: 'time' }, atMs, household)
    state = step.state
    actions.push(...step.actions)
  }
  return { state, actions }
}

function shipped(sinceMs: number, orderId: string = randomUUID()): OrderMessage {
  return { slot: 'detergent', orderId, state: 'shipped', sinceMs }
}

describe('weeks', () => {
  test('the same seed lives the same life, to the byte; another seed another', () => {
    const once = JSON.stringify(live(family('1'), 40).actions)
    expect(JSON.stringify(live(family('1'), 40).actions)).toBe(once)
    expect(JSON.stringify(live(family('2'), 40).actions)).not.toBe(once)
  })

  test.each([
    [1, 4],
    [3, 7.2],
    [6, 12],
  ])('a household of %i washes about %d times a week, most on Saturdays', (people, perWeek) => {
    const perWeekday = [0, 0, 0, 0, 0, 0, 0]
    const days = 7 * 300
    for (let day = 0; day < days; day++) {
      const dayStartMs = Date.UTC(2026, 0, 1) + day * DAY_MS
      const washes = washesOfDay(dayStartMs, family('rhythm', people))
      perWeekday[new Date(dayStartMs).getUTCDay()]! += washes.length
      for (const { atMs } of washes) {
        expect(new Date(atMs).getUTCHours()).toBeGreaterThanOrEqual(8)
        expect(new Date(atMs).getUTCHours()).toBeLessThan(20)
      }
    }
    const all = perWeekday.reduce((sum, count) => sum + count)
    expect(all / 300).toBeGreaterThan(perWeek * 0.93)
    expect(all / 300).toBeLessThan(perWeek * 1.07)
    expect(Math.max(...perWeekday)).toBe(perWeekday[6])
  })

  test('a load waits while the drum turns', () => {
    const household = family('busy', 40)
    const { actions } = live(household, 7)
    const running: string[] = []
    for (const action of actions) {
      if (action.type !== 'report' || action.report.topic !== 'event') continue
      if (action.report.type === 'cycle-started') running.push('started')
      if (action.report.type === 'cycle-finished') running.pop()
      expect(running.length).toBeLessThanOrEqual(1)
    }
    expect(actions.length).toBeGreaterThan(100)
  })
})

describe('a parcel', () => {
  test('is found 1–3 days after it was sent, by day', () => {
    for (let seed = 0; seed < 200; seed++) {
      const household = family(`parcel ${seed}`)
      const sinceMs = START_MS + seed * 3_600_000
      const { state } = stepHousehold(
        newHousehold(household, START_MS),
        { type: 'order', message: shipped(sinceMs) },
        sinceMs,
        household,
      )
      const [parcel] = state.parcels
      const days = ((parcel?.noticedAtMs ?? 0) - sinceMs) / DAY_MS
      expect(days).toBeGreaterThanOrEqual(1)
      expect(days).toBeLessThan(3.5)
    }
  })

  test('takes as long in each run, though order ids are random', () => {
    const noticed = () => {
      const household = family('1')
      const input = { type: 'order', message: shipped(START_MS) } as const
      return stepHousehold(newHousehold(household, START_MS), input, START_MS, household).state.parcels[0]?.noticedAtMs
    }
    expect(noticed()).toBe(noticed())
  })

  test('comes once, though the retained message comes with every connection', () => {
    const household = family('once')
    const message = shipped(START_MS)
    let state = newHousehold(household, START_MS)
    for (let copy = 0; copy < 3; copy++)
      state = stepHousehold(state, { type: 'order', message }, START_MS, household).state
    const { state: later, actions } = live(household, 5, state)
    expect(actions.filter((action) => action.type === 'parcel')).toEqual([{ type: 'parcel', orderId: message.orderId }])
    state = stepHousehold(later, { type: 'order', message }, START_MS + 5 * DAY_MS, household).state
    expect(state.parcels).toEqual([])
  })

  test('nobody waits for an order that is not on its way', () => {
    const household = family('waits')
    const before = newHousehold(household, START_MS)
    for (const state of ['needed', 'authorized', 'due', 'delivered', 'cancelled'] as const) {
      const input = { type: 'order', message: { ...shipped(START_MS), state } } as const
      expect(stepHousehold(before, input, START_MS, household).state).toEqual(before)
    }
  })

  test('pouring it in fills the drawer', () => {
    const household = family('pour')
    const { state } = live(household, 20)
    const poured = stepHousehold(state, { type: 'pour', ml: 1400 }, START_MS + 20 * DAY_MS, household)
    expect(poured.state.washer.remainingMl).toBe(1400)
    expect(poured.actions).toMatchObject([{ type: 'report', report: { topic: 'consumable', slot: 'detergent' } }])
  })
})
