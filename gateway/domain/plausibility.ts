import type { LevelMark, SlotDescription, Unit } from './level.ts'

/** A reading may exceed the capacity by this share: a heaped scoop, the offset of a scale. */
const OVERFILL_SHARE = 0.05
/** A device's clock may be this far ahead of ours. */
const MAX_AHEAD_MS = 5 * 60_000
/** An older measurement is history: it says nothing about what the slot holds now. */
const MAX_AGE_MS = 30 * 24 * 3_600_000
/** No appliance uses more than half a slot in less than an hour: a fall like that waits for a second reading. */
const MAX_FALL_SHARE = 0.5
const MAX_FALL_WITHIN_MS = 3_600_000
/** The second reading confirms a fall when it differs from the first by at most this share of the capacity. */
const AGREEMENT_SHARE = 0.1
/** A rise of this share of the capacity is a refill: more than a scale drifts, less than the smallest pack adds. */
const REFILL_SHARE = 0.2
/** The end of JavaScript's dates, in the year 275760. */
const LAST_DATE_MS = 8.64e15

/** What is known of a slot before a reading. */
export type SlotHistory = {
  /** The latest level, whatever its mark. */
  latest: { remaining: number; unit: Unit; mark: LevelMark; measuredAtMs: number } | undefined
  /** The latest verified level under the present unit and capacity; there is none before a level above 0 was seen. */
  verified: { remaining: number; measuredAtMs: number } | undefined
  /** The verified level furthest from full since the last refill, so that a refill poured in slowly is seen too. */
  lowest: number | undefined
  /** The level that the sensor reads although the slot is used; undefined while it follows. */
  stuckAt?: number | undefined
  /** The level to which the slot fell so fast that a second reading must confirm it; undefined: none waits. */
  fallenTo?: number | undefined
}

/** Why a level of a stuck sensor is not verified. */
export const STUCK = 'The sensor is stuck: it reads the same although the slot is used. Look at it.'

export type Assessment = {
  mark: LevelMark
  /** Why it is not `verified`, in a sentence; empty otherwise. */
  reason: string
  /** Somebody filled the slot. Only a verified level is a refill. */
  refill: boolean
  /** It would be verified, had it not fallen so fast: the next reading that is as good may confirm it. */
  waits: boolean
  /** This reading is now the slot's level. */
  latest: boolean
  /** The device's time, or ours when it gave none or one ahead of ours. */
  measuredAtMs: number
  /** `measuredAtMs` is ours. */
  gatewayTime: boolean
}

export type MeasuredLevel = {
  remaining: number
  unit: Unit
  measuredAtMs: number | undefined
  /** Why the sender itself does not trust it: a serial line without check sum, a board that is not paired. */
  unverified?: string | undefined
}

/**
 * Judges one level against what the slot is and what it held before (DOMAIN.md, wire). In doubt a level is not `verified`,
 * and then it buys nothing: the harm of a late order is smaller than that of a wrong one.
 */
export function assessLevel(
  history: SlotHistory,
  report: MeasuredLevel,
  description: SlotDescription | undefined,
  nowMs: number,
): Assessment {
  const gatewayTime = report.measuredAtMs === undefined || report.measuredAtMs > nowMs
  const measuredAtMs = gatewayTime ? nowMs : report.measuredAtMs!
  const judged = (mark: LevelMark, reason: string, more: Partial<Assessment> = {}): Assessment => ({
    mark,
    reason,
    refill: false,
    waits: false,
    latest: true,
    measuredAtMs,
    gatewayTime,
    ...more,
  })

  if (description === undefined) {
    return judged('unknown', 'The device has not described this slot: publish a description that names it.', {
      latest: false,
    })
  }
  const { capacity, unit } = description
  if (history.latest !== undefined && measuredAtMs < history.latest.measuredAtMs) {
    return judged('unverified', 'It was measured before the level that is already known.', { latest: false })
  }
  if (report.unverified !== undefined) return judged('unverified', report.unverified)
  if (report.measuredAtMs !== undefined && report.measuredAtMs > nowMs + MAX_AHEAD_MS) {
    const [theirs, ours] = [utcMinute(report.measuredAtMs), utcMinute(nowMs)]
    return judged('unverified', `The device's clock says ${theirs} when it is ${ours} (UTC): set its clock.`)
  }
  if (measuredAtMs < nowMs - MAX_AGE_MS) {
    return judged('unverified', 'It was measured more than 30 days ago: if it was not, set the device’s clock.')
  }
  if (report.unit !== unit) {
    return judged('unverified', `The slot is described in ${unit}, but the level came in ${report.unit}.`)
  }
  if (report.remaining < 0 || report.remaining > capacity * (1 + OVERFILL_SHARE)) {
    return judged('unverified', `The level ${report.remaining} ${unit} is outside 0 to ${capacity} ${unit}.`)
  }
  if (history.verified === undefined) {
    // Samsung washers report 0 for a compartment that they do not have.
    return report.remaining === 0
      ? judged('unknown', 'The slot never held anything: a 0 counts only after a level above 0.')
      : judged('verified', '')
  }

  if (report.remaining === history.stuckAt) return judged('unverified', STUCK)

  const left = (remaining: number) => (description.degradationDirection === 'up' ? capacity - remaining : remaining)
  const fall = left(history.verified.remaining) - left(report.remaining)
  const elapsedMs = measuredAtMs - history.verified.measuredAtMs
  const isConfirmed =
    history.fallenTo !== undefined && Math.abs(history.fallenTo - report.remaining) <= capacity * AGREEMENT_SHARE
  if (fall > capacity * MAX_FALL_SHARE && elapsedMs < MAX_FALL_WITHIN_MS && !isConfirmed) {
    return judged(
      'unverified',
      `It fell by ${Math.round(fall * 100) / 100} ${unit} in less than an hour: the next reading must confirm it.`,
      { waits: true },
    )
  }
  const rise = left(report.remaining) - left(history.lowest ?? history.verified.remaining)
  return judged('verified', '', { refill: isRefill(rise, capacity) })
}

/** Whether so large a rise of what is left, above its lowest since the last refill, is a refill. */
export function isRefill(rise: number, capacity: number): boolean {
  return rise >= capacity * REFILL_SHARE
}

/** What is known of the slot after the reading. */
export function historyAfter(
  history: SlotHistory,
  report: MeasuredLevel,
  assessment: Assessment,
  description: SlotDescription | undefined,
): SlotHistory {
  if (!assessment.latest) return history
  const { remaining, unit } = report
  const { mark, measuredAtMs } = assessment
  const latest = { remaining, unit, mark, measuredAtMs }
  if (mark !== 'verified') return { ...history, latest, ...(assessment.waits && { fallenTo: remaining }) }
  const furthest = description?.degradationDirection === 'up' ? Math.max : Math.min
  const lowest = assessment.refill || history.lowest === undefined ? remaining : furthest(history.lowest, remaining)
  return { latest, verified: { remaining, measuredAtMs }, lowest }
}

/** `2026-03-01 14:05`; what a date cannot hold is shown as the last that it can. */
function utcMinute(atMs: number): string {
  const iso = new Date(Math.min(atMs, LAST_DATE_MS)).toISOString()
  return iso.replace('T', ' ').replace(/:\d\d\.\d{3}Z$/, '')
}
