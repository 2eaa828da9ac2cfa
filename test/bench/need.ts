/** Whether the product buys better than a fixed threshold, a subscription and a days-left rule: a year of a thousand homes. */
import { parseArgs } from 'node:util'
import { everyHome, figuresOf, type Interval, type PackFigures, percentile, STOCKOUT_DAYS } from './need/figures.ts'
import { makeHome } from './need/homes.ts'
import { plotHomes } from './need/plots.ts'
import { afterDoubling, afterHalving, costOfSpells, evaluate10000Slots, shipped } from './need/scenarios.ts'
import { simulate } from './need/simulate.ts'
import { lineOf, meanOf, PACKS, type PackFronts, type PolicyName, stockAt, sweep } from './need/sweep.ts'

const SCORED = '500001..501000'
const TUNING = '1..500'
const ALPHAS = [0.02, 0.05, 0.1, 0.2]
const PLOTTED_HOMES = 4

const HELP = `npm run bench:need -- [--seeds ${SCORED}] [--json] [--plots <folder>] [--tune]
A year of seeded homes (minutes) with the product's forecast and policy, its baselines and references, at three pack sizes. Prints each
front (stock-out days per home and year against days of stock), the figures with their 95 % intervals and the worst homes.
--tune looks at the seeds ${TUNING} instead: what the smoothing of the days-left rule and the price of a stock-out should be.`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: SCORED },
    json: { type: 'boolean' },
    plots: { type: 'string' },
    tune: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
const seeds = seedsOf(values.tune ? TUNING : values.seeds)
if (values.help) console.log(HELP)
else if (seeds === undefined) {
  console.error('--seeds wants two whole numbers and two dots, the first not above the second: 500001..501000')
  process.exitCode = 1
} else if (values.tune) tune(seeds)
else bench(seeds)

function bench(seeds: number[]): void {
  const policies: PolicyName[] = [
    'oracle',
    'oracle by readings',
    'all-knowing',
    'product',
    'days left',
    'threshold',
    'calendar',
  ]
  const packs = sweep(seeds, policies, {
    onHome: (done) => {
      if (done % 100 === 0 || done === seeds.length) console.log(`${String(done).padStart(6)} of ${seeds.length} homes`)
    },
  })
  const spells = costOfSpells(seeds, packs)
  const figures: Record<string, number> = { homes: seeds.length }
  for (const [index, pack] of packs.entries()) {
    const { labelDoses } = pack
    console.log(`\nPacks of ${labelDoses} doses`)
    printFronts(pack)
    const byPack = figuresOf(pack)
    printFigures(byPack)
    const doubled = afterDoubling(seeds, labelDoses)
    const halved = afterHalving(seeds, labelDoses)
    console.log(`  stock-out days in the 90 days after use doubled   ${doubled.toFixed(2)}`)
    console.log(`  packs too many in the 90 days after it halved, p95  ${halved.toFixed(2)}`)
    console.log(`  days of stock that silent and stuck spells cost   ${spells[index]!.toFixed(2)}`)
    printHomes(seeds, labelDoses)
    Object.assign(figures, {
      [`excessRatioToOracle${labelDoses}`]: round(byPack.excessRatioToOracle.value),
      [`excessRatioToOracleByReadings${labelDoses}`]: round(byPack.excessRatioToOracleByReadings.value),
      [`excessRatioToAllKnowing${labelDoses}`]: round(byPack.excessRatioToAllKnowing.value),
      [`stockoutRatioToThresholdHigh${labelDoses}`]: round(byPack.stockoutRatioToThreshold.high),
      [`stockoutRatioToDaysLeft${labelDoses}`]: round(byPack.stockoutRatioToDaysLeft.value),
      [`doubledStockoutDays${labelDoses}`]: round(doubled),
      [`halvedSurplusPacksP95${labelDoses}`]: round(halved),
      [`spellStockDays${labelDoses}`]: round(spells[index]!),
    })
  }
  const worst = (name: string) => Math.max(...PACKS.map((labelDoses) => figures[`${name}${labelDoses}`]!))
  Object.assign(figures, {
    excessRatioToOracle: worst('excessRatioToOracle'),
    stockoutRatioToThreshold: worst('stockoutRatioToThresholdHigh'),
    stockoutRatioToDaysLeft: worst('stockoutRatioToDaysLeft'),
    evaluate10000SlotsMs: Math.round(evaluate10000Slots()),
  })
  console.log(`\n10,000 slots evaluated in ${figures['evaluate10000SlotsMs']} ms`)
  if (values.plots !== undefined) {
    for (const file of plotHomes(seeds.slice(0, PLOTTED_HOMES), PACKS[1]!, values.plots)) console.log(file)
  }
  if (values.json) console.log(JSON.stringify({ bench: 'need', figures }))
}

