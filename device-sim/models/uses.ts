import type { Appliance, Program } from './appliance.ts'
import { pick, poisson, uniform } from './dice.ts'
import { DAY_MS, type HouseholdPlan, habitOn, peopleOn, weekdayOf } from './household.ts'

const MINUTE_MS = 60_000
export const MAX_USES_PER_DAY = 12
/** A day has its own numbers for throws, and each use of it four. */
const THROWS_PER_DAY = 128
const FIRST_USE = 32
const THROWS_PER_USE = 4

/**
 * When a home uses an appliance on a day, as ascending times into `uses`; how many they are. Nothing but the plan and the
 * day enters: any day can be asked for alone.
 */
export function usesOfDay(
  { appliance, key }: { appliance: Appliance; key: number },
  household: HouseholdPlan,
  day: number,
  uses: Float64Array,
): number {
  const present = peopleOn(household, day)
  if (present === 0 && !appliance.worksAlone) return 0
  const people = present === 0 ? household.people : present
  const mean = appliance.usesPerDay(people) * appliance.week[weekdayOf(day)]! * habitOn(household, key, day)
  const first = day * THROWS_PER_DAY
  const wanted = appliance.isRegular
    ? Math.floor(mean + uniform(key, first))
    : poisson(mean, MAX_USES_PER_DAY, key, first)
  const count = Math.min(wanted, MAX_USES_PER_DAY)
  const { from, to } = appliance.hours
  for (let use = 0; use < count; use++) {
    const minute = Math.floor((from + uniform(key, first + FIRST_USE + use * THROWS_PER_USE) * (to - from)) * 60)
    insert(uses, use, day * DAY_MS + minute * MINUTE_MS)
  }
  return count
}

/** How the `number`th use of a day is: program and size. */
export function programOf(
  { appliance, key }: { appliance: Appliance; key: number },
  day: number,
  number: number,
): Program {
  return appliance.programs[pick(weightsOf(appliance), uniform(key, throwNumber(day, number) + 1))]!
}

export function sizeOf(key: number, { leastSize }: Program, day: number, number: number): number {
  return leastSize + (1 - leastSize) * uniform(key, throwNumber(day, number) + 2)
}

/** The code of what breaks in it, or ''. */
export function faultOf(
  { appliance, key }: { appliance: Appliance; key: number },
  day: number,
  number: number,
): string {
  let left = uniform(key, throwNumber(day, number) + 3)
  for (const { code, perUse } of appliance.faults) {
    left -= perUse
    if (left < 0) return code
  }
  return ''
}

function throwNumber(day: number, number: number): number {
  return day * THROWS_PER_DAY + FIRST_USE + number * THROWS_PER_USE
}

const weights = new WeakMap<Appliance, number[]>()
function weightsOf(appliance: Appliance): number[] {
  let known = weights.get(appliance)
  if (known === undefined) {
    known = appliance.programs.map(({ weight }) => weight)
    weights.set(appliance, known)
  }
  return known
}

/** Into the first `count` of ascending times. */
function insert(times: Float64Array, count: number, atMs: number): void {
  let place = count
  for (; place > 0 && times[place - 1]! > atMs; place--) times[place] = times[place - 1]!
  times[place] = atMs
}
