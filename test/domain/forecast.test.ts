import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Observation, observe } from '../../gateway/domain/forecast.ts'
import { Usage } from '../../gateway/domain/forecast-model.ts'
import { leadTimeOf, replenishment } from '../../gateway/domain/need.ts'
import { at, cycle, DAY_MS, evenings, level, SLOT, START_MS, seen } from './forecast-readings.ts'

describe('the rate', () => {
  it('is a guess of 60 days for a full slot before any use was seen', () => {
    const { ratePerDay, left, trust } = at(seen([level(0, 1400)]), 0)
    expect(ratePerDay.mean).toBeCloseTo(1400 / 60, 9)
    expect(left.mean).toBe(1400)
    expect(trust).toBe('measured')
  })

  it('moves from the second reading on', () => {
    expect(at(seen([level(0, 1400), level(1, 1300)]), 1).ratePerDay.mean).toBeGreaterThan(35)
    expect(at(seen([level(0, 1400), level(1, 1399)]), 1).ratePerDay.mean).toBeLessThan(1400 / 60)
  })

  it('comes within a tenth of steady use in three weeks, whatever it is', () => {
    for (const perDay of [8, 25, 60]) {
      const usage = seen(evenings(21, perDay))
      expect(at(usage, 21).ratePerDay.mean / perDay).toBeGreaterThan(0.9)
      expect(at(usage, 21).ratePerDay.mean / perDay).toBeLessThan(1.3)
    }
  })

  it('is surer the longer it was watched', () => {
    const spreads = [2, 7, 21].map((days) => at(seen(evenings(days, 40)), days).ratePerDay.sd)
    expect(spreads[1]).toBeLessThan(spreads[0]!)
    expect(spreads[2]).toBeLessThan(spreads[1]!)
  })

  it('follows a change of habit, and not in a day', () => {
    const before = seen(evenings(30, 20))
    const doubled = (days: number) =>
      at(
        seen(
          Array.from({ length: days }, (_, day) => level(31 + day, 760 - day * 40)),
          SLOT,
          before,
        ),
        30 + days,
      )
    expect(doubled(1).ratePerDay.mean).toBeLessThan(23)
    expect(doubled(18).ratePerDay.mean).toBeGreaterThan(26)
  })

  it('is never 0 and never below 0, even when the level only rises', () => {
    const usage = seen([level(0, 700), ...Array.from({ length: 60 }, (_, day) => level(day + 1, 700 + day * 0.5))])
    expect(at(usage, 61).ratePerDay.mean).toBeCloseTo(1400 / 3000, 9)
  })

  it('learns nothing from an empty slot, which cannot show what is wanted', () => {
    const used = seen(evenings(33, 40))
    const rate = at(used, 33).ratePerDay.mean
    const empty = seen(
      Array.from({ length: 30 }, (_, day) => level(34 + day, day % 2)),
      SLOT,
      seen([level(33.5, 50)], SLOT, used),
    )
    expect(at(empty, 63).ratePerDay.mean).toBeGreaterThan(0.9 * rate)
    expect(at(seen([level(34, 75), level(35, 71)], SLOT, used), 35).ratePerDay.mean).toBeLessThan(rate)
  })

  it('is the same after any number of readings that say the same', () => {
    const usage = seen(evenings(10, 40))
    const again = seen([level(10.1, 1000), level(10.2, 1000)], SLOT, usage)
    expect(again).toMatchObject({ used: usage.used, usedDays: usage.usedDays, sameSinceMs: usage.sameSinceMs })
    expect(again.readAtMs).toBe(START_MS + 10.2 * DAY_MS)
  })
})

