/** What a change of habit and a flaky sensor cost, and how long ten thousand decisions take. */
import { forecast, observe } from '../../../gateway/domain/forecast.ts'
import { Usage } from '../../../gateway/domain/forecast-model.ts'
import { leadTimeOf, replenishment } from '../../../gateway/domain/need.ts'
import { everyHome, percentile, STOCKOUT_DAYS } from './figures.ts'
import { CHANGE_DAY, DAYS, type Home, makeHome, type Scenario } from './homes.ts'
import { productPolicy } from './policies.ts'
import { DAY_MS, type Policy, packMl, simulate } from './simulate.ts'
import { lineOf, type PackFronts, stockAt, sweep } from './sweep.ts'

const AFTER_DAYS = 90

/** Stock-out days per home in the 90 days after its use has doubled, with the product as it is shipped. */
export function afterDoubling(seeds: number[], labelDoses: number): number {
  let days = 0
  for (const home of homesOf(seeds, 'doubles')) {
    const { stockoutsByDay } = simulate(home, labelDoses, shipped(home, labelDoses))
    for (let day = CHANGE_DAY; day < CHANGE_DAY + AFTER_DAYS; day++) days += stockoutsByDay[day]!
  }
  return days / seeds.length
}

/**
 * By how many packs the most that a home holds in the 90 days after its use has halved exceeds the most that the same home
 * holds in the same days when its use stays: p95.
 */
export function afterHalving(seeds: number[], labelDoses: number): number {
  const stock = new Float64Array(DAYS)
  const mostAfter = (home: Home) => {
    simulate(home, labelDoses, shipped(home, labelDoses), stock)
    return Math.max(...stock.subarray(CHANGE_DAY, CHANGE_DAY + AFTER_DAYS))
  }
  const surplus = seeds.map((seed) => {
    const [home, asBefore] = [makeHome(seed, 'halves'), makeHome(seed, 'keeps')]
    return ((mostAfter(home) - mostAfter(asBefore)) * home.labelShare) / labelDoses
  })
  return percentile(surplus, 0.95)
}

/** Days of stock that silent and stuck spells cost at half a stock-out day a year, by pack size. */
export function costOfSpells(seeds: number[], plain: PackFronts[]): number[] {
  const calm = sweep(seeds, ['product'], { scenario: 'no-spells' })
  const stock = (pack: PackFronts) => {
    const front = pack.fronts.get('product')!
    return stockAt(lineOf(front, everyHome(seeds.length)), STOCKOUT_DAYS)
  }
  return plain.map((pack, index) => stock(pack) - stock(calm[index]!))
}

/** Stored state → decision for ten thousand slots; the median of five runs, in ms. */
export function evaluate10000Slots(): number {
  const nowMs = Date.UTC(2025, 0, 1)
  let usage: Usage | undefined
  for (let day = 90; day > 0; day--) {
    const left = 200 + ((day * 31) % 1200)
    usage = observe(usage, { kind: 'level', atMs: nowMs - day * DAY_MS, left, refill: left > 1370 }, { capacity: 1400 })
  }
  const stored = JSON.stringify(usage)
  const runs = Array.from({ length: 5 }, () => {
    const startMs = performance.now()
    for (let slot = 0; slot < 10_000; slot++) {
      replenishment({
        forecast: forecast(Usage.parse(JSON.parse(stored)), nowMs + slot),
        onHand: 0,
        inFlight: 0,
        leadTime: leadTimeOf([3, 4, 5]),
        reviewDays: 1,
        consentDelayDays: 1,
        packSize: 1400,
        minimumPacks: 1,
        storageLimit: undefined,
        orderedBlind: false,
      })
    }
    return performance.now() - startMs
  })
  return percentile(runs, 0.5)
}

export function shipped(home: Home, labelDoses: number): Policy {
  return productPolicy(packMl(home, labelDoses))
}

function homesOf(seeds: number[], scenario: Scenario): Home[] {
  return seeds.map((seed) => makeHome(seed, scenario))
}
