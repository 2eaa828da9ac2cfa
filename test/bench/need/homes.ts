/**
 * The homes of the bench. A home is made from its seed alone: what it wants to use each day, how long goods take that
 * are ordered on a day, what its sensor does and how its people act. Every policy and pack size meets the same throws.
 * Amounts are in doses. The shapes are assumptions, frozen with their reasons in ASSUMPTIONS.md.
 */
import { Dice } from './dice.ts'

export const WARM_UP_DAYS = 60
export const SCORED_DAYS = 365
export const RUN_OUT_DAYS = 60
export const DAYS = WARM_UP_DAYS + SCORED_DAYS + RUN_OUT_DAYS

/** A household is at home, away (nothing is used) or has guests (more is used). */
export const HOUSEHOLD_STATES = 3
const AWAY = 1
const GUESTS = 2
/** Doses that one day may want: 0 to this. */
export const MAX_DOSES_PER_DAY = 9
export const MAX_LEAD_DAYS = 24

/** The law of use between two changes of habit. */
export type Regime = {
  fromDay: number
  /** Doses a day when at home, mean over the week. */
  rate: number
  /** Probability of n doses, by household state and weekday. */
  doses: Float64Array[][]
}
export type Home = {
  seed: number
  /** Content of one dose in ml: the readings are in ml. */
  doseMl: number
  /** Doses of this home in a pack that is labelled with 1 dose: people pour more or less than the label says. */
  labelShare: number
  regimes: Regime[]
  /** Probability of the next household state, by the present one. */
  stateSteps: number[][]
  /** By day. */
  regimeOfDay: Uint8Array
  stateOfDay: Uint8Array
  wanted: Uint8Array
  /** Probability of n days to delivery, by the weekday of the order; and the throw for each day. */
  leadLaw: Float64Array[]
  leadOfDay: Uint8Array
  sensor: Sensor
  people: People
}
type Sensor = {
  /** Of the capacity. */
  noiseShare: number
  /** Steps of the capacity; 0 is none. */
  quantumShare: number
  /** Whether it reads on this day, and the throw of its noise. */
  reads: Uint8Array
  noise: Float64Array
  /** 1: silent, 2: silent and cycles too (device offline), 3: repeats its last reading. */
  spellOfDay: Uint8Array
  reportsCycles: boolean
  /** What a cycle reports of a dose, by day. */
  reportedDose: Float64Array
}
type People = {
  /** Days until somebody pours in what arrived, by day of arrival. */
  pourAfterDays: Uint8Array
  /** Days until a question asked on this day is answered; 255 is never. */
  answerAfterDays: Uint8Array
}
export type Scenario = 'plain' | 'no-spells' | 'doubles' | 'halves' | 'keeps'
/** The day on which use doubles or halves in those scenarios, when every home also keeps its habits otherwise; in `keeps` it does not. */
export const CHANGE_DAY = 180

export function makeHome(seed: number, scenario: Scenario = 'plain'): Home {
  const habits = new Dice(seed, 0)
  const stateSteps = householdSteps(habits)
  const regimes = makeRegimes(new Dice(seed, 1), scenario)
  const regimeOfDay = new Uint8Array(DAYS).map((_, day) => regimes.findLastIndex((regime) => regime.fromDay <= day))
  const { stateOfDay, wanted } = live(new Dice(seed, 2), regimes, regimeOfDay, stateSteps)
  const leads = new Dice(seed, 3)
  const leadLaw = makeLeadLaw(leads)
  return {
    seed,
    doseMl: habits.between(25, 55),
    labelShare: Math.exp(0.15 * habits.normal()),
    regimes,
    stateSteps,
    regimeOfDay,
    stateOfDay,
    wanted,
    leadLaw,
    leadOfDay: new Uint8Array(DAYS).map((_, day) => leads.of(leadLaw[day % 7]!)),
    sensor: makeSensor(new Dice(seed, 4), wanted, scenario),
    people: makePeople(new Dice(seed, 5)),
  }
}

/** Away about 7 times a year for about 6 days, guests about 6 times for about 4. */
function householdSteps(dice: Dice): number[][] {
  const leave = dice.between(0.01, 0.03)
  const invite = dice.between(0.005, 0.03)
  const back = 1 / dice.between(4, 8)
  const bye = 1 / dice.between(2, 6)
  return [
    [1 - leave - invite, leave, invite],
    [back, 1 - back, 0],
    [bye, 0, 1 - bye],
  ]
}

/** Five washes a week in the median; a change of habit about every 250 days. */
function makeRegimes(dice: Dice, scenario: Scenario): Regime[] {
  const weekdayShares = makeWeek(dice)
  const washDays = dice.chance(0.4)
  const guestFactor = dice.between(1.4, 2.5)
  let rate = clamp(0.7 * Math.exp(0.45 * dice.normal()), 0.2, 2.2)
  const regimes: Regime[] = []
  const begin = (fromDay: number) => {
    const doses = Array.from({ length: HOUSEHOLD_STATES }, (_, state) =>
      weekdayShares.map((share) => {
        const mean = rate * share * (state === AWAY ? 0 : state === GUESTS ? guestFactor : 1)
        return washDays ? washDay(mean) : poisson(mean)
      }),
    )
    regimes.push({ fromDay, rate, doses })
  }
  begin(0)
  if (scenario === 'keeps') return regimes
  if (scenario === 'doubles' || scenario === 'halves') {
    rate *= scenario === 'doubles' ? 2 : 0.5
    begin(CHANGE_DAY)
    return regimes
  }
  for (let day = 1; day < DAYS; day++) {
    if (!dice.chance(1 / 250)) continue
    rate = clamp(rate * Math.exp(0.35 * dice.normal()), 0.15, 2.5)
    begin(day)
  }
  return regimes
}

