/** What no gateway can be: one who knows the throws, one who knows the law of every throw, and one who knows the rate. */
import { rateOf, reckon } from '../../../gateway/domain/forecast-model.ts'
import { DAYS, HOUSEHOLD_STATES, type Home, MAX_DOSES_PER_DAY, MAX_LEAD_DAYS, type Regime } from './homes.ts'
import type { Evening, Policy } from './simulate.ts'

const NOTHING = { packs: 0, ask: false }

/** Knows all throws: of the orders that arrive in time it places the latest. */
export function clairvoyantPolicy(home: Home): Policy {
  return {
    evening({ day, waiting }, { stock, packDoses }) {
      if (waiting) return NOTHING
      // The first day that the stock does not cover: the goods must be there that morning.
      const needDay = firstUncovered(home, day, stock)
      if (needDay > DAYS) return NOTHING
      let arrival = -1
      let best = -1
      for (let order = day; order < needDay && order < DAYS; order++) {
        const arrives = order + home.leadOfDay[order]!
        if (arrives <= needDay && arrives > arrival) [arrival, best] = [arrives, order]
      }
      if (best !== day && arrival >= 0) return NOTHING
      return { packs: packsFor(home, needDay, packDoses), ask: false }
    },
    arrived() {},
  }
}

/** Packs that last until the next ones can be there. */
function packsFor(home: Home, fromDay: number, packDoses: number): number {
  let packs = 1
  while (packs < 9 && firstUncovered(home, fromDay - 1, packs * packDoses) < fromDay + 8) packs++
  return packs
}

function firstUncovered(home: Home, afterDay: number, stock: number): number {
  let rest = stock
  for (let day = afterDay + 1; day < DAYS; day++) {
    rest -= home.wanted[day]!
    if (rest < -1e-9) return day
  }
  return DAYS + 1
}

const MAX_WAIT_DAYS = 4
const MAX_STOCK = 130
const HORIZON_DAYS = MAX_LEAD_DAYS + MAX_WAIT_DAYS

/**
 * Expected stock-out days until the goods arrive when the order is placed after `wait` more days, by household state,
 * weekday and whole doses in stock: exact, by the law of use in this regime and the law of the lead time.
 */
export class WaitingTable {
  private readonly expected = new Float32Array(HOUSEHOLD_STATES * 7 * MAX_WAIT_DAYS * (MAX_STOCK + 1))
  readonly meanLeadDays: Float64Array

  constructor(home: Home, regime: Regime) {
    // P(lead > days) by weekday.
    const later = home.leadLaw.map((law) => {
      const tail = new Float64Array(HORIZON_DAYS + 1)
      for (let days = MAX_LEAD_DAYS; days > 0; days--) tail[days - 1] = tail[days]! + law[days]!
      return tail
    })
    this.meanLeadDays = Float64Array.from(home.leadLaw, (law) => law.reduce((sum, p, days) => sum + p * days, 0))
    for (let state = 0; state < HOUSEHOLD_STATES; state++) {
      for (let weekday = 0; weekday < 7; weekday++) this.fill(home, regime, state, weekday, later)
    }
  }

  at(state: number, weekday: number, wait: number, stock: number): number {
    const whole = Math.min(MAX_STOCK, Math.floor(stock + 1e-9))
    return this.expected[((state * 7 + weekday) * MAX_WAIT_DAYS + wait) * (MAX_STOCK + 1) + whole]!
  }

  private fill(home: Home, regime: Regime, state: number, weekday: number, later: Float64Array[]): void {
    const width = MAX_STOCK + 2
    // Probability of (household state, doses wanted so far); more than MAX_STOCK are one.
    let now = new Float64Array(HOUSEHOLD_STATES * width)
    now[state * width] = 1
    let highest = 0
    for (let ahead = 1; ahead <= HORIZON_DAYS; ahead++) {
      const open = [0, 0, 0, 0]
      for (let wait = 0; wait < MAX_WAIT_DAYS; wait++) {
        open[wait] = ahead <= wait ? 1 : later[(weekday + wait) % 7]![ahead - wait]!
      }
      if (open.every((probability) => probability < 1e-9)) break
      const next = new Float64Array(HOUSEHOLD_STATES * width)
      const wantedToday = new Float64Array(width)
      for (let to = 0; to < HOUSEHOLD_STATES; to++) {
        const law = regime.doses[to]![(weekday + ahead) % 7]!
        for (let sum = 0; sum <= highest; sum++) {
          let mass = 0
          for (let from = 0; from < HOUSEHOLD_STATES; from++)
            mass += now[from * width + sum]! * home.stateSteps[from]![to]!
          if (mass < 1e-12) continue
          for (let n = 0; n <= MAX_DOSES_PER_DAY; n++) {
            const p = mass * law[n]!
            const at = Math.min(sum + n, width - 1)
            next[to * width + at] = next[to * width + at]! + p
            if (n > 0) wantedToday[at] = wantedToday[at]! + p
          }
        }
      }
      now = next
      highest = Math.min(width - 1, highest + MAX_DOSES_PER_DAY)
      // A stock of s doses is out on this day when something is wanted and more than s were wanted so far.
      const row = (state * 7 + weekday) * MAX_WAIT_DAYS * (MAX_STOCK + 1)
      for (let stock = MAX_STOCK, beyond = wantedToday[width - 1]!; stock >= 0; stock--) {
        for (let wait = 0; wait < MAX_WAIT_DAYS; wait++) {
          const at = row + wait * (MAX_STOCK + 1) + stock
          this.expected[at] = this.expected[at]! + open[wait]! * beyond
        }
        beyond += wantedToday[stock]!
      }
    }
  }
}