describe('a new slot', () => {
  it('is new until it was seen in use for five days, so that a burst of readings buys no more than the least', () => {
    const burst = seen(Array.from({ length: 20 }, (_, step) => level(step / 8640, 1400 - step * 65)))
    const told = at(burst, 0.01)
    expect(told.isNew).toBe(true)
    const supply = { onHand: 0, inFlight: 0, reviewDays: 1, consentDelayDays: 1, orderedBlind: false }
    const order = (forecast: typeof told) =>
      replenishment({
        ...supply,
        forecast,
        leadTime: leadTimeOf([]),
        packSize: 400,
        minimumPacks: 1,
        storageLimit: undefined,
      })
    expect(order(told).packs).toBe(1)
    expect(order({ ...told, isNew: false }).packs).toBeGreaterThan(4)
    expect(at(seen(evenings(4, 40)), 4).isNew).toBe(true)
    expect(at(seen(evenings(6, 40)), 6).isNew).toBe(false)
    expect(at(seen(evenings(20, 60)), 60).isNew).toBe(false)
  })
})

describe('a refill', () => {
  it('sets the level, teaches no use, and says how much was poured in', () => {
    const before = seen(evenings(20, 40))
    const after = seen([level(21, 1300, true)], SLOT, before)
    expect(after).toMatchObject({ content: 1300, used: before.used, usedDays: before.usedDays, lastStep: 0 })
    expect(after.refill?.atMs).toBe(START_MS + 21 * DAY_MS)
    expect(after.refill?.amount).toBeGreaterThan(730)
    expect(after.refill?.amount).toBeLessThan(750)
  })

  it('is seen from a rise of 12 % of the capacity over the last reading on', () => {
    const before = seen(evenings(20, 40))
    expect(seen([level(21, 600 + 168)], SLOT, before).refill).toBeNull()
    expect(seen([level(21, 600 + 169)], SLOT, before).refill).not.toBeNull()
  })

  it('is not seen in noise, however coarse', () => {
    const noisy = seen(Array.from({ length: 60 }, (_, day) => level(day, 800 + (day % 2 === 0 ? 60 : -60))))
    expect(seen([level(60, 740 + 169)], SLOT, noisy).refill).toBeNull()
  })

  it('is inferred when much more is there after a silence than should be, although less than before', () => {
    const before = seen(
      Array.from({ length: 126 }, (_, day) => level(day, 1400 - (day % 30) * 40, day % 30 === 0 && day > 0)),
    )
    expect(Math.abs(at(before, 134).balance - 840)).toBeLessThan(15)
    expect(seen([level(134, 1290)], SLOT, before).refill).toMatchObject({ atMs: START_MS + 134 * DAY_MS })
    expect(seen([level(134, 1230)], SLOT, before).refill?.atMs).toBe(START_MS + 120 * DAY_MS)
    // Up to three tenths of the capacity more may be chance.
    expect(seen([level(22, 590)], SLOT, seen(evenings(10, 60))).refill).toBeNull()
    expect(seen([level(22, 610)], SLOT, seen(evenings(10, 60))).refill).not.toBeNull()
  })

  it('poured in also what must have been used meanwhile, when that is more than was there', () => {
    const before = seen(evenings(20, 60))
    expect(at(before, 40).balance).toBeLessThan(0)
    expect(seen([level(40, 1000)], SLOT, before).refill?.amount).toBeCloseTo(1000 - at(before, 40).balance, 9)
  })

  it('is not inferred where the cycles of a long silence explain the level: nobody was at home', () => {
    const dosed = seen(
      Array.from({ length: 21 }, (_, day) => [cycle(day, 40), level(day + 0.1, 1360 - day * 40)]).flat(),
    )
    const back = (left: number) => seen([cycle(39, 80), level(39.5, left)], SLOT, dosed)
    expect(at(dosed, 39).balance).toBeLessThan(0)
    expect(back(480).refill).toBeNull()
    expect(at(back(480), 39.5).left.mean).toBeCloseTo(480, -1)
    expect(seen([level(39.5, 480)], SLOT, seen(evenings(21, 40))).refill).not.toBeNull()
  })
})

