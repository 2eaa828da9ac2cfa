import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Forecast } from '../../gateway/domain/forecast.ts'
import { gammaQuantile, leadTimeOf, replenishment, type Supply } from '../../gateway/domain/need.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.UTC(2026, 0, 1)

function outlook(change: Partial<Forecast> & { content?: number } = {}): Forecast {
  const { content = 300, ...rest } = change
  return {
    atMs: NOW_MS,
    left: { mean: Math.max(0, content), sd: 10 },
    balance: content,
    ratePerDay: { mean: 40, sd: 4 },
    dayVariance: 900,
    daysLeft: { low: 5, mid: 7.5, high: 10 },
    trust: 'measured',
    isNew: false,
    blindSinceMs: undefined,
    sentence: 'It lasts about 8 days more (5 to 10).',
    ...rest,
  }
}
function supply(change: Partial<Supply> = {}): Supply {
  return {
    forecast: outlook(),
    onHand: 0,
    inFlight: 0,
    leadTime: { meanDays: 4, sdDays: 1 },
    reviewDays: 1,
    consentDelayDays: 1,
    packSize: 1400,
    minimumPacks: 1,
    storageLimit: undefined,
    orderedBlind: false,
    ...change,
  }
}
/** The content at which buying begins. */
const reorderPoint = (change: Partial<Supply> = {}) => {
  const { need } = replenishment(supply(change))
  return need + 300
}

describe('the need', () => {
  it('is use over lead time, consent and review, plus safety stock, less all that is there or coming', () => {
    const bare = replenishment(supply({ forecast: outlook({ content: 300 }) }))
    expect(bare.need).toBeCloseTo(40 * 6 + bare.safetyStock - 300, 9)
    expect(bare.safetyStock).toBeGreaterThan(0)
    expect(replenishment(supply({ onHand: 70 })).need).toBeCloseTo(bare.need - 70, 9)
    expect(replenishment(supply({ inFlight: 80 })).need).toBeCloseTo(bare.need - 80, 9)
  })

  it('takes what must have been poured in unseen from what is on hand, and no less than nothing', () => {
    const owing = outlook({ content: -200, trust: 'extrapolated', blindSinceMs: 0 })
    const at = (onHand: number, inFlight: number) => replenishment(supply({ forecast: owing, onHand, inFlight })).need
    expect(at(1000, 0)).toBeCloseTo(at(0, 0) - 800, 9)
    expect(at(200, 0)).toBe(at(0, 0))
    expect(at(0, 50)).toBeCloseTo(at(0, 0) - 50, 9)
  })

  it('buys just below the reorder point and not at it', () => {
    const point = reorderPoint()
    const at = (content: number) => replenishment(supply({ forecast: outlook({ content }) }))
    expect(at(point)).toMatchObject({ packs: 0, ask: false, reasons: [expect.any(String), 'That is enough for now.'] })
    expect(at(point - 0.001)).toMatchObject({ packs: 1, ask: false })
    expect(at(point - 0.001).reasons).toEqual([
      'It lasts about 8 days more (5 to 10).',
      'New goods need about 5 days to come: time to buy 1 pack.',
    ])
  })

  it('grows with every doubt', () => {
    const point = reorderPoint()
    const doubts: Partial<Supply>[] = [
      { leadTime: { meanDays: 5, sdDays: 1 } },
      { leadTime: { meanDays: 4, sdDays: 2 } },
      { consentDelayDays: 2 },
      { reviewDays: 2 },
      { forecast: outlook({ ratePerDay: { mean: 40, sd: 12 } }) },
      { forecast: outlook({ dayVariance: 2000 }) },
      { stockoutPriceDays: 40_000 },
      { packSize: 700 },
    ]
    for (const doubt of doubts) expect(reorderPoint(doubt)).toBeGreaterThan(point + 1)
  })

  it('grows with the doubt about the level only while no reading is to settle it', () => {
    const point = (sd: number, trust: Forecast['trust']) =>
      reorderPoint({ forecast: outlook({ left: { mean: 300, sd }, trust, blindSinceMs: NOW_MS - DAY_MS }) })
    expect(point(60, 'measured')).toBe(point(10, 'measured'))
    expect(point(60, 'extrapolated')).toBeGreaterThan(point(10, 'extrapolated') + 1)
  })

  it('takes the risk that the price allows: days that a pack lasts ÷ price, from 1 in 10,000 to one half', () => {
    const variance = 900 * 6 * 1.2 + (4 * 6) ** 2 + 40 ** 2
    expect(reorderPoint({ stockoutPriceDays: 350 })).toBeCloseTo(gammaQuantile(240, variance, 0.1), 6)
    expect(reorderPoint()).toBeCloseTo(gammaQuantile(240, variance, 35 / 10_000), 6)
    expect(reorderPoint({ stockoutPriceDays: 1 })).toBeCloseTo(gammaQuantile(240, variance, 0.5), 6)
    expect(reorderPoint({ stockoutPriceDays: 1e9 })).toBeCloseTo(gammaQuantile(240, variance, 1e-4), 6)
  })
})

