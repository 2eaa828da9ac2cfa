import { describe, expect, it } from 'vitest'
import { roundedDays, spanOf } from '../../../device-sim/record/progress.ts'
import type { RecordedReading } from '../../../device-sim/record/recording.ts'

const TICK_MS = 15 * 60_000
const DAY_MS = 86_400_000
const at = (...times: number[]) =>
  times.map(
    (receivedMs): RecordedReading => ({ device: 0, session: 0, receivedMs, kind: 'telemetry', body: { values: {} } }),
  )

describe('the span of a replay', () => {
  it.each([
    ['goes from the first reading on, whenever in the week it came', at(4 * DAY_MS + 1, 5 * DAY_MS), 4, 5],
    ['ends with the latest reading, though the clock went back', at(4 * DAY_MS, 6 * DAY_MS, 5 * DAY_MS), 4, 6],
    ['is one tick at least', at(4 * DAY_MS), 4, 4 + TICK_MS / DAY_MS],
  ])('%s', (_what, readings, from, until) => {
    expect(spanOf(readings)).toEqual({ fromMs: from * DAY_MS, untilMs: until * DAY_MS })
  })
})

describe('days for a person', () => {
  it.each([
    [
      { day: 0.1517653125, ofDays: 0.1517653125 },
      { day: 0.2, ofDays: 0.2 },
    ],
    [
      { day: 3, ofDays: 7 },
      { day: 3, ofDays: 7 },
    ],
    [
      { day: TICK_MS / DAY_MS, ofDays: TICK_MS / DAY_MS },
      { day: 0.1, ofDays: 0.1 },
    ],
    [
      { day: 15.1, ofDays: 30.2041 },
      { day: expect.closeTo(15.1, 1), ofDays: 30.2 },
    ],
  ])('of %o are %o', (days, rounded) => {
    expect(roundedDays(days)).toEqual(rounded)
  })
})
