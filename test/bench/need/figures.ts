/** What the fronts say: the figures of the issue, with bootstrap intervals over the homes. */
import { Dice } from './dice.ts'
import { lineOf, meanOf, type PackFronts, type PolicyName, type Sample, stockAt, stockoutsAt } from './sweep.ts'

/** Where policies are compared: half a stock-out day per home and year; the threshold at this multiple of the clairvoyant's stock. */
export const STOCKOUT_DAYS = 0.5
const STOCK_MULTIPLE = 1.35
const RESAMPLES = 400

export type Interval = { value: number; low: number; high: number }
export type PackFigures = {
  excessRatioToOracle: Interval
  excessRatioToOracleByReadings: Interval
  excessRatioToAllKnowing: Interval
  daysLeftExcessRatio: Interval
  thresholdExcessRatio: Interval
  stockoutRatioToThreshold: Interval
  oracleStockoutRatioToThreshold: Interval
  oracleByReadingsStockoutRatioToThreshold: Interval
  stockoutRatioToDaysLeft: Interval
}

export function figuresOf(pack: PackFronts): PackFigures {
  const excessRatio = (name: PolicyName, reference: PolicyName) => (sample: Sample) => {
    const clairvoyant = meanOf(pack.clairvoyantDays, sample)
    const excess = (of: PolicyName) => stockAt(lineOf(pack.fronts.get(of)!, sample), STOCKOUT_DAYS) - clairvoyant
    return excess(name) / excess(reference)
  }
  const stockoutsOf = (name: PolicyName, sample: Sample, stockDays: number) =>
    stockoutsAt(lineOf(pack.fronts.get(name)!, sample), stockDays)
  const toThreshold = (name: PolicyName) => (sample: Sample) => {
    const stockDays = STOCK_MULTIPLE * meanOf(pack.clairvoyantDays, sample)
    return stockoutsOf(name, sample, stockDays) / stockoutsOf('threshold', sample, stockDays)
  }
  const toDaysLeft = (sample: Sample) => {
    const stockDays = stockAt(lineOf(pack.fronts.get('product')!, sample), STOCKOUT_DAYS)
    return STOCKOUT_DAYS / stockoutsOf('days left', sample, stockDays)
  }
  const homes = pack.clairvoyantDays.length
  return {
    excessRatioToOracle: interval(excessRatio('product', 'oracle'), homes),
    excessRatioToOracleByReadings: interval(excessRatio('product', 'oracle by readings'), homes),
    excessRatioToAllKnowing: interval(excessRatio('product', 'all-knowing'), homes),
    daysLeftExcessRatio: interval(excessRatio('days left', 'oracle'), homes),
    thresholdExcessRatio: interval(excessRatio('threshold', 'oracle'), homes),
    stockoutRatioToThreshold: interval(toThreshold('product'), homes),
    oracleStockoutRatioToThreshold: interval(toThreshold('oracle'), homes),
    oracleByReadingsStockoutRatioToThreshold: interval(toThreshold('oracle by readings'), homes),
    stockoutRatioToDaysLeft: interval(toDaysLeft, homes),
  }
}

/** All homes alike. */
export function everyHome(homes: number): Sample {
  return Uint32Array.from({ length: homes }, (_, index) => index)
}

/** 95 % of the resamples lie between; NaN where a front does not reach so far. */
export function interval(figure: (sample: Sample) => number, homes: number): Interval {
  const dice = new Dice(homes, 99)
  const sample = new Uint32Array(homes)
  const values: number[] = []
  for (let resample = 0; resample < RESAMPLES; resample++) {
    for (let at = 0; at < homes; at++) sample[at] = Math.floor(dice.uniform() * homes)
    values.push(figure(sample))
  }
  return { value: figure(everyHome(homes)), low: percentile(values, 0.025), high: percentile(values, 0.975) }
}

export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
