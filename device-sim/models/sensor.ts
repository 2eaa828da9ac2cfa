import { bell, throwOf, uniform, whole } from './dice.ts'

/** How well a kind of slot is measured. Shares of the capacity. */
export type SensorKind = {
  /** Deviation of one reading: 0.1 % of a scale, 1 % of a float. */
  noiseShare: number
  /** It reads in steps of this share; 0: none. */
  stepShare: number
}

/** One sensor with its own ills. */
export type SensorPlan = SensorKind & {
  key: number
  /** Its zero wanders by up to this share, there and back within about a year. */
  driftShare: number
  /** Caught now and then for days: it repeats what it read. */
  isStuck: boolean
  /** Its cell dies every so often: noisier and patchier readings, then none until somebody changes the cell. */
  isDying: boolean
}

const DAY_MS = 86_400_000
const DRIFT_DAYS = 90
/** Once in each so many days, for 2–12 days (the same spells as the homes of bench:need: 5 days in the median). */
const STUCK_EVERY_DAYS = 120
const STUCK_DAYS = { least: 2, most: 12 }
/** A coin cell of a scale. In its last 30 days it fails more and more, then it is dead until it is noticed. */
const CELL_DAYS = 300
const FAILING_DAYS = 30
const DEAD_DAYS = 10
const FAILING_NOISE = 4
/** A throw for each use, so that no two are the same throw. */
const DRIFT = 1
const STUCK = 2
const CELL = 3
const LOSS = 4

/**
 * What the sensor reads of a content, in the unit of the slot; NaN: no reading comes. `last` is what it read before, or
 * NaN. A function of its arguments alone.
 */
export function readSensor(sensor: SensorPlan, content: number, capacity: number, atMs: number, last: number): number {
  const days = atMs / DAY_MS
  if (sensor.isStuck && !Number.isNaN(last) && isCaught(sensor.key, days)) return last
  let noiseShare = sensor.noiseShare
  const thrown = throwOf(sensor.key, atMs / 1000)
  if (sensor.isDying) {
    const age = (days + uniform(sensor.key, CELL) * CELL_DAYS) % CELL_DAYS
    const failed = Math.max(0, age - (CELL_DAYS - DEAD_DAYS - FAILING_DAYS)) / FAILING_DAYS
    if (failed > 0 && uniform(sensor.key ^ LOSS, atMs / 1000) < failed) return Number.NaN
    noiseShare *= 1 + failed * FAILING_NOISE
  }
  let share = content / capacity + noiseShare * bell(thrown)
  if (sensor.driftShare !== 0) share += sensor.driftShare * driftOf(sensor.key, days)
  if (sensor.stepShare !== 0) share = Math.round(share / sensor.stepShare) * sensor.stepShare
  // What a device sends has two decimals.
  return Math.round(Math.min(1, Math.max(0, share)) * capacity * 100) / 100
}

/** From −1 to 1, on straight lines between one throw in 90 days and the next. */
function driftOf(key: number, days: number): number {
  const at = days / DRIFT_DAYS
  const from = Math.floor(at)
  const before = uniform(key ^ DRIFT, from)
  const after = uniform(key ^ DRIFT, from + 1)
  return 2 * (before + (after - before) * (at - from)) - 1
}

function isCaught(key: number, days: number): boolean {
  const spell = Math.floor(days / STUCK_EVERY_DAYS)
  const lasts = whole(STUCK_DAYS.least, STUCK_DAYS.most, key ^ STUCK, 2 * spell)
  const begins = spell * STUCK_EVERY_DAYS + uniform(key ^ STUCK, 2 * spell + 1) * (STUCK_EVERY_DAYS - lasts)
  return days >= begins && days < begins + lasts
}