/** Doses that are thought to be there; `sd` 0: known. */
type Stock = { mean: number; sd: number }

/**
 * Knows the law of use in force (a change of habit at once) and the law of the lead time; whether the people are away or have
 * guests it infers from their use, as well as can be. The true stock it is told, or it sees what the gateway sees of it (`sees`:
 * `readings`). It orders when no later day is cheaper: a day's wait saves one day of stock for as long as a pack lasts, and
 * costs the stock-out days that it adds, `stockoutPriceDays` each.
 */
export function oraclePolicy(
  home: Home,
  tables: WaitingTable[],
  stockoutPriceDays: number,
  sees: 'stock' | 'readings' = 'stock',
): Policy {
  const meanRate = home.regimes.map((regime) => meanUse(home, regime))
  let belief = [1, 0, 0]
  const expected = (table: WaitingTable, weekday: number, wait: number, { mean, sd }: Stock) =>
    (sd === 0 ? [{ at: 0, weight: 1 }] : SPREAD).reduce((sum, { at, weight }) => {
      const stock = Math.max(0, mean + at * sd)
      return belief.reduce((all, p, state) => all + weight * p * table.at(state, weekday, wait, stock), sum)
    }, 0)
  return {
    evening(evening, { stock: trueStock, packDoses }) {
      const { day, waiting } = evening
      const regime = home.regimeOfDay[day]!
      const weekday = day % 7
      belief = believe(home, belief, home.regimes[regime]!.doses, day)
      if (waiting) return NOTHING
      const table = tables[regime]!
      const rate = meanRate[regime]!
      const packDays = packDoses / rate
      const stock = sees === 'stock' ? { mean: trueStock, sd: 0 } : stockByReadings(evening, home, rate)
      if (stock === undefined) return NOTHING
      const outNow = expected(table, weekday, 0, stock)
      for (let wait = 1; wait < MAX_WAIT_DAYS; wait++) {
        const shift = wait + table.meanLeadDays[(weekday + wait) % 7]! - table.meanLeadDays[weekday]!
        if (stockoutPriceDays * (expected(table, weekday, wait, stock) - outNow) < packDays * shift) return NOTHING
      }
      const leadUse = rate * table.meanLeadDays[weekday]!
      return { packs: Math.max(1, Math.ceil((1.5 * leadUse) / packDoses)), ask: false }
    },
    arrived() {},
  }
}

/** Points of a normal distribution that stand for all of it (Gauss and Hermite, five). */
const SPREAD = [
  { at: 0, weight: 0.53333 },
  { at: -1.35563, weight: 0.22208 },
  { at: 1.35563, weight: 0.22208 },
  { at: -2.85697, weight: 0.01126 },
  { at: 2.85697, weight: 0.01125 },
]

/** What the gateway's books make of readings, cycles and deliveries for one who knows the true rate; undefined before the first level. */
function stockByReadings({ usage, atMs, onHandMl }: Evening, { doseMl }: Home, rate: number): Stock | undefined {
  if (usage === undefined) return undefined
  const truer = (rate * doseMl) / rateOf(usage)
  const { used, dosed, dosesSinceChange } = usage
  // The cycles explain the same share of the use as before.
  const knowing = { ...usage, used: used * truer, dosed: (dosed - dosesSinceChange) * truer + dosesSinceChange }
  const { balance, variance } = reckon(knowing, atMs)
  return { mean: Math.max(0, balance + onHandMl) / doseMl, sd: Math.sqrt(variance) / doseMl }
}

/**
 * The home as one sees it who knows the rate in force and how the home's days vary around it: every day has the same law,
 * whatever the weekday and whoever is there. With it `oraclePolicy` is the oracle of the issue.
 */
export function knownByRate(home: Home): Home {
  return { ...home, regimes: home.regimes.map((regime) => ({ ...regime, doses: anyDay(home, regime) })) }
}

function anyDay(home: Home, { doses }: Regime): Float64Array[][] {
  const shares = stateShares(home)
  const law = new Float64Array(MAX_DOSES_PER_DAY + 1).map((_, n) =>
    shares.reduce((sum, share, state) => sum + (share * doses[state]!.reduce((p, day) => p + day[n]!, 0)) / 7, 0),
  )
  return doses.map((week) => week.map(() => law))
}

/** Probabilities of the household states after one more day of use (Bayes). */
function believe(home: Home, before: number[], doses: Float64Array[][], day: number): number[] {
  const after = doses.map(
    (week, to) =>
      before.reduce((sum, p, from) => sum + p * home.stateSteps[from]![to]!, 0) * week[day % 7]![home.wanted[day]!]!,
  )
  const total = after.reduce((sum, p) => sum + p, 0)
  return after.map((p) => p / total)
}

/** Doses a day in the long run of a regime. */
export function meanUse(home: Home, regime: Regime): number {
  return stateShares(home).reduce((sum, time, state) => sum + time * meanOver(regime.doses[state]!), 0)
}

/** The share of its time that a household is in each state, in the long run. */
function stateShares({ stateSteps }: Home): number[] {
  const [, leave, invite] = stateSteps[0]!
  const away = leave! / stateSteps[1]![0]!
  const guests = invite! / stateSteps[2]![0]!
  return [1, away, guests].map((time) => time / (1 + away + guests))
}

function meanOver(week: Float64Array[]): number {
  return week.reduce((sum, law) => sum + law.reduce((mean, p, n) => mean + p * n, 0), 0) / 7
}
