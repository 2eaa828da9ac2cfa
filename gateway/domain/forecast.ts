import {
  DAY_MS,
  dayVarianceOf,
  fadePerDay,
  intervalAfter,
  isStuck,
  NATURE_FADE_PER_DAY,
  noiseVariance,
  PRIOR_NOISE_SHARE,
  type Reckoning,
  rateOf,
  reckon,
  type Trust,
  type Usage,
} from './forecast-model.ts'

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
type LevelObservation = Extract<Observation, { kind: 'level' }>

export type Estimate = { mean: number; sd: number }

export type Forecast = {
  atMs: number
  /** Content of the slot now, in its unit, never below 0. */
  left: Estimate
  /** As `left`, but below 0 when more must have been used than the slot held: then packs were poured in unseen. */
  balance: number
  ratePerDay: Estimate
  /** Variance of one day's use. */
  dayVariance: number
  /** From the 10th to the 90th percentile. */
  daysLeft: { low: number; mid: number; high: number }
  trust: Trust
  /** Seen for too few days to know its rate: a burst on the first day looks like a habit. */
  isNew: boolean
  /** Since when the level is not known by a reading; undefined while it is measured. */
  blindSinceMs: number | undefined
  /** One plain sentence for the homeowner. */
  sentence: string
}

/** Before anything is known, a full slot is taken to last so long, as if that had been seen for so many days. */
const PRIOR_FULL_LASTS_DAYS = 60
const PRIOR_DAYS = 3
/** Until use was seen for so many days, a slot is new. */
const NEW_DAYS = 5
/** A rise over the last reading of this share of the capacity, and of so many deviations of the noise, is a refill. */
const RISE_SHARE = 0.12
const RISE_DEVIATIONS = 4
/** So is a level above what is expected by this share and so many deviations: poured in and partly used while unseen. */
const UNSEEN_SHARE = 0.3
const UNSEEN_DEVIATIONS = 1
/** Below this share of the capacity a slot cannot show what is wanted. */
const EMPTY_SHARE = 0.005
const MAX_DAYS_LEFT = 3650
/** Of a normal distribution: its 90th percentile in standard deviations. */
const Z90 = 1.2816

/** What is known after one more observation. Cycles before the first level say nothing; a level that came late is left out. */
export function observe(usage: Usage | undefined, observation: Observation, slot: SlotFacts): Usage | undefined {
  if (usage === undefined || usage.capacity !== slot.capacity) {
    return observation.kind === 'level' ? firstReading(observation, slot.capacity) : undefined
  }
  if (observation.kind === 'cycle') {
    const { dose } = observation
    const dosesSinceChange = usage.dosesSinceChange + dose
    return { ...usage, dosesSinceChange, dosesSinceReading: usage.dosesSinceReading + dose, dosed: usage.dosed + dose }
  }
  if (observation.atMs < usage.readAtMs) return usage
  // Exactly the same: nothing happened, or it is stuck; not a refill, however much must have been used.
  if (observation.left === usage.reading) return afterSame(usage, observation)
  const expected = reckon(usage, observation.atMs)
  if (observation.refill || isUnseenRefill(usage, observation.left, expected)) {
    const amount = Math.max(0, observation.left - expected.balance)
    return { ...afterPause(usage, observation), refill: { atMs: observation.atMs, amount } }
  }
  return usage.reading < usage.capacity * EMPTY_SHARE
    ? afterPause(usage, observation)
    : afterUse(usage, observation, expected)
}

function firstReading({ atMs, left }: LevelObservation, capacity: number): Usage {
  return {
    version: 2,
    capacity,
    reading: left,
    readAtMs: atMs,
    sameSinceMs: atMs,
    content: left,
    contentVariance: (capacity * PRIOR_NOISE_SHARE) ** 2,
    sameContent: left,
    sameVariance: (capacity * PRIOR_NOISE_SHARE) ** 2,
    grain: capacity,
    used: (capacity / PRIOR_FULL_LASTS_DAYS) * PRIOR_DAYS,
    usedDays: PRIOR_DAYS,
    dosed: 0,
    steps: 0,
    stepUse: 0,
    stepSquares: 0,
    stepProducts: 0,
    lastStep: 0,
    dosesSinceChange: 0,
    dosesSinceReading: 0,
    refill: null,
    intervalDays: 1,
  }
}

/** Plausibility counts a rise over the lowest level. Smaller ones, and what happened while nothing was seen, show only here. */
function isUnseenRefill(usage: Usage, left: number, { balance, variance, ifCounted }: Reckoning): boolean {
  const { capacity, reading } = usage
  const noise = Math.sqrt(noiseVariance(usage))
  if (left - reading > Math.max(RISE_SHARE * capacity, RISE_DEVIATIONS * noise)) return true
  const isAbove = (expected: { balance: number; variance: number }) =>
    left - expected.balance > Math.max(UNSEEN_SHARE * capacity, UNSEEN_DEVIATIONS * Math.sqrt(expected.variance))
  return isAbove({ balance, variance }) && isAbove(ifCounted)
}

