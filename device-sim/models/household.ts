import { throwOf, uniform, whole } from './dice.ts'

const DAYS_PER_YEAR = 365
/** A weekend away to long holidays. */
const HOLIDAY_DAYS = { least: 3, most: 21 }
const VISIT_DAYS = { least: 1, most: 7 }
const GUESTS = { least: 1, most: 3 }
const HOLIDAYS = 11
const VISITS = 12
const HABITS = 13

export const DAY_MS = 86_400_000
/** 1970-01-01 was a Thursday. */
const WEEKDAY_OF_DAY_0 = 4

/** From 0, Sunday, to 6. Days are counted from 1970. */
export function weekdayOf(day: number): number {
  return (day + WEEKDAY_OF_DAY_0) % 7
}

/** Who lives here. Everything that they do follows from the key. */
export type HouseholdPlan = {
  key: number
  people: number
  holidaysPerYear: number
  guestsPerYear: number
  habitChangesPerYear: number
}

/** How many people are at home on a day, guests included; 0 while they are away. */
export function peopleOn({ key, people, holidaysPerYear, guestsPerYear }: HouseholdPlan, day: number): number {
  const holidays = throwOf(key, HOLIDAYS)
  if (isWithinSpell(holidays, holidaysPerYear, HOLIDAY_DAYS, day)) return 0
  const visits = throwOf(key, VISITS)
  if (!isWithinSpell(visits, guestsPerYear, VISIT_DAYS, day)) return people
  return people + whole(GUESTS.least, GUESTS.most, visits, spellOf(guestsPerYear, day) * 4)
}

/**
 * By how much this home now uses one appliance more or less than others of its size: √½ to √2, so that a change (a job, a
 * child, a diet) halves or doubles it at the most. `key` is the appliance's.
 */
export function habitOn({ habitChangesPerYear }: HouseholdPlan, key: number, day: number): number {
  if (habitChangesPerYear === 0) return 1
  const habits = throwOf(key, HABITS)
  const epoch = Math.floor((day * habitChangesPerYear) / DAYS_PER_YEAR + uniform(habits, 0))
  return 2 ** (uniform(habits, epoch) - 0.5)
}

/** The spell to which a day belongs: there is one in each, at a place of its own. */
function spellOf(perYear: number, day: number): number {
  return Math.floor((day * perYear) / DAYS_PER_YEAR)
}

function isWithinSpell(key: number, perYear: number, length: { least: number; most: number }, day: number): boolean {
  if (perYear === 0) return false
  const everyDays = DAYS_PER_YEAR / perYear
  const spell = spellOf(perYear, day)
  const lasts = Math.min(everyDays, whole(length.least, length.most, key, spell * 4 + 1))
  const begins = spell * everyDays + uniform(key, spell * 4 + 2) * (everyDays - lasts)
  return day >= begins && day < begins + lasts
}