describe('a noisy level', () => {
  it('is smoothed: the forecast lies between what was expected and what was read', () => {
    const before = seen(evenings(20, 40))
    const expected = at(before, 21).left.mean
    const low = at(seen([level(21, expected - 30)], SLOT, before), 21).left.mean
    expect(low).toBeGreaterThan(expected - 30)
    expect(low).toBeLessThan(expected)
  })

  it('is known to be noisy by what goes up and down', () => {
    const swing = (by: number) =>
      seen(Array.from({ length: 60 }, (_, day) => level(day, 1300 - day * 15 + (day % 2) * by)))
    expect(at(swing(50), 59).left.sd).toBeGreaterThan(1.3 * at(swing(5), 59).left.sd)
    const [noisy, calm] = [swing(50), swing(5)].map((usage) => at(usage, 59).dayVariance)
    expect(noisy).toBeLessThan(5 * calm!)
  })
})

describe('observing', () => {
  it('begins with a level, begins anew with another capacity, and leaves out what came late', () => {
    expect(observe(undefined, cycle(0, 40), SLOT)).toBeUndefined()
    const usage = seen(evenings(10, 40))
    expect(observe(usage, level(11, 500), { capacity: 700 })).toEqual(
      observe(undefined, level(11, 500), { capacity: 700 }),
    )
    expect(observe(usage, cycle(11, 40), { capacity: 700 })).toBeUndefined()
    expect(observe(usage, level(9.9, 100), SLOT)).toBe(usage)
    expect(observe(usage, level(10, 990), SLOT)).not.toBe(usage)
  })

  const step = fc.record({
    hours: fc.double({ min: 0, max: 400, noNaN: true }),
    left: fc.double({ min: 0, max: 1470, noNaN: true }),
    refill: fc.boolean(),
    dose: fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
  })

  it('of anything gives a state that can be stored, and a forecast of finite numbers', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 4000, noNaN: true }),
        (steps, after) => {
          let day = 0
          const observations = steps.flatMap(({ hours, left, refill, dose }) => {
            day += hours / 24
            const atMs = Math.round(START_MS + day * DAY_MS)
            const levels: Observation[] = [{ kind: 'level', atMs, left, refill }]
            return dose === null ? levels : [...levels, { kind: 'cycle' as const, atMs, dose }]
          })
          const usage = seen(observations)
          expect(Usage.parse(JSON.parse(JSON.stringify(usage)))).toEqual(usage)
          const { left, balance, ratePerDay, daysLeft, dayVariance } = at(usage, day + after)
          const numbers = [
            left.mean,
            left.sd,
            balance,
            ratePerDay.mean,
            ratePerDay.sd,
            dayVariance,
            ...Object.values(daysLeft),
          ]
          expect(numbers.every(Number.isFinite)).toBe(true)
          expect(left.mean).toBeGreaterThanOrEqual(0)
          expect(ratePerDay.mean).toBeGreaterThan(0)
          expect(daysLeft.low).toBeGreaterThanOrEqual(0)
          expect(daysLeft.mid).toBeGreaterThanOrEqual(daysLeft.low)
          expect(daysLeft.high).toBeGreaterThanOrEqual(daysLeft.mid)
        },
      ),
    )
  })

  it('does not depend on the unit: all amounts times ten give all forecasts times ten', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30 }), (steps) => {
        const scaled = (by: number) => {
          let day = 0
          const observations = steps.map(({ hours, left, refill }): Observation => {
            day += (hours + 1) / 24
            return { kind: 'level', atMs: Math.round(START_MS + day * DAY_MS), left: left * by, refill }
          })
          return at(seen(observations, { capacity: 1400 * by }), day + 1)
        }
        const [one, eight] = [scaled(1), scaled(8)]
        expect(eight.left.mean / 8).toBeCloseTo(one.left.mean, 4)
        expect(eight.daysLeft.mid).toBeCloseTo(one.daysLeft.mid, 4)
        expect(eight.trust).toBe(one.trust)
      }),
    )
  })
})
