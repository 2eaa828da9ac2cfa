import { z } from 'zod'

/** What the forecast must know of a slot besides its readings. */
export type SlotFacts = {
  /** A full slot, in its unit. */
  capacity: number
}

/** Something that tells how much is left or was used. Only verified levels come here; both kinds in order of time. */
export type Observation =
  /** A level: the content left in the slot, in its unit, whichever way the slot degrades; `refill` when it was filled. */
  | { kind: 'level'; atMs: number; left: number; refill: boolean }
  /** A finished cycle and the dose that it took, in the slot's unit. */
  | { kind: 'cycle'; atMs: number; dose: number }

const nonNegative = z.number().nonnegative()

/** What is known of one slot's use: all that a forecast needs, a few numbers that are carried from reading to reading. */
export const Usage = z.strictObject({
  version: z.literal(1),
  capacity: z.number().positive(),
  /** The level as last read, when it was read, and since when every reading has been exactly the same. */
  reading: z.number(),
  readAtMs: z.int(),
  sameSinceMs: z.int(),
  /** The content at `sameSinceMs`: readings and use weighed by how sure each is, and its variance. */
  content: z.number(),
  contentVariance: nonNegative,
  /** Use seen and the days in which it was seen; both fade, see `FADE_PER_DAY`. */
  used: z.number(),
  usedDays: nonNegative,
  /** Sums over the steps from change to change that tell daily variance and measurement noise apart. */
  steps: nonNegative,
  stepDays: nonNegative,
  stepSquares: nonNegative,
  /** Negative in the mean: the noise of a reading enters the step before it and the one after with opposite signs. */
  stepProducts: z.number(),
  lastStep: z.number(),
  /** Doses of finished cycles since the level last changed, and since it was last read. */
  dosesSinceChange: nonNegative,
  dosesSinceReading: nonNegative,
  /** Days in which the slot's cycles were counted, fading, and their doses: how much of the use cycles explain. */
  dosed: nonNegative,
  /** The usual time between two readings. */
  intervalDays: z.number().positive(),
})
export type Usage = z.infer<typeof Usage>

export type Estimate = { mean: number; sd: number }

export type Forecast = {
  atMs: number
  /** Content of the slot now, in its unit, never below 0. */
  left: Estimate
  /** As `left`, but below 0 when more must have been used than the slot held: then unseen packs were poured in. */
  balance: number
  /** Variance of one day's use. */
  dayVariance: number
  ratePerDay: Estimate
  /** From the 10th to the 90th percentile. */
  daysLeft: { low: number; mid: number; high: number }
  /** `extrapolated`: no reading for long. `stuck`: it reads, but its level does not follow the use. */
  trust: 'measured' | 'extrapolated' | 'stuck'
  /** Since when the level is not known by a reading; undefined while it is measured. */
  blindSinceMs: number | undefined
  /** One plain sentence for the homeowner. */
  sentence: string
}

const DAY_MS = 86_400_000
/** Old use fades by this per day: slow beat eager in every bench (`npm run bench:need`). */
const FADE_PER_DAY = 0.015
/** Before anything is known, a slot is taken to last this long, with the weight of so many days of observation. */
const PRIOR_FULL_LASTS_DAYS = 60
const PRIOR_DAYS = 4
/** Before anything is known: a day's use has this standard deviation, as a multiple of its mean. */
const PRIOR_DAY_SPREAD = 1.4
/** Before anything is known: a reading is off by this share of the capacity (standard deviation). */
const PRIOR_NOISE_SHARE = 0.01
/** The two priors above weigh as much as so many readings. */
const PRIOR_STEPS = 10
/** Habits change: the rate's own spread, as a share of it, however long it was watched. */
const HABIT_SPREAD = 0.08
/** A level is stuck when the same reading came through so much use, as a share of the capacity… */
const STUCK_SHARE = 0.08
/** …and for at least so long. */
const STUCK_DAYS = 3
/** No reading for this many of its usual intervals, and at least this long: the slot is silent. */
const SILENT_INTERVALS = 4
const SILENT_DAYS = 2
const MAX_DAYS_LEFT = 3650
/** Of a normal distribution: its 90th percentile in standard deviations. */
const Z90 = 1.2816

