import { describe, expect, it } from 'vitest'
import { afterReading, newSlotState, type SlotReading, type SlotState } from '../../gateway/domain/slot-state.ts'
import type { HistoryStore, Situation, SlotStep } from '../../gateway/ports/rules.ts'
import { backTest, type Trial } from '../../gateway/rules/back-test.ts'
import { bookOf, DAY_MS, GTIN, HOUR_MS, situationOf } from './situation.ts'

/** A Monday, 20:00 in UTC. */
const START_MS = Date.UTC(2027, 0, 4, 20)
const MEASURE = { unit: 'ml', capacity: 1400, degradationDirection: 'down' } as const
const BELOW_HALF = 'rules: [{ name: low, when: { level: { below: 50 % } }, then: { order: { packs: 1 } } }]'

type Report = { day: number; left?: number; event?: string; slot?: string }
/** Each evening's level, from `from` down. */
const evenings = (from: number, perDay: number, days: number, firstDay = 0): Report[] =>
  Array.from({ length: days }, (_, day) => ({ day: firstDay + day, left: from - day * perDay }))

/** The record of one slot, page by page of a few readings. */
function historyOf(
  reports: Report[],
  situation: Situation,
  ordered: { slot: string; atMs: number }[] = [],
): HistoryStore {
  const states = new Map<string, SlotState>()
  const steps = reports.map(({ day, left, event, slot = 'detergent' }, index): SlotStep => {
    const measuredAtMs = START_MS + day * DAY_MS
    const reading: SlotReading =
      left === undefined
        ? { kind: 'event', measuredAtMs, type: event!, code: undefined, dose: undefined }
        : { kind: 'level', readingId: index, measuredAtMs, remaining: left, mark: 'verified', markReason: '' }
    const state = afterReading(states.get(slot) ?? newSlotState(MEASURE), reading)
    states.set(slot, { ...state, events: [] })
    return { deviceId: 'washer-1', slot, readingId: index, receivedAtMs: measuredAtMs, state }
  })
  const none = () => Promise.reject(new Error('a trial does not ask for this'))
  return {
    situations: async () => [situation],
    async *states(): ReturnType<HistoryStore['states']> {
      yield { kind: 'begin', readUntil: 0, ofReadings: steps.length, goneAtMs: undefined, bases: [] }
      for (let at = 0; at < steps.length; at += 7) {
        const readUntil = Math.min(steps.length, at + 7)
        yield { kind: 'read', readUntil, ofReadings: steps.length, steps: steps.slice(at, at + 7) }
      }
    },
    ordersSince: async () =>
      ordered.map(
        ({ slot, atMs }) =>
          ({ deviceId: 'washer-1', slot, createdAtMs: atMs, quantity: 3, state: 'completed' }) as never,
      ),
    decisions: none,
    rules: none,
    lastDecision: none,
  }
}

async function tried(
  reports: Report[],
  rules: string,
  options: { situation?: Partial<Situation>; sinceDay?: number; untilDay?: number; ordered?: [string, number][] } = {},
) {
  const { sinceDay = 0, untilDay = reports.at(-1)!.day, ordered = [] } = options
  const situation = situationOf({ level: undefined, usage: undefined, ...options.situation })
  const home = { homeId: 'home', sinceMs: START_MS + sinceDay * DAY_MS, nowMs: START_MS + untilDay * DAY_MS }
  const moves = ordered.map(([slot, day]) => ({ slot, atMs: START_MS + day * DAY_MS }))
  const trials: Trial[] = []
  for await (const trial of backTest(historyOf(reports, situation, moves), home, bookOf(rules).rules))
    trials.push(trial)
  const done = trials.at(-1) as Extract<Trial, { kind: 'done' }>
  expect(done.kind).toBe('done')
  return { ...done.slots[0]!, days: done.slots[0]!.wouldOrder.map(({ atMs }) => (atMs - START_MS) / DAY_MS), trials }
}

