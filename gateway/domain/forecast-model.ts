import { z } from 'zod'

const nonNegative = z.number().nonnegative()

/** What is known of one slot's use: all that a forecast needs, a few numbers that are carried from reading to reading. */
export const Usage = z.strictObject({
  version: z.literal(2),
  capacity: z.number().positive(),
  /** The level as last read, when it was read, and since when every reading has been exactly the same. */
  reading: z.number(),
  readAtMs: z.int(),
  sameSinceMs: z.int(),
  /** The content at the last reading, readings and expected use weighed by how sure each is, and its variance… */
  content: z.number(),
  contentVariance: nonNegative,
  /** …and both at `sameSinceMs`: when the sensor proves stuck, what it read since counts for nothing. */
  sameContent: z.number(),
  sameVariance: nonNegative,
  /** The least that its readings ever differed by: its step, or next to nothing for one that is noisy. */
  grain: nonNegative,
  /** Use seen and the days in which it was seen; both fade. Their ratio is the rate. */
  used: z.number(),
  usedDays: z.number().positive(),
  /** Doses that cycles reported in the same days and since, fading alike. */
  dosed: nonNegative,
  /** Sums over the steps from reading to reading, of use less expected use: they tell daily variance from noise. */
  steps: nonNegative,
  stepUse: nonNegative,
  stepSquares: nonNegative,
  /** Of each step with the one before. A reading's noise enters both, with opposite signs: the mean is −(its variance). */
  stepProducts: z.number(),
  lastStep: z.number(),
  /** Doses of finished cycles since the level last changed, and since it was last read. */
  dosesSinceChange: nonNegative,
  dosesSinceReading: nonNegative,
  /** The last refill that was seen, or that must have been while nothing was seen, and how much it poured in. */
  refill: z.strictObject({ atMs: z.int(), amount: nonNegative }).nullable(),
  /** The usual time between two readings. */
  intervalDays: nonNegative,
})
export type Usage = z.infer<typeof Usage>

/** `extrapolated`: no reading for long. `stuck`: it reads, but its level does not follow the use. */
export type Trust = 'measured' | 'extrapolated' | 'stuck'

export const DAY_MS = 86_400_000
/** Nobody keeps a slot that lasts longer than this. */
const FULL_LASTS_AT_MOST_DAYS = 3000
/** Before anything is known: variance of a day's use ÷ (its mean × the capacity); standard deviation of a reading ÷ the capacity. */
const PRIOR_SPREAD_SHARE = 0.03
export const PRIOR_NOISE_SHARE = 0.005
/** The first weighs as much as so many days, the second as so many readings. */
const PRIOR_USE_DAYS = 60
const PRIOR_STEPS = 30
/** What is learned of both fades slowly: they are the household's and the sensor's nature. */
export const NATURE_FADE_PER_DAY = 0.004
/** Habits drift by about this share in a day (standard deviation): how fast to forget is what it asks for, see `fadePerDay`. */
const DRIFT_SHARE = 0.016
const MIN_FADE_PER_DAY = 0.006
const MAX_FADE_PER_DAY = 0.06
/** Cycles that report at least this share of the use tell it better than the days do. */
const DOSES_EXPLAIN_SHARE = 0.5
const DOSE_SPREAD = 0.1
/** While blind, the device that reports the cycles may itself be away: fewer doses than this share of what is usual say so. */
const BLIND_DOSES_SHARE = 0.5
/** A level is stuck when every reading was the same while doses took so many of its own steps, or this share of the capacity… */
const STUCK_GRAINS = 2.5
const STUCK_LEAST_SHARE = 0.015
/** …or while the usual rate would have taken this share: people go away, and a fortnight without use proves nothing… */
const STUCK_SHARE = 0.4
/** …or the least, for so many days, where noise never lets two readings be the same. */
const STUCK_DAYS = 3
/** No reading for this many of its usual intervals, and at least this long: the slot is silent. */
const SILENT_INTERVALS = 6
const SILENT_DAYS = 2

/** How fast the usual time between readings follows. */
const INTERVAL_WEIGHT = 0.1

/** The usual time between two readings, after another one. */
export function intervalAfter({ readAtMs, intervalDays }: Usage, atMs: number): number {
  return intervalDays + INTERVAL_WEIGHT * ((atMs - readAtMs) / DAY_MS - intervalDays)
}

