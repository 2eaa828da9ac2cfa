import { describe, expect, it } from 'vitest'
import { at, cycle, DAY_MS, evenings, level, SLOT, START_MS, seen } from './forecast-readings.ts'

describe('a silent slot', () => {
  const usage = seen(evenings(20, 40))

  it('is measured until two days and six usual intervals are over, then reckoned on', () => {
    expect(at(usage, 26).trust).toBe('measured')
    expect(at(usage, 26).blindSinceMs).toBeUndefined()
    expect(at(usage, 26.01)).toMatchObject({ trust: 'extrapolated', blindSinceMs: START_MS + 20 * DAY_MS })
    const often = seen(
      Array.from({ length: 200 }, (_, step) => level(20 + step / 10, 600 - step)),
      SLOT,
      usage,
    )
    expect(at(often, 39.9 + 2).trust).toBe('measured')
    expect(at(often, 39.9 + 2.01).trust).toBe('extrapolated')
  })

  it('is neither frozen nor empty, and ever less certain', () => {
    const [soon, later, late] = [25, 28, 60].map((day) => at(usage, day))
    expect(later!.left.mean).toBeLessThan(soon!.left.mean)
    expect(soon!.left.mean - later!.left.mean).toBeCloseTo(3 * soon!.ratePerDay.mean, 6)
    expect(later!.left.sd).toBeGreaterThan(soon!.left.sd)
    expect(late!.left.mean).toBe(0)
    expect(late!.balance).toBeLessThan(0)
    expect(late!.daysLeft.mid).toBe(0)
  })

  it('says so', () => {
    expect(at(usage, 27).sentence).toMatch(
      /^There has been no reading for 7 days: this is reckoned from the use before\. It lasts about 9 days more/,
    )
    expect(at(usage, 20).sentence).toMatch(/^It lasts about 16 days more \(\d+ to \d+\)\.$/)
    expect(at(seen([level(21, 40)], SLOT, usage), 21).sentence).toContain('about 1 day more')
  })

  it('counts the doses of cycles that go on reporting', () => {
    const dosed = seen(
      Array.from({ length: 21 }, (_, day) => [cycle(day, 40), level(day + 0.1, 1360 - day * 40)]).flat(),
    )
    const counted = seen([cycle(22, 80), cycle(23, 80), cycle(24, 80)], SLOT, dosed)
    expect(at(dosed, 21).left.mean - at(counted, 24.5).left.mean).toBeGreaterThan(200)
    expect(at(counted, 24.5).left.sd).toBeLessThan(at(usage, 24.5).left.sd)
    // Only one small dose in six days: the device that counts them was away as well.
    const lost = seen([cycle(22, 10)], SLOT, dosed)
    expect(at(lost, 27).left.mean).toBeCloseTo(at(dosed, 27).left.mean, 0)
    expect(at(dosed, 20.1).left.mean - at(dosed, 27).left.mean).toBeGreaterThan(150)
  })
})

describe('a stuck slot', () => {
  it('is known by doses that the level does not show, from two and a half of its steps on', () => {
    const dosed = seen(
      Array.from({ length: 21 }, (_, day) => [cycle(day, 40), level(day + 0.1, 1360 - day * 40)]).flat(),
    )
    const stuck = (dose: number) => seen([cycle(21, dose), level(21.1, 560)], SLOT, dosed)
    expect(at(stuck(99), 21.1).trust).toBe('measured')
    expect(at(stuck(100), 21.1)).toMatchObject({ trust: 'stuck', blindSinceMs: dosed.sameSinceMs })
    expect(at(stuck(100), 21.1).left.mean).toBeLessThan(470)
    expect(at(stuck(100), 21.1).sentence).toContain('The level has not followed the use for 1 day')
    // A dose after the last reading may still show in the next one.
    expect(at(seen([cycle(21, 200)], SLOT, dosed), 21.1).trust).toBe('measured')
  })

  it('is known by readings that stay exactly the same while much must have been used', () => {
    const usage = seen(evenings(20, 40))
    const same = (days: number) => seen([level(20 + days, 600)], SLOT, usage)
    expect(at(same(14), 34).trust).toBe('measured')
    expect(at(same(15), 35)).toMatchObject({ trust: 'stuck', blindSinceMs: usage.sameSinceMs })
    // As far as if nothing had been read since.
    expect(at(same(15), 35).left.mean).toBeCloseTo(at(usage, 35).left.mean, 6)
    expect(at(same(15), 35).left.sd).toBeGreaterThan(at(same(14), 34).left.sd)
    const slow = seen(evenings(20, 10))
    expect(at(seen([level(50, 1200)], SLOT, slow), 50).trust).toBe('measured')
  })

  it('is known within days where readings never were the same before, by noise alone', () => {
    const noisy = seen(Array.from({ length: 40 }, (_, day) => level(day, 1300 - day * 15 + ((day * 37) % 101) / 3)))
    const same = (days: number) => seen([level(39 + days, noisy.reading)], SLOT, noisy)
    expect(at(same(2.9), 41.9).trust).toBe('measured')
    expect(at(same(3), 42).trust).toBe('stuck')
    // Two hundredths of the capacity, 28, at some 14 a day.
    expect(at(same(1.9), 40.9).trust).toBe('measured')
  })

  it('is not refilled, however much must have been used', () => {
    const usage = seen([...evenings(20, 40), level(40, 600), level(41, 600)])
    expect(usage.refill).toBeNull()
    expect(at(usage, 41).trust).toBe('stuck')
  })

  it('catches up: the first level that moves tells the use of the whole time', () => {
    const usage = seen(evenings(20, 40))
    const caughtUp = seen([level(21, 600), level(36, 600), level(37, 160)], SLOT, usage)
    expect(at(caughtUp, 37).trust).toBe('measured')
    expect(at(caughtUp, 37).ratePerDay.mean).toBeCloseTo(at(seen([level(37, 160)], SLOT, usage), 37).ratePerDay.mean, 0)
  })
})

describe('days left', () => {
  it('have an interval of which four fifths are inside', () => {
    const { daysLeft, left, ratePerDay } = at(seen(evenings(20, 40)), 20)
    expect(daysLeft.mid).toBeCloseTo(left.mean / ratePerDay.mean, 9)
    expect(daysLeft.low).toBeGreaterThan(0)
    expect(daysLeft.low).toBeLessThan(daysLeft.mid)
    expect(daysLeft.high - daysLeft.mid).toBeCloseTo(daysLeft.mid - daysLeft.low, 9)
  })

  it('end at ten years, however little is used', () => {
    const steps = Array.from({ length: 300 }, (_, day) => level(day + 1, 1400 + (day % 4) * 20))
    const { daysLeft } = at(seen([level(0, 1400), ...steps]), 301)
    expect(daysLeft.mid).toBeGreaterThan(2900)
    expect(daysLeft.high).toBe(3650)
  })
})
