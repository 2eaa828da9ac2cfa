import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SlotDescription, Unit } from '../../gateway/domain/level.ts'
import { assessLevel, historyAfter, type SlotHistory, STUCK } from '../../gateway/domain/plausibility.ts'

const NOW_MS = Date.UTC(2026, 10, 22, 12)
const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DETERGENT: SlotDescription = {
  slot: 'detergent',
  unit: 'ml',
  capacity: 1400,
  degradationDirection: 'down',
  replacementProducts: [],
}
const NOTHING: SlotHistory = { latest: undefined, verified: undefined, lowest: undefined }

type Step = { remaining: number; atMs: number; measuredAtMs?: number | undefined; unit?: Unit; unverified?: string }

/** Judges one reading after the other; without `measuredAtMs` as a board without a clock. */
function judge(steps: Step[], description: SlotDescription | undefined = DETERGENT) {
  let history = NOTHING
  return steps.map(({ remaining, atMs, measuredAtMs, unit = 'ml', unverified }) => {
    const report = { remaining, unit, measuredAtMs, unverified }
    const assessment = assessLevel(history, report, description, atMs)
    history = historyAfter(history, report, assessment, description)
    return assessment
  })
}
const marks = (steps: Step[], description?: SlotDescription) => judge(steps, description).map(({ mark }) => mark)
const levels = (apartMs: number, ...remaining: number[]): Step[] =>
  remaining.map((each, index) => ({ remaining: each, atMs: NOW_MS + index * apartMs }))

describe('a slot that empties and is filled again', () => {
  for (const apartMs of [0, SECOND_MS, HOUR_MS, 24 * HOUR_MS]) {
    it(`is verified throughout, readings ${apartMs / SECOND_MS} s apart`, () => {
      const judged = judge(levels(apartMs, 1400, 1000, 600, 250, 1400))
      expect(judged.map(({ mark }) => mark)).toEqual(Array(5).fill('verified'))
      expect(judged.map(({ refill }) => refill)).toEqual([false, false, false, false, true])
    })
  }

  it('counts a refill that is poured in slowly', () => {
    const judged = judge(levels(SECOND_MS, 900, 500, 650, 850, 1050))
    expect(judged.map(({ refill }) => refill)).toEqual([false, false, false, true, false])
  })

  it('sees a refill from a fifth of the capacity on', () => {
    expect(judge(levels(HOUR_MS, 400, 679))[1]?.refill).toBe(false)
    expect(judge(levels(HOUR_MS, 400, 680))[1]?.refill).toBe(true)
  })

  it('fills downwards when the slot degrades upwards', () => {
    const waste: SlotDescription = { ...DETERGENT, degradationDirection: 'up' }
    const judged = judge(levels(HOUR_MS, 200, 700, 1300, 50), waste)
    expect(judged.map(({ mark, refill }) => [mark, refill])).toEqual([
      ['verified', false],
      ['verified', false],
      ['verified', false],
      ['verified', true],
    ])
  })
})

describe('a level that nobody can know', () => {
  it('is 0 from a slot that never held anything', () => {
    expect(marks(levels(HOUR_MS, 0, 0, 0))).toEqual(['unknown', 'unknown', 'unknown'])
  })
  it('is known once a level above 0 was seen', () => {
    expect(marks(levels(HOUR_MS, 0, 500, 0))).toEqual(['unknown', 'verified', 'verified'])
  })
  it('belongs to a slot without a description, and is not its level', () => {
    const assessment = assessLevel(NOTHING, { remaining: 500, unit: 'ml', measuredAtMs: NOW_MS }, undefined, NOW_MS)
    expect(assessment).toMatchObject({ mark: 'unknown', latest: false })
    expect(assessment.reason).toContain('publish a description')
  })
})