describe('a trial on the record', () => {
  it('tells how far it is, and what was really ordered for the slots that still are', async () => {
    const { trials, ordered } = await tried(evenings(1400, 40, 9), BELOW_HALF, {
      ordered: [
        ['detergent', 3],
        ['gone', 4],
      ],
    })
    expect(trials.slice(0, -1)).toEqual([
      { kind: 'progress', readings: 7, ofReadings: 9 },
      { kind: 'progress', readings: 9, ofReadings: 9 },
    ])
    expect(ordered).toEqual([{ atMs: START_MS + 3 * DAY_MS, quantity: 3, state: 'completed' }])
  })

  it('counts bought goods from the day on which they come, until a refill is seen', async () => {
    // Below half from day 17 on; five days to come, then 1400 on the shelf until the slot is filled on day 30.
    const low = evenings(1380, 40, 30)
    const refilled = [...low, ...evenings(1300, 40, 25, 30)]
    const { days, wouldOrder } = await tried(refilled, BELOW_HALF)
    expect(days).toEqual([18, 46])
    expect(wouldOrder[0]).toMatchObject({ quantity: 1, gtin: GTIN, mode: 'auto' })
    const never = await tried(refilled, BELOW_HALF, {
      situation: { products: [{ ...situationOf().products[0]!, packContent: 100 }] },
    })
    // A pack of 100 lifts nothing above the half: the next is bought as soon as it is here.
    expect(never.days.slice(0, 3)).toEqual([18, 23, 28])
  })

  it('forgets a parcel when somebody poured in before it could be here', async () => {
    const refilled = [...evenings(1380, 40, 20), ...evenings(1300, 200, 6, 20)]
    expect((await tried(refilled, BELOW_HALF)).days).toEqual([18, 24])
  })

  it('begins at the time that is asked for, with what is known by then', async () => {
    const reports = evenings(1380, 40, 30)
    expect((await tried(reports, BELOW_HALF, { sinceDay: 21 })).days).toEqual([21])
    expect((await tried(reports, BELOW_HALF, { sinceDay: 20.5 })).days).toEqual([21])
    expect((await tried(reports, BELOW_HALF, { sinceDay: 40, untilDay: 40 })).days).toEqual([])
  })

  it('takes the looks that fall due while nothing is read', async () => {
    // Silent from day 14 on at 860: reckoned on, it is below half after four days and blind after six.
    const { wouldOrder, wouldTell, days } = await tried(evenings(1380, 40, 14), BELOW_HALF, { untilDay: 40 })
    expect(wouldOrder).toMatchObject([{ mode: 'ask' }])
    expect(days[0]).toBeGreaterThan(18)
    expect(days[0]).toBeLessThan(25)
    expect(wouldTell).toBe(1)
    // A reading breaks the silence.
    const again = [...evenings(1380, 40, 14), { day: 30, left: 500 }]
    expect((await tried(again, BELOW_HALF, { untilDay: 30 })).days.length).toBe(1)
  })

  it('says low once in each spell, where it may not buy', async () => {
    const twice = [...evenings(1380, 40, 25), ...evenings(1380, 40, 25, 25)]
    const trial = await tried(twice, BELOW_HALF, { situation: { products: [] } })
    expect(trial).toMatchObject({ wouldOrder: [], wouldSayLow: 2, wouldTell: 0, wouldCommand: 0 })
  })

  it('takes notify as ask, and a slot that is suspended as confirmed', async () => {
    const asks = await tried(evenings(1380, 40, 20), BELOW_HALF, {
      situation: { mode: 'notify', suspendedReason: 'it is new', lastEndedWithoutGoodsAtMs: START_MS + 18 * DAY_MS },
    })
    expect(asks.wouldOrder).toMatchObject([{ mode: 'ask' }])
  })

  it('acts on each event once', async () => {
    const rules = `rules:
      - { name: lamp, when: { event: cycle-finished }, then: { command: { name: lamp, arguments: { on: true } } } }
      - { name: word, when: { event: door-open }, then: { notify: Open. } }`
    const reports: Report[] = [
      { day: 0, left: 1000 },
      { day: 1, event: 'cycle-finished' },
      { day: 2, event: 'cycle-finished' },
      { day: 2.1, event: 'door-open' },
      { day: 3, left: 990 },
      { day: 3.5, slot: 'another', left: 5 },
      { day: 4, left: 980 },
    ]
    expect(await tried(reports, rules)).toMatchObject({ wouldCommand: 2, wouldTell: 1, wouldSayLow: 0 })
    expect(await tried(reports, rules, { sinceDay: 1.5 })).toMatchObject({ wouldCommand: 1, wouldTell: 1 })
  })

  it('does not hang on a rule that wants to look again at once', async () => {
    const clock = `rules: [{ name: hours, when: { timeOfDay: { from: "20:00", to: "21:00" }, level: { below: 90 % } }, then: { order: { packs: 1 } } }]`
    const { days } = await tried([...evenings(1400, 40, 10)], clock, { untilDay: 12 + HOUR_MS / DAY_MS })
    expect(days[0]).toBe(4)
  })
})