/** Shares of the weekdays, mean 1: every home has its own days, and a third washes at the weekend above all. */
function makeWeek(dice: Dice): number[] {
  const weekend = dice.chance(1 / 3) ? dice.between(1.5, 4) : 1
  const shares = Array.from({ length: 7 }, (_, day) => (0.2 + dice.uniform()) * (day >= 5 ? weekend : 1))
  const sum = shares.reduce((total, share) => total + share, 0)
  return shares.map((share) => (share * 7) / sum)
}

function poisson(mean: number): Float64Array {
  const law = new Float64Array(MAX_DOSES_PER_DAY + 1)
  let term = Math.exp(-mean)
  for (let n = 0; n <= MAX_DOSES_PER_DAY; n++) {
    law[n] = term
    term *= mean / (n + 1)
  }
  return normalised(law)
}

/** Some wash seldom and then several loads: 1 + Poisson(1) on a wash day. */
function washDay(mean: number): Float64Array {
  const loads = poisson(Math.max(1, mean / 0.9 - 1))
  const loadsMean = 1 + loads.reduce((total, probability, n) => total + n * probability, 0)
  const probability = Math.min(1, mean / loadsMean)
  const law = new Float64Array(MAX_DOSES_PER_DAY + 1)
  for (let n = 0; n < MAX_DOSES_PER_DAY; n++) law[n + 1] = probability * loads[n]!
  law[0] = 1 - probability
  return normalised(law)
}

function live(dice: Dice, regimes: Regime[], regimeOfDay: Uint8Array, steps: number[][]) {
  const stateOfDay = new Uint8Array(DAYS)
  const wanted = new Uint8Array(DAYS)
  let state = 0
  for (let day = 0; day < DAYS; day++) {
    state = dice.of(steps[state]!)
    stateOfDay[day] = state
    wanted[day] = dice.of(regimes[regimeOfDay[day]!]!.doses[state]![day % 7]!)
  }
  return { stateOfDay, wanted }
}

/**
 * A day of cooling off, handling of 0–2 working days, transit of 1–3 with a tail, now and then a parcel that strays for
 * days; nothing is delivered on Sundays. Day 0 is a Monday. Ordered in the evening, it arrives in a morning.
 */
function makeLeadLaw(dice: Dice): Float64Array[] {
  const atLeastDays = 2 + dice.pick([0, 0, 1, 1, 2])
  const tail = dice.between(0.25, 0.6)
  const stray = dice.between(0, 0.04)
  return Array.from({ length: 7 }, (_, weekday) => {
    const law = new Float64Array(MAX_LEAD_DAYS + 1)
    const add = (days: number, probability: number) => {
      const delivered = (weekday + days) % 7 === 6 ? days + 1 : days
      const at = Math.min(delivered, MAX_LEAD_DAYS)
      law[at] = law[at]! + probability
    }
    for (let extra = 0, rest = 1 - stray; extra < 12; extra++) {
      add(atLeastDays + extra, extra === 11 ? rest : rest * (1 - tail))
      rest *= tail
    }
    for (let late = 5; late <= 12; late++) add(atLeastDays + late, stray / 8)
    return normalised(law)
  })
}

/**
 * A scale under the bottle or a float in the tank: off by 0.1–1 % of a full slot, some in coarse steps. Half of them read
 * daily, a quarter every other day, a quarter is the appliance itself, which reports after use, and then its cycles too.
 */
function makeSensor(dice: Dice, wanted: Uint8Array, scenario: Scenario): Sensor {
  const noiseShare = dice.between(0.001, 0.01)
  const quantumShare = dice.pick([0, 0, 0.01, 0.01, 0.025])
  const kind = dice.pick(['daily', 'daily', 'on-use', 'seldom'])
  const missing = dice.between(0.02, 0.2)
  const reportsCycles = dice.chance(0.4) || kind === 'on-use'
  const reads = new Uint8Array(DAYS)
  const noise = new Float64Array(DAYS)
  const spellOfDay = new Uint8Array(DAYS)
  const reportedDose = new Float64Array(DAYS)
  for (let day = 0, until = 0, spell = 0; day < DAYS; day++) {
    const due = kind === 'daily' || (kind === 'on-use' ? wanted[day]! > 0 : dice.chance(0.5))
    reads[day] = due && !dice.chance(missing) ? 1 : 0
    noise[day] = dice.normal()
    reportedDose[day] = 1 + 0.05 * dice.normal()
    // A spell begins about twice a year and lasts 5 days in the median, at most 40.
    const [begins, which, length] = [dice.chance(0.006), dice.pick([1, 2, 3]), 5 * Math.exp(0.8 * dice.normal())]
    if (day >= until && begins) {
      spell = which
      until = day + Math.ceil(Math.min(length, 40))
    }
    spellOfDay[day] = day < until && scenario !== 'no-spells' ? spell : 0
  }
  return { noiseShare, quantumShare, reads, noise, spellOfDay, reportsCycles, reportedDose }
}

function makePeople(dice: Dice): People {
  const slow = dice.uniform() * 0.6
  return {
    pourAfterDays: new Uint8Array(DAYS).map(() => (dice.chance(slow) ? dice.pick([1, 2, 3, 4]) : 0)),
    answerAfterDays: new Uint8Array(DAYS).map(() => (dice.chance(0.15) ? 255 : dice.pick([0, 0, 1, 2]))),
  }
}

function normalised(law: Float64Array): Float64Array {
  const sum = law.reduce((total, probability) => total + probability, 0)
  return law.map((probability) => probability / sum)
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