/** Stock at half a stock-out day a year by smoothing, and the price of a stock-out at which the product has so many. */
function tune(seeds: number[]): void {
  for (const alpha of ALPHAS) {
    const stock = sweep(seeds, ['days left'], { alpha }).map(({ labelDoses, fronts }) => {
      const days = stockAt(lineOf(fronts.get('days left')!, everyHome(seeds.length)), STOCKOUT_DAYS)
      return `${days.toFixed(1)} days at ${labelDoses} doses`
    })
    console.log(`days left, smoothing ${alpha}: ${stock.join(', ')}`)
  }
  for (const { labelDoses, fronts } of sweep(seeds, ['product'])) {
    const front = fronts.get('product')!
    const line = lineOf(front, everyHome(seeds.length))
    const at = front.settings.map((price, index) => `${price}: ${line[index]!.stockoutDays.toFixed(2)}`)
    console.log(`product at ${labelDoses} doses, stock-out days by price: ${at.join(', ')}`)
  }
}

function printFronts({ clairvoyantDays, fronts }: PackFronts): void {
  const all = everyHome(clairvoyantDays.length)
  console.log(`  ${'clairvoyant'.padEnd(18)}  ${meanOf(clairvoyantDays, all).toFixed(1)} days of stock`)
  for (const [name, front] of fronts) {
    const points = lineOf(front, all).map((point) => `${point.stockDays.toFixed(1)}/${point.stockoutDays.toFixed(2)}`)
    console.log(`  ${name.padEnd(18)}  ${points.join('  ')}`)
  }
}

function printFigures(figures: PackFigures): void {
  const labels: Record<keyof PackFigures, string> = {
    excessRatioToOracle: 'excess stock ÷ the oracle’s',
    excessRatioToOracleByReadings: '  ÷ that of an oracle who reads the same sensor',
    excessRatioToAllKnowing: '  ÷ that of one who knows every law',
    daysLeftExcessRatio: '  the same of the days-left rule',
    thresholdExcessRatio: '  the same of the threshold',
    stockoutRatioToThreshold: 'stock-out days ÷ the threshold’s',
    oracleStockoutRatioToThreshold: '  the same of the oracle',
    oracleByReadingsStockoutRatioToThreshold: '  the same of the oracle who reads the sensor',
    stockoutRatioToDaysLeft: 'stock-out days ÷ the days-left rule’s',
  }
  for (const [key, label] of Object.entries(labels)) {
    const { value, low, high }: Interval = figures[key as keyof PackFigures]
    console.log(`  ${label.padEnd(48)} ${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`)
  }
}

/** The product as it is shipped, home by home. */
function printHomes(seeds: number[], labelDoses: number): void {
  const homes = seeds.map((seed) => {
    const home = makeHome(seed)
    return { seed, ...simulate(home, labelDoses, shipped(home, labelDoses)) }
  })
  const stockouts = homes.map(({ stockoutDays }) => stockoutDays)
  const stock = homes.map(({ stockDays }) => stockDays)
  const worst = homes.reduce((most, home) => (home.stockoutDays > most.stockoutDays ? home : most))
  const mean = (values: number[]) => (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2)
  console.log(
    `  as shipped: stock-out days ${mean(stockouts)} a home, p95 ${percentile(stockouts, 0.95)}, ` +
      `worst ${worst.stockoutDays} (seed ${worst.seed}); days of stock ${mean(stock)}, p95 ${percentile(stock, 0.95).toFixed(0)}`,
  )
}

function seedsOf(text: string): number[] | undefined {
  const [, first, last] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(text) ?? []
  const count = Number(last) - Number(first) + 1
  return count >= 1 && count <= 100_000 ? Array.from({ length: count }, (_, index) => Number(first) + index) : undefined
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