describe('a level that is doubtful', () => {
  it('is outside the slot by more than 5 %', () => {
    expect(marks(levels(HOUR_MS, 1470))).toEqual(['verified'])
    expect(marks(levels(HOUR_MS, 1470.1))).toEqual(['unverified'])
  })
  it('has another unit', () => {
    expect(marks([{ remaining: 50, atMs: NOW_MS, unit: 'percent' }])).toEqual(['unverified'])
  })
  it('fell by more than half within an hour, until the next one agrees', () => {
    expect(marks(levels(SECOND_MS, 1400, 700))).toEqual(['verified', 'verified'])
    expect(marks(levels(SECOND_MS, 1400, 699))).toEqual(['verified', 'unverified'])
    expect(marks(levels(SECOND_MS, 1400, 200, 340))).toEqual(['verified', 'unverified', 'verified'])
    expect(marks(levels(SECOND_MS, 1400, 200, 341))).toEqual(['verified', 'unverified', 'unverified'])
    expect(marks(levels(HOUR_MS, 1400, 200))).toEqual(['verified', 'verified'])
  })
  it('fell so fast, and only a reading that is as good confirms it', () => {
    const doubts = { remaining: 200, unverified: 'The line had no check sum.' }
    const [first, fallen, again] = levels(SECOND_MS, 1400, 200, 200) as [Step, Step, Step]
    expect(marks([first, { ...fallen, ...doubts }, again])).toEqual(['verified', 'unverified', 'unverified'])
    const between = [first, fallen, { ...again, ...doubts }, { ...again, atMs: again.atMs + SECOND_MS }]
    expect(marks(between)).toEqual(['verified', 'unverified', 'unverified', 'verified'])
  })
  it('is not trusted by who sent it: it is shown, buys nothing and fills nothing', () => {
    const unverified = 'The line had no check sum.'
    const [, doubtful, trusted] = judge([
      { remaining: 300, atMs: NOW_MS },
      { remaining: 1400, atMs: NOW_MS + HOUR_MS, unverified },
      { remaining: 290, atMs: NOW_MS + 2 * HOUR_MS },
    ])
    expect(doubtful).toMatchObject({ mark: 'unverified', reason: unverified, latest: true, refill: false })
    expect(trusted).toMatchObject({ mark: 'verified', refill: false })
  })
  it('was a glitch: back at the old level it is neither a refill nor in doubt', () => {
    const judged = judge(levels(SECOND_MS, 1400, 100, 1390))
    expect(judged.map(({ mark, refill }) => [mark, refill])[2]).toEqual(['verified', false])
  })
  it('is older than the known one: kept, but not the level', () => {
    const [, late] = judge([
      { remaining: 600, atMs: NOW_MS, measuredAtMs: NOW_MS },
      { remaining: 1000, atMs: NOW_MS, measuredAtMs: NOW_MS - 1 },
    ])
    expect(late).toMatchObject({ mark: 'unverified', latest: false, refill: false })
  })
  it('comes from more than 5 minutes ahead; then our time stands for the device’s', () => {
    const at = (aheadMs: number) => judge([{ remaining: 600, atMs: NOW_MS, measuredAtMs: NOW_MS + aheadMs }])[0]
    expect(at(300_000)).toMatchObject({ mark: 'verified', measuredAtMs: NOW_MS, gatewayTime: true })
    expect(at(300_001)).toMatchObject({ mark: 'unverified', measuredAtMs: NOW_MS, gatewayTime: true })
    expect(at(0)).toMatchObject({ mark: 'verified', gatewayTime: false })
    expect(at(24 * HOUR_MS)?.reason).toMatch(
      /says \d{4}-\d\d-\d\d \d\d:\d\d when it is \d{4}-\d\d-\d\d \d\d:\d\d \(UTC\)/,
    )
    expect(at(Number.MAX_SAFE_INTEGER - NOW_MS)?.reason).toMatch(/says \+275760-09-13 00:00/)
  })
  it('is not shut out after a reading from the future', () => {
    expect(
      marks([
        { remaining: 600, atMs: NOW_MS, measuredAtMs: NOW_MS + 1000 * 24 * HOUR_MS },
        { remaining: 590, atMs: NOW_MS + SECOND_MS, measuredAtMs: NOW_MS + SECOND_MS },
      ]),
    ).toEqual(['unverified', 'verified'])
  })
  it('is more than 30 days old', () => {
    const at = (ageMs: number) => marks([{ remaining: 600, atMs: NOW_MS, measuredAtMs: NOW_MS - ageMs }])
    expect(at(30 * 24 * HOUR_MS)).toEqual(['verified'])
    expect(at(30 * 24 * HOUR_MS + 1)).toEqual(['unverified'])
    expect(marks([{ remaining: 600, atMs: NOW_MS, measuredAtMs: 0 }])).toEqual(['unverified'])
  })
})

it('gives a reason exactly when it is not verified, and only verified levels refill', () => {
  const step = fc.record({
    remaining: fc.double({ min: 0, max: 3000, noNaN: true }),
    atMs: fc.integer({ min: NOW_MS - 60 * 24 * HOUR_MS, max: NOW_MS + HOUR_MS }),
    measuredAtMs: fc.option(fc.nat(NOW_MS * 2), { nil: undefined }),
    unit: fc.constantFrom<Unit>('ml', 'g'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      for (const { mark, reason, refill, measuredAtMs } of judge(steps)) {
        expect(reason === '').toBe(mark === 'verified')
        expect(refill && mark !== 'verified').toBe(false)
        expect(measuredAtMs).toBeLessThanOrEqual(NOW_MS + HOUR_MS)
      }
    }),
  )
})

describe('a sensor that is stuck', () => {
  const history: SlotHistory = {
    latest: { remaining: 600, unit: 'ml', mark: 'verified', measuredAtMs: NOW_MS },
    verified: { remaining: 600, measuredAtMs: NOW_MS },
    lowest: 600,
    stuckAt: 600,
  }
  const report = (remaining: number) => ({ remaining, unit: 'ml' as const, measuredAtMs: NOW_MS + HOUR_MS })

  it('verifies nothing while it reads the same, and is trusted again with the first level that differs', () => {
    const same = assessLevel(history, report(600), DETERGENT, NOW_MS + HOUR_MS)
    expect(same).toMatchObject({ mark: 'unverified', reason: STUCK, latest: true, refill: false })
    expect(historyAfter(history, report(600), same, DETERGENT).stuckAt).toBe(600)
    const moved = assessLevel(history, report(595), DETERGENT, NOW_MS + HOUR_MS)
    expect(moved.mark).toBe('verified')
    expect(historyAfter(history, report(595), moved, DETERGENT).stuckAt).toBeUndefined()
  })
})

it('says in a sentence why a level is in doubt', () => {
  const reasons = (steps: Step[]) => judge(steps).map(({ reason }) => reason)
  expect(reasons(levels(SECOND_MS, 0, 1471, 1400, 650.5))).toEqual([
    'The slot never held anything: a 0 counts only after a level above 0.',
    'The level 1471 ml is outside 0 to 1400 ml.',
    '',
    'It fell by 749.5 ml in less than an hour: the next reading must confirm it.',
  ])
})