/** What is known after one more observation. Cycles before the first level say nothing. */
export function observe(usage: Usage | undefined, observation: Observation, slot: SlotFacts): Usage | undefined {
  if (usage === undefined || usage.capacity !== slot.capacity) {
    return observation.kind === 'level' ? firstReading(observation, slot) : undefined
  }
  if (observation.kind === 'cycle') return afterCycle(usage, observation.dose)
  if (observation.atMs < usage.readAtMs) return usage
  return observation.refill ? afterRefill(usage, observation) : afterLevel(usage, observation)
}

type LevelObservation = Extract<Observation, { kind: 'level' }>

function firstReading({ atMs, left }: LevelObservation, { capacity }: SlotFacts): Usage {
  return {
    version: 1,
    capacity,
    reading: left,
    readAtMs: atMs,
    sameSinceMs: atMs,
    content: left,
    contentVariance: (capacity * PRIOR_NOISE_SHARE) ** 2,
    used: 0,
    usedDays: 0,
    steps: 0,
    stepDays: 0,
    stepSquares: 0,
    stepProducts: 0,
    lastStep: 0,
    dosesSinceChange: 0,
    dosesSinceReading: 0,
    dosed: 0,
    intervalDays: 1,
  }
}

function afterCycle(usage: Usage, dose: number): Usage {
  return {
    ...usage,
    dosesSinceChange: usage.dosesSinceChange + dose,
    dosesSinceReading: usage.dosesSinceReading + dose,
    dosed: usage.dosed + dose,
  }
}

/** The new level is what it is; how much was poured in is not known, so that the use before it teaches nothing. */
function afterRefill(usage: Usage, { atMs, left }: LevelObservation): Usage {
  return {
    ...usage,
    reading: left,
    readAtMs: atMs,
    sameSinceMs: atMs,
    content: left,
    contentVariance: noiseVariance(usage),
    lastStep: 0,
    dosed: Math.max(0, usage.dosed - usage.dosesSinceChange),
    dosesSinceChange: 0,
    dosesSinceReading: 0,
    intervalDays: nextInterval(usage, atMs),
  }
}

function afterLevel(usage: Usage, { atMs, left }: LevelObservation): Usage {
  if (left === usage.reading) {
    return { ...usage, readAtMs: atMs, dosesSinceReading: 0, intervalDays: nextInterval(usage, atMs) }
  }
  // The whole time since the last change is one step: a level that was stuck, silent or too coarse to move catches up.
  const days = (atMs - usage.sameSinceMs) / DAY_MS
  const kept = Math.exp(-FADE_PER_DAY * days)
  const use = usage.reading - left
  const step = use - rateOf(usage) * days
  const noise = noiseVariance(usage)
  const variance = usage.contentVariance + dayVarianceOf(usage) * days
  const gain = variance / (variance + noise)
  const expected = usage.content - rateOf(usage) * days
  return {
    ...usage,
    reading: left,
    readAtMs: atMs,
    sameSinceMs: atMs,
    content: expected + gain * (left - expected),
    contentVariance: variance * (1 - gain),
    used: usage.used * kept + use,
    usedDays: usage.usedDays * kept + days,
    steps: usage.steps * kept + 1,
    stepDays: usage.stepDays * kept + days,
    stepSquares: usage.stepSquares * kept + step * step,
    stepProducts: usage.stepProducts * kept + step * usage.lastStep,
    lastStep: step,
    dosed: usage.dosed * kept,
    dosesSinceChange: 0,
    dosesSinceReading: 0,
    intervalDays: nextInterval(usage, atMs),
  }
}

function nextInterval(usage: Usage, atMs: number): number {
  return usage.intervalDays + 0.1 * ((atMs - usage.readAtMs) / DAY_MS - usage.intervalDays)
}

/** Use per day: what was seen, and a prior that soon has no weight. Never 0: nobody keeps a slot that is never used. */
function rateOf({ used, usedDays, capacity }: Usage): number {
  const prior = capacity / PRIOR_FULL_LASTS_DAYS
  return Math.max((used + prior * PRIOR_DAYS) / (usedDays + PRIOR_DAYS), prior / 50)
}