describe('the quantity', () => {
  const small = (change: Partial<Supply> = {}) => replenishment(supply({ packSize: 100, ...change }))

  it('covers the need and the use until the goods come, in whole packs', () => {
    const { need, packs } = small()
    expect(packs).toBe(Math.ceil((need + 40 * 5) / 100))
    expect(packs).toBeGreaterThan(2)
    expect(small().reasons[1]).toContain(`time to buy ${packs} packs.`)
  })

  it('is the least for a slot that was seen for a few days only', () => {
    const isNew = outlook({ isNew: true })
    expect(small({ forecast: isNew }).packs).toBe(1)
    expect(small({ forecast: isNew, minimumPacks: 3 }).packs).toBe(3)
    expect(small({ forecast: isNew, storageLimit: 399 }).packs).toBe(0)
  })

  it('is at least what the seller sells', () => {
    expect(small({ minimumPacks: 12 }).packs).toBe(12)
    expect(small({ minimumPacks: 0, packSize: 1400 }).packs).toBe(1)
  })

  it('is at most what the home has room for, and nothing when that is less than the seller sells', () => {
    expect(small({ storageLimit: 499 }).packs).toBe(1)
    expect(small({ storageLimit: 500 }).packs).toBe(2)
    expect(small({ storageLimit: 399 })).toMatchObject({ packs: 0, ask: false })
    expect(small({ storageLimit: 400 }).packs).toBe(1)
    expect(small({ storageLimit: 500, minimumPacks: 3 }).packs).toBe(0)
    expect(small({ storageLimit: 500, minimumPacks: 3 }).reasons[1]).toBe(
      'The storage limit leaves no room for 3 packs more.',
    )
    expect(small({ storageLimit: 399 }).reasons[1]).toBe('The storage limit leaves no room for 1 pack more.')
  })
})

describe('a blind level', () => {
  const blind = outlook({ trust: 'stuck', blindSinceMs: NOW_MS - 5 * DAY_MS })

  it('asks, and only once', () => {
    expect(replenishment(supply({ forecast: blind }))).toMatchObject({ packs: 1, ask: true })
    const second = replenishment(supply({ forecast: blind, orderedBlind: true }))
    expect(second).toMatchObject({ packs: 0, ask: false })
    expect(second.reasons[1]).toContain('One order was made')
    expect(replenishment(supply({ orderedBlind: true }))).toMatchObject({ packs: 1, ask: false })
  })

  it('does not ask when there is enough', () => {
    expect(replenishment(supply({ forecast: { ...blind, balance: 1300 } }))).toMatchObject({ packs: 0, ask: false })
  })
})

describe('the next look', () => {
  const look = (content: number, change: Partial<Forecast> = {}) =>
    replenishment(supply({ forecast: outlook({ content, ...change }) })).lookAgainAtMs - NOW_MS

  it('is when the level is expected to cross, within an hour and a week', () => {
    const point = reorderPoint()
    expect(look(point + 80)).toBe(2 * DAY_MS)
    expect(look(point + 1)).toBe(HOUR_MS)
    expect(look(point - 100)).toBe(HOUR_MS)
    expect(look(point + 1000)).toBe(7 * DAY_MS)
    expect(look(point + 1000, { trust: 'extrapolated', blindSinceMs: 0 })).toBe(DAY_MS)
  })
})

describe('the lead time', () => {
  it('is a guess of 4 ± 2 days, and soon what was seen', () => {
    expect(leadTimeOf([])).toEqual({ meanDays: 4, sdDays: 2 })
    expect(leadTimeOf([8])).toEqual({ meanDays: 5, sdDays: expect.closeTo(Math.sqrt((12 * 4 + 9) / 13), 9) })
    const { meanDays, sdDays } = leadTimeOf(Array(60).fill(7))
    expect(meanDays).toBeCloseTo((60 * 7 + 12) / 63, 9)
    expect(sdDays).toBeLessThan(0.9)
  })
})

describe('the gamma quantile', () => {
  it('is what tables say', () => {
    // Exponential: −ln(risk); gamma of shape 4: 15.5073 ÷ 2 at 5 % (chi-squared with 8 degrees of freedom).
    expect(gammaQuantile(1, 1, 0.05)).toBeCloseTo(-Math.log(0.05), 1)
    expect(gammaQuantile(4, 4, 0.05)).toBeCloseTo(15.5073 / 2, 1)
    expect(gammaQuantile(100, 100, 0.01)).toBeCloseTo(124.7, 0)
    expect(gammaQuantile(100, 100, 0.5)).toBeCloseTo(99.67, 1)
  })

  it('never falls when the doubt or the fear grows', () => {
    const mean = fc.double({ min: 0.1, max: 1e4, noNaN: true })
    const spread = fc.double({ min: 0, max: 3, noNaN: true })
    const risk = fc.double({ min: 1e-4, max: 0.5, noNaN: true })
    fc.assert(
      fc.property(mean, spread, risk, risk, (m, s, a, b) => {
        const variance = (m * s) ** 2
        const [less, more] = [Math.max(a, b), Math.min(a, b)]
        expect(gammaQuantile(m, variance, more)).toBeGreaterThanOrEqual(gammaQuantile(m, variance, less) * (1 - 1e-3))
        if (less < 0.05)
          expect(gammaQuantile(m, variance * 1.5, less)).toBeGreaterThanOrEqual(
            gammaQuantile(m, variance, less) * (1 - 1e-9),
          )
      }),
    )
  })
})
