import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DETERGENT_GTIN,
  DRAWER_CAPACITY_ML,
  doseFor,
  nextWasherEventAtMs,
  PROGRAMS,
  type Program,
  stepWasher,
  WASHER_DESCRIPTION,
  type WasherReport,
  type WasherState,
} from '../../device-sim/washer.ts'
import { Gtin } from '../../gateway/domain/identifiers.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import { ConsumableReport, Description, EventReport, TelemetryReport } from '../../gateway/wire/messages.ts'

const START_MS = Date.UTC(2026, 2, 2, 6)
const PROGRAM_NAMES = Object.keys(PROGRAMS) as Program[]

/** One whole cycle, from start to finish. */
function wash(state: WasherState, program: Program, loadKg: number, atMs: number, seed: Seed) {
  let step = stepWasher(state, { type: 'start', program, loadKg }, atMs, seed)
  const reports = [...step.reports]
  for (let next = nextWasherEventAtMs(step.state); next !== undefined; next = nextWasherEventAtMs(step.state)) {
    step = stepWasher(step.state, { type: 'time' }, next, seed)
    reports.push(...step.reports)
  }
  return { state: step.state, reports }
}

function dosesOf(reports: WasherReport[]): number[] {
  return reports.flatMap((report) =>
    report.topic === 'event' && report.type === 'cycle-finished' ? [report.detail?.['doseMl'] as number] : [],
  )
}

const anyWash = fc.record({
  program: fc.constantFrom(...PROGRAM_NAMES),
  loadKg: fc.double({ min: 0, max: 12, noNaN: true }),
})

describe('doses', () => {
  test('add up to what left the drawer, which never holds less than nothing', () => {
    fc.assert(
      fc.property(
        fc.array(anyWash, { maxLength: 60 }),
        fc.integer({ min: 0, max: DRAWER_CAPACITY_ML }),
        (washes, fullMl) => {
          const seed = new Seed('doses')
          let state: WasherState = { remainingMl: fullMl, cycle: undefined }
          let atMs = START_MS
          let dosedMl = 0
          for (const { program, loadKg } of washes) {
            const done = wash(state, program, loadKg, atMs, seed)
            state = done.state
            atMs += 86_400_000
            for (const doseMl of dosesOf(done.reports)) dosedMl += doseMl
            expect(state.remainingMl).toBeGreaterThanOrEqual(0)
            expect(state.cycle).toBeUndefined()
          }
          expect(state.remainingMl).toBe(fullMl - dosedMl)
        },
      ),
    )
  })

  test('follow program and load, in whole millilitres', () => {
    expect(doseFor('cotton-60', 9)).toBe(70)
    expect(doseFor('cotton-60', 0)).toBe(35)
    expect(doseFor('cotton-60', 20)).toBe(70)
    for (const program of PROGRAM_NAMES) expect(doseFor(program, 1.7) % 1).toBe(0)
  })

  test('an empty drawer washes without, and says so', () => {
    const { state, reports } = wash({ remainingMl: 10, cycle: undefined }, 'cotton-60', 9, START_MS, new Seed('empty'))
    expect(state.remainingMl).toBe(0)
    expect(dosesOf(reports)).toEqual([10])
    expect(reports).toContainEqual({
      topic: 'event',
      type: 'dose-short',
      detail: { program: 'cotton-60', wantedMl: 70, doseMl: 10 },
      measuredAtMs: START_MS,
    })
  })
})

describe('levels', () => {
  test('are seen roughly: in steps of 5 ml, within the sensor’s noise, never outside the drawer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DRAWER_CAPACITY_ML }), fc.string(), (remainingMl, name) => {
        const { reports } = stepWasher({ remainingMl, cycle: undefined }, { type: 'boot' }, START_MS, new Seed(name))
        const [report] = reports
        if (report?.topic !== 'consumable') throw new Error('no level')
        expect(report.remaining % 5).toBe(0)
        expect(report.remaining).toBeGreaterThanOrEqual(0)
        expect(report.remaining).toBeLessThanOrEqual(DRAWER_CAPACITY_ML)
        expect(Math.abs(report.remaining - remainingMl)).toBeLessThan(27)
      }),
    )
  })

  test('a refill stops at the brim', () => {
    const { state } = stepWasher(
      { remainingMl: 1000, cycle: undefined },
      { type: 'refill', ml: 1400 },
      START_MS,
      new Seed(''),
    )
    expect(state.remainingMl).toBe(DRAWER_CAPACITY_ML)
    const negative = stepWasher(state, { type: 'refill', ml: -5 }, START_MS, new Seed(''))
    expect(negative.state.remainingMl).toBe(DRAWER_CAPACITY_ML)
  })
})

describe('a cycle', () => {
  test('tells its start, telemetry on the way, its end with the dose, and the level, each at its time', () => {
    const { reports } = wash({ remainingMl: 1400, cycle: undefined }, 'delicates', 2, START_MS, new Seed('cycle'))
    const minutes = reports.map((report) => (report.measuredAtMs - START_MS) / 60_000)
    expect(reports.map((report) => (report.topic === 'event' ? report.type : report.topic))).toEqual([
      'cycle-started',
      'telemetry',
      'telemetry',
      'cycle-finished',
      'consumable',
    ])
    expect(minutes).toEqual([0, 20, 40, 50, 50])
  })

  test('passed over in one leap tells the same', () => {
    const start = { remainingMl: 1400, cycle: undefined }
    const bySteps = wash(start, 'cotton-40', 6, START_MS, new Seed('leap'))
    const begun = stepWasher(start, { type: 'start', program: 'cotton-40', loadKg: 6 }, START_MS, new Seed('leap'))
    const leapt = stepWasher(begun.state, { type: 'time' }, START_MS + 86_400_000, new Seed('leap'))
    expect([...begun.reports, ...leapt.reports]).toEqual(bySteps.reports)
    expect(leapt.state).toEqual(bySteps.state)
  })

  test('is not disturbed by a second start', () => {
    const begun = stepWasher(
      { remainingMl: 900, cycle: undefined },
      { type: 'start', program: 'quick', loadKg: 3 },
      START_MS,
      new Seed(''),
    )
    const again = stepWasher(
      begun.state,
      { type: 'start', program: 'cotton-60', loadKg: 9 },
      START_MS + 1,
      new Seed(''),
    )
    expect(again).toEqual({ state: begun.state, reports: [] })
  })
})

test('everything it says is in the agreed form', () => {
  const { reports } = wash({ remainingMl: 30, cycle: undefined }, 'cotton-60', 9, START_MS, new Seed('form'))
  const schemas = { consumable: ConsumableReport, telemetry: TelemetryReport, event: EventReport }
  for (const [seq, { topic, ...body }] of reports.entries()) schemas[topic].parse({ session: '5f3a91c2', seq, ...body })
  expect(Description.parse(WASHER_DESCRIPTION)).toEqual(WASHER_DESCRIPTION)
  expect(Gtin.parse(DETERGENT_GTIN)).toBe(DETERGENT_GTIN)
})