/** The new level is what it is, and how much was used until then teaches nothing: it was refilled, or empty. */
function afterPause(usage: Usage, { atMs, left }: LevelObservation): Usage {
  return {
    ...usage,
    readAtMs: atMs,
    intervalDays: intervalAfter(usage, atMs),
    reading: left,
    sameSinceMs: atMs,
    content: left,
    contentVariance: noiseVariance(usage),
    sameContent: left,
    sameVariance: noiseVariance(usage),
    lastStep: 0,
    dosed: Math.max(0, usage.dosed - usage.dosesSinceChange),
    dosesSinceChange: 0,
    dosesSinceReading: 0,
  }
}

/** The same once more weighs like a level that moved, unless it is stuck; what was used shows when it moves. */
function afterSame(usage: Usage, { atMs, left }: LevelObservation): Usage {
  const again = { ...usage, readAtMs: atMs, intervalDays: intervalAfter(usage, atMs), dosesSinceReading: 0 }
  if (isStuck(again)) return again
  const { content, contentVariance } = weighed(usage, reckon(usage, atMs), left)
  const { steps, stepUse, stepSquares, stepProducts, lastStep } = stepped(usage, atMs, left)
  return { ...again, content, contentVariance, steps, stepUse, stepSquares, stepProducts, lastStep }
}

/** The whole time since the last change tells the use: a level that was stuck, silent or too coarse to move catches up. */
function afterUse(usage: Usage, { atMs, left }: LevelObservation, expected: Reckoning): Usage {
  const days = (atMs - usage.sameSinceMs) / DAY_MS
  const kept = Math.exp(-fadePerDay(usage) * days)
  const { content, contentVariance } = weighed(usage, expected, left)
  const { steps, stepUse, stepSquares, stepProducts, lastStep } = isStuck(usage)
    ? { ...usage, lastStep: 0 }
    : stepped(usage, atMs, left)
  // Named one by one: spreading the parts takes three times as long, and this runs at every reading.
  return {
    ...usage,
    readAtMs: atMs,
    intervalDays: intervalAfter(usage, atMs),
    content,
    contentVariance,
    sameContent: content,
    sameVariance: contentVariance,
    steps,
    stepUse,
    stepSquares,
    stepProducts,
    lastStep,
    grain: Math.min(usage.grain, Math.abs(usage.reading - left)),
    reading: left,
    sameSinceMs: atMs,
    used: usage.used * kept + usage.reading - left,
    usedDays: usage.usedDays * kept + days,
    dosed: usage.dosed * kept,
    dosesSinceChange: 0,
    dosesSinceReading: 0,
  }
}

/** The content by the level and by what was expected, each weighed by how sure it is (Kalman). */
function weighed(usage: Usage, { balance, variance }: Reckoning, left: number) {
  const gain = variance / (variance + noiseVariance(usage))
  return { content: balance + gain * (left - balance), contentVariance: variance * (1 - gain) }
}

/** What the step from the last reading to this one tells of noise and daily variance. */
function stepped(usage: Usage, atMs: number, left: number) {
  const days = (atMs - usage.readAtMs) / DAY_MS
  const kept = Math.exp(-NATURE_FADE_PER_DAY * days)
  const use = rateOf(usage) * days
  const step = usage.reading - left - use
  return {
    steps: usage.steps * kept + 1,
    stepUse: usage.stepUse * kept + use,
    stepSquares: usage.stepSquares * kept + step * step,
    stepProducts: usage.stepProducts * kept + step * usage.lastStep,
    lastStep: step,
  }
}

/** What is left now and how long it lasts. Never frozen and never zero: without readings, use goes on as before. */
export function forecast(usage: Usage, nowMs: number): Forecast {
  const { trust, days, balance, variance } = reckon(usage, nowMs)
  const dayVariance = dayVarianceOf(usage)
  const left = { mean: Math.max(0, balance), sd: Math.sqrt(variance) }
  const ratePerDay = { mean: rateOf(usage), sd: Math.sqrt(dayVariance / usage.usedDays) }
  const daysLeft = daysLeftOf(left, ratePerDay, dayVariance)
  return {
    atMs: nowMs,
    left,
    balance,
    ratePerDay,
    dayVariance,
    daysLeft,
    trust,
    isNew: usage.usedDays < PRIOR_DAYS + NEW_DAYS,
    blindSinceMs: trust === 'measured' ? undefined : trust === 'stuck' ? usage.sameSinceMs : usage.readAtMs,
    sentence: sentenceOf(trust, daysLeft, days),
  }
}

function daysLeftOf(left: Estimate, rate: Estimate, dayVariance: number): Forecast['daysLeft'] {
  const mid = left.mean / rate.mean
  const sd = Math.sqrt(left.sd ** 2 + dayVariance * mid + (rate.sd * mid) ** 2) / rate.mean
  return { low: Math.max(0, mid - Z90 * sd), mid, high: Math.min(mid + Z90 * sd, MAX_DAYS_LEFT) }
}

function sentenceOf(trust: Trust, { low, mid, high }: Forecast['daysLeft'], days: number): string {
  const span = `It lasts about ${wholeDays(mid)} more (${Math.round(low)} to ${Math.round(high)}).`
  if (trust === 'measured') return span
  const why = trust === 'stuck' ? 'The level has not followed the use' : 'There has been no reading'
  return `${why} for ${wholeDays(days)}: this is reckoned from the use before. ${span}`
}

function wholeDays(days: number): string {
  const whole = Math.round(days)
  return whole === 1 ? '1 day' : `${whole} days`
}