/** Use per day. */
export function rateOf({ used, usedDays, capacity }: Usage): number {
  return Math.max(used / usedDays, capacity / FULL_LASTS_AT_MOST_DAYS)
}

/** Variance of one reading. */
export function noiseVariance({ steps, stepProducts, capacity }: Usage): number {
  const prior = (capacity * PRIOR_NOISE_SHARE) ** 2
  return (Math.max(0, -stepProducts) + prior * PRIOR_STEPS) / (steps + PRIOR_STEPS)
}

/** Variance of one day's use. It grows with the rate: by how much, the steps show beyond the noise at both of their ends. */
export function dayVarianceOf(usage: Usage): number {
  const rate = rateOf(usage)
  const prior = rate * PRIOR_USE_DAYS
  const seen = Math.max(0, usage.stepSquares - 2 * noiseVariance(usage) * usage.steps)
  return (rate * (seen + prior * usage.capacity * PRIOR_SPREAD_SHARE)) / (usage.stepUse + prior)
}

/** The steady gain of a Kalman filter for a rate that drifts: about 0.015, more where use is regular. */
export function fadePerDay(usage: Usage): number {
  const gain = (DRIFT_SHARE * rateOf(usage)) / Math.sqrt(dayVarianceOf(usage))
  return Math.min(MAX_FADE_PER_DAY, Math.max(MIN_FADE_PER_DAY, gain))
}

/** Use over so many days in which cycles reported so many doses. */
export function expectedUse(usage: Usage, days: number, doses: number, blind: boolean) {
  const byRate = rateOf(usage) * days
  const dayVariance = dayVarianceOf(usage)
  const explained = (usage.dosed - usage.dosesSinceChange) / (rateOf(usage) * usage.usedDays)
  if (explained > DOSES_EXPLAIN_SHARE) {
    const use = doses / explained
    const variance = (DOSE_SPREAD * use) ** 2 + 0.1 * dayVariance * days
    if (!blind || use > BLIND_DOSES_SHARE * byRate) return { use, variance }
  }
  return { use: byRate, variance: dayVariance * days * (1 + days / usage.usedDays) }
}

/** What the slot holds at a time, by its last true level and the use since. */
export function reckon(usage: Usage, nowMs: number) {
  const unreadDays = Math.max(0, nowMs - usage.readAtMs) / DAY_MS
  const stuck = isStuck(usage)
  const silent = unreadDays > Math.max(SILENT_DAYS, SILENT_INTERVALS * usage.intervalDays)
  const trust: Trust = stuck ? 'stuck' : silent ? 'extrapolated' : 'measured'
  const days = stuck ? (nowMs - usage.sameSinceMs) / DAY_MS : unreadDays
  const doses = stuck ? usage.dosesSinceChange : usage.dosesSinceReading
  const content = stuck ? usage.sameContent : usage.content
  const variance = stuck ? usage.sameVariance : usage.contentVariance
  const isBlind = trust !== 'measured'
  const expected = expectedUse(usage, days, doses, isBlind)
  // Had the device been there all the time: what its cycles alone would leave.
  const counted = isBlind ? expectedUse(usage, days, doses, false) : expected
  return {
    trust,
    days,
    balance: content - expected.use,
    variance: variance + expected.variance,
    ifCounted: { balance: content - counted.use, variance: variance + counted.variance },
  }
}

export type Reckoning = ReturnType<typeof reckon>

/** Either cycles took doses that the level does not show, or it stayed exactly the same while much must have been used. */
export function isStuck(usage: Usage): boolean {
  const { capacity, grain } = usage
  const days = (usage.readAtMs - usage.sameSinceMs) / DAY_MS
  const most = capacity * STUCK_SHARE
  const least = capacity * STUCK_LEAST_SHARE
  const limit = Math.min(most, Math.max(least, STUCK_GRAINS * grain))
  if (usage.dosesSinceChange - usage.dosesSinceReading >= limit) return true
  // The readings of a noisy sensor that is well differ even while nothing is used.
  const isNoisy = grain ** 2 < noiseVariance(usage) / 4
  return days >= STUCK_DAYS && rateOf(usage) * days >= (isNoisy ? least : most)
}