function noiseVariance({ steps, stepProducts, capacity }: Usage): number {
  const prior = (capacity * PRIOR_NOISE_SHARE) ** 2
  return (Math.max(0, -stepProducts) + prior * PRIOR_STEPS) / (steps + PRIOR_STEPS)
}

function dayVarianceOf(usage: Usage): number {
  const prior = (rateOf(usage) * PRIOR_DAY_SPREAD) ** 2
  const seen = Math.max(0, usage.stepSquares - 2 * noiseVariance(usage) * usage.steps)
  return (seen + prior * PRIOR_STEPS) / (usage.stepDays + PRIOR_STEPS)
}

/** What is left now and how long it lasts. Never frozen and never zero: without readings, use goes on as before. */
export function forecast(usage: Usage, nowMs: number): Forecast {
  const rate = rateOf(usage)
  const dayVariance = dayVarianceOf(usage)
  const rateVariance = dayVariance / (2 * usage.usedDays + PRIOR_DAYS) + (rate * HABIT_SPREAD) ** 2
  const unreadDays = Math.max(0, nowMs - usage.readAtMs) / DAY_MS
  const unchangedDays = Math.max(0, nowMs - usage.sameSinceMs) / DAY_MS
  const stuck = isStuck(usage, rate)
  const silent = unreadDays > Math.max(SILENT_DAYS, SILENT_INTERVALS * usage.intervalDays)
  const trust = stuck ? 'stuck' : silent ? 'extrapolated' : 'measured'

  const days = stuck ? unchangedDays : unreadDays
  const doses = stuck ? usage.dosesSinceChange : usage.dosesSinceReading
  const since = Math.max(rate * days, doses)
  const balance = usage.content - since
  const variance = usage.contentVariance + dayVariance * days + rateVariance * days * days
  const left = { mean: Math.max(0, balance), sd: Math.sqrt(variance) }
  const ratePerDay = { mean: rate, sd: Math.sqrt(rateVariance) }
  const daysLeft = daysLeftOf(left, ratePerDay, dayVariance)
  return {
    atMs: nowMs,
    left,
    balance,
    dayVariance,
    ratePerDay,
    daysLeft,
    trust,
    blindSinceMs: stuck ? usage.sameSinceMs : silent ? usage.readAtMs : undefined,
    sentence: sentenceOf(trust, daysLeft, days),
  }
}

/** Either cycles took doses that the level does not show, or the level stayed the same while much should have been used. */
function isStuck(usage: Usage, rate: number): boolean {
  const days = (usage.readAtMs - usage.sameSinceMs) / DAY_MS
  const unseen = usage.dosesSinceChange - usage.dosesSinceReading
  const limit = usage.capacity * STUCK_SHARE
  if (unseen >= limit) return true
  return days >= STUCK_DAYS && rate * days >= limit
}

function daysLeftOf(left: Estimate, rate: Estimate, dayVariance: number): Forecast['daysLeft'] {
  const mid = Math.min(left.mean / rate.mean, MAX_DAYS_LEFT)
  const sd = Math.sqrt(left.sd ** 2 + dayVariance * mid + (rate.sd * mid) ** 2) / rate.mean
  return { low: Math.max(0, mid - Z90 * sd), mid, high: Math.min(mid + Z90 * sd, MAX_DAYS_LEFT) }
}

function sentenceOf(trust: Forecast['trust'], { low, mid, high }: Forecast['daysLeft'], days: number): string {
  const span = `It lasts about ${wholeDays(mid)} more (${Math.round(low)} to ${Math.round(high)}).`
  if (trust === 'measured') return span
  const why = trust === 'stuck' ? 'The level has not followed the use' : 'There has been no reading'
  return `${why} for ${wholeDays(days)}: this is reckoned from the use before. ${span}`
}

function wholeDays(days: number): string {
  const whole = Math.round(days)
  return whole === 1 ? '1 day' : `${whole} days`
}
