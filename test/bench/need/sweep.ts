/** Every policy at several settings on the same homes: its front of stock against stock-out days. */
import { type Home, makeHome, type Scenario } from './homes.ts'
import { calendarPolicy, daysLeftPolicy, productPolicy, thresholdPolicy } from './policies.ts'
import { clairvoyantPolicy, knownByRate, oraclePolicy, WaitingTable } from './references.ts'
import { packMl, simulate } from './simulate.ts'

/** Doses that the label of a small, a usual and a big pack promises. */
export const PACKS = [24, 40, 80]
/** Of the days-left rule: the best of 0.02, 0.05, 0.1 and 0.2 on the seeds 1–500 at half a stock-out day a year (`--tune`). */
export const DAYS_LEFT_ALPHA = 0.02
const PRICES_DAYS = [175, 350, 700, 1400, 2800, 5600, 11_200, 40_000]
const SETTINGS = {
  oracle: [700, 1200, 2000, 3000, 4500, 8000],
  'oracle by readings': [700, 1200, 2000, 3000, 4500, 8000, 16_000],
  'all-knowing': [700, 1200, 2000, 3000, 4500, 8000],
  product: PRICES_DAYS,
  threshold: [0.15, 0.3, 0.45, 0.6, 0.8, 1, 1.2],
  calendar: [0.5, 0.65, 0.8, 0.95, 1.1],
  'days left': [6, 8, 10, 12, 15, 19, 24, 30],
}
export type PolicyName = keyof typeof SETTINGS

/** By setting, then by home. */
export type Front = { settings: number[]; stockoutDays: Float64Array[]; stockDays: Float64Array[] }
export type PackFronts = { labelDoses: number; clairvoyantDays: Float64Array; fronts: Map<PolicyName, Front> }

/** Fronts of these policies for each pack size. */
export function sweep(
  seeds: number[],
  names: PolicyName[],
  options: { scenario?: Scenario; alpha?: number; onHome?: (done: number) => void } = {},
): PackFronts[] {
  const { scenario = 'plain', alpha = DAYS_LEFT_ALPHA } = options
  const packs = PACKS.map((labelDoses) => ({
    labelDoses,
    clairvoyantDays: new Float64Array(seeds.length),
    fronts: new Map(names.map((name) => [name, emptyFront(SETTINGS[name], seeds.length)])),
  }))
  for (const [index, seed] of seeds.entries()) {
    const home = makeHome(seed, scenario)
    const tablesOf = (seen: Home) => seen.regimes.map((regime) => new WaitingTable(seen, regime))
    const byRate = knownByRate(home)
    const rateTables = names.includes('oracle') || names.includes('oracle by readings') ? tablesOf(byRate) : []
    const tables = names.includes('all-knowing') ? tablesOf(home) : []
    for (const { labelDoses, clairvoyantDays, fronts } of packs) {
      const pack = packMl(home, labelDoses)
      clairvoyantDays[index] = simulate(home, labelDoses, clairvoyantPolicy(home)).stockDays
      const make = {
        oracle: (price: number) => oraclePolicy(byRate, rateTables, price),
        'oracle by readings': (price: number) => oraclePolicy(byRate, rateTables, price, 'readings'),
        'all-knowing': (price: number) => oraclePolicy(home, tables, price),
        product: (price: number) => productPolicy(pack, price),
        threshold: (share: number) => thresholdPolicy(pack, share),
        calendar: (factor: number) => calendarPolicy(pack, factor),
        'days left': (days: number) => daysLeftPolicy(pack, alpha, days),
      }
      for (const [name, front] of fronts) {
        for (const [at, setting] of front.settings.entries()) {
          const outcome = simulate(home, labelDoses, make[name](setting))
          front.stockoutDays[at]![index] = outcome.stockoutDays
          front.stockDays[at]![index] = outcome.stockDays
        }
      }
    }
    options.onHome?.(index + 1)
  }
  return packs
}

function emptyFront(settings: number[], homes: number): Front {
  const rows = () => settings.map(() => new Float64Array(homes))
  return { settings, stockoutDays: rows(), stockDays: rows() }
}

/** Homes by their index, some more than once: a bootstrap sample. */
export type Sample = Uint32Array
/** A front's means: stock-out days and days of stock, setting by setting. */
export type Line = { stockoutDays: number; stockDays: number }[]

export function lineOf(front: Front, sample: Sample): Line {
  return front.settings.map((_, at) => ({
    stockoutDays: meanOf(front.stockoutDays[at]!, sample),
    stockDays: meanOf(front.stockDays[at]!, sample),
  }))
}

export function meanOf(values: Float64Array, sample: Sample): number {
  let sum = 0
  for (const index of sample) sum += values[index]!
  return sum / sample.length
}

/** Fewer stock-out days than this cannot be told from none. */
const LEAST_STOCKOUT_DAYS = 0.002

/** Days of stock at which a front has so many stock-out days; NaN when it never does. */
export function stockAt(line: Line, stockoutDays: number): number {
  const log = (days: number) => Math.log(Math.max(days, LEAST_STOCKOUT_DAYS))
  const points = line.map((point) => [log(point.stockoutDays), point.stockDays] as const)
  return interpolate(points, Math.log(stockoutDays))
}

/** Stock-out days of a front at so much stock; NaN when it never holds so much. */
export function stockoutsAt(line: Line, stockDays: number): number {
  const points = line.map(
    (point) => [point.stockDays, Math.log(Math.max(point.stockoutDays, LEAST_STOCKOUT_DAYS))] as const,
  )
  return Math.exp(interpolate(points, stockDays))
}

/** Between neighbouring settings; of several crossings the one that favours the policy. */
function interpolate(points: (readonly [number, number])[], x: number): number {
  let best = Number.NaN
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!]
    if ((x0 - x) * (x1 - x) > 0) continue
    const y = x0 === x1 ? Math.min(y0, y1) : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0)
    if (!(y >= best)) best = y
  }
  return best
}
