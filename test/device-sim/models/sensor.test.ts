import { describe, expect, test } from 'vitest'
import { readSensor, type SensorPlan } from '../../../device-sim/models/sensor.ts'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 2, 2)
const well: SensorPlan = { key: 7, noiseShare: 0, stepShare: 0, driftShare: 0, isStuck: false, isDying: false }

/** What it reads of a content that falls by one a day. */
function readings(sensor: SensorPlan, days: number): number[] {
  const seen: number[] = []
  let last = Number.NaN
  for (let hour = 0; hour < days * 24; hour += 6) {
    const read = readSensor(sensor, 1000 - hour / 24, 1000, START_MS + hour * HOUR_MS, last)
    seen.push(read)
    if (!Number.isNaN(read)) last = read
  }
  return seen
}

describe('a sensor', () => {
  test('that is well reads what is there, never less than nothing or more than fits', () => {
    expect(readSensor(well, 420, 1000, START_MS, Number.NaN)).toBe(420)
    const noisy = { ...well, noiseShare: 0.3 }
    const seen = Array.from({ length: 200 }, (_, hour) =>
      readSensor(noisy, 990, 1000, START_MS + hour * HOUR_MS, Number.NaN),
    )
    expect(Math.max(...seen)).toBe(1000)
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(0)
  })

  test('is off by its noise, mean and deviation', () => {
    const seen = Array.from(
      { length: 5000 },
      (_, hour) => readSensor({ ...well, noiseShare: 0.01 }, 500, 1000, START_MS + hour * HOUR_MS, Number.NaN) - 500,
    )
    const mean = seen.reduce((sum, error) => sum + error, 0) / seen.length
    const variance = seen.reduce((sum, error) => sum + (error - mean) ** 2, 0) / seen.length
    expect(Math.abs(mean)).toBeLessThan(0.5)
    expect(Math.sqrt(variance)).toBeGreaterThan(9.5)
    expect(Math.sqrt(variance)).toBeLessThan(10.5)
  })

  test('reads in steps', () => {
    for (const read of readings({ ...well, noiseShare: 0.01, stepShare: 0.025 }, 20)) expect(read % 25).toBe(0)
  })

  test('that drifts wanders off slowly, and never further than it may', () => {
    const errors = readings({ ...well, driftShare: 0.1 }, 400).map((read, index) => read - (1000 - index / 4))
    expect(Math.max(...errors.map(Math.abs))).toBeLessThanOrEqual(100.01)
    expect(Math.max(...errors.map(Math.abs))).toBeGreaterThan(20)
    for (const [index, error] of errors.entries()) {
      if (index > 0) expect(Math.abs(error - errors[index - 1]!)).toBeLessThan(1)
    }
  })

  test('that is caught repeats itself for days, and is well again', () => {
    const seen = readings({ ...well, isStuck: true }, 360)
    const same = seen.filter((read, index) => index > 0 && read === seen[index - 1]).length / 4
    expect(same).toBeGreaterThan(3)
    expect(same).toBeLessThan(40)
    expect(seen.at(-1)).toBeCloseTo(1000 - 359.75, 6)
  })

  test('whose cell dies fails more and more, is silent for days, and comes back', () => {
    const seen = readings({ ...well, isDying: true }, 300)
    const missing = seen.map((read) => Number.isNaN(read))
    const days = missing.filter(Boolean).length / 4
    expect(days).toBeGreaterThan(15)
    expect(days).toBeLessThan(40)
    const longest = missing
      .map((gone) => (gone ? 'x' : ' '))
      .join('')
      .split(' ')
      .reduce((most, run) => Math.max(most, run.length), 0)
    expect(longest / 4).toBeGreaterThanOrEqual(10)
  })

  test('says the same for the same moment', () => {
    const sensor = { ...well, noiseShare: 0.01, driftShare: 0.1, isDying: true }
    expect(readings(sensor, 30)).toEqual(readings(sensor, 30))
    expect(readings({ ...sensor, key: 8 }, 30)).not.toEqual(readings(sensor, 30))
  })
})
