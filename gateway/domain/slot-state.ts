import { observe } from './forecast.ts'
import type { Usage } from './forecast-model.ts'
import type { Level, LevelMark, SlotDescription, Unit } from './level.ts'
import { isRefill } from './plausibility.ts'

/** How a slot counts: with another capacity, unit or direction its levels mean something else. */
export type SlotMeasure = Pick<SlotDescription, 'unit' | 'capacity' | 'degradationDirection'>

/** Something that the device said happened; `code` is its detail's. */
export type SlotEvent = { type: string; atMs: number; code: string | undefined }

/** What the rules carry from reading to reading of one slot: the same readings always give the same state. */
export type SlotState = {
  measure: SlotMeasure
  usage: Usage | undefined
  /** The newest level, whatever its mark. */
  level: Level | undefined
  readingId: number | undefined
  /** The least content since the last refill, so that a refill poured in slowly is seen too. */
  lowestLeft: number | undefined
  /** Not yet looked at by the rules, oldest first, the newest `MAX_EVENTS`. */
  events: SlotEvent[]
}

/** A stored reading that may concern a slot: its level, or an event of its device. */
export type SlotReading =
  | {
      kind: 'level'
      readingId: number
      measuredAtMs: number
      /** In the slot's unit; what came in another one is not verified. */
      remaining: number
      mark: LevelMark
      markReason: string
    }
  /** `dose`: content that a finished cycle took from this slot, if it says so. */
  | { kind: 'event'; measuredAtMs: number; type: string; code: string | undefined; dose: number | undefined }

/** A device that reports faults without end keeps only the newest. */
const MAX_EVENTS = 20
/** Field of a cycle's detail that tells its dose, by the slot's unit. */
const DOSE_FIELDS: Partial<Record<Unit, string>> = { ml: 'doseMl', g: 'doseGrams', count: 'doseCount' }

export function newSlotState(measure: SlotMeasure): SlotState {
  return { measure, usage: undefined, level: undefined, readingId: undefined, lowestLeft: undefined, events: [] }
}

/** Content that is left: a filter fills up, a bottle empties. */
export function leftOf(remaining: number, { capacity, degradationDirection }: SlotMeasure): number {
  return degradationDirection === 'up' ? capacity - remaining : remaining
}

/** The state after one more reading, in the order in which they were stored. */
export function afterReading(state: SlotState, reading: SlotReading): SlotState {
  return reading.kind === 'level' ? afterLevel(state, reading) : afterEvent(state, reading)
}

/** Content that somebody poured in between the two states, in the slot's unit; 0 when nobody did. */
export function refilledBetween(before: SlotState, after: SlotState): number {
  const { refill } = after.usage ?? { refill: null }
  return refill === null || refill.atMs === before.usage?.refill?.atMs ? 0 : refill.amount
}

function afterLevel(state: SlotState, reading: SlotReading & { kind: 'level' }): SlotState {
  const { readingId, measuredAtMs, remaining, mark, markReason } = reading
  const { measure } = state
  // It came late: what is known is newer.
  if (state.level !== undefined && measuredAtMs < state.level.measuredAtMs) return state
  const level = { remaining, unit: measure.unit, mark, markReason, measuredAtMs }
  if (mark !== 'verified') return { ...state, readingId, level }
  const left = leftOf(remaining, measure)
  const refill = state.lowestLeft !== undefined && isRefill(left - state.lowestLeft, measure.capacity)
  const lowestLeft = refill || state.lowestLeft === undefined ? left : Math.min(state.lowestLeft, left)
  const usage = observe(state.usage, { kind: 'level', atMs: measuredAtMs, left, refill }, measure)
  return { measure, usage, level, readingId, lowestLeft, events: state.events }
}

function afterEvent(state: SlotState, reading: SlotReading & { kind: 'event' }): SlotState {
  const { measuredAtMs, type, code, dose } = reading
  const events = [...state.events, { type, atMs: measuredAtMs, code }].slice(-MAX_EVENTS)
  if (dose === undefined) return { ...state, events }
  return { ...state, events, usage: observe(state.usage, { kind: 'cycle', atMs: measuredAtMs, dose }, state.measure) }
}

/**
 * The dose that an event's detail tells for this slot, in its unit: of `cycle-finished`, when the detail names the slot, or
 * names none and the device has no other slot of that unit.
 */
export function doseOf(
  event: { type: string; detail: Readonly<Record<string, unknown>> },
  slot: { name: string; unit: Unit },
  unitsOfDevice: readonly Unit[],
): number | undefined {
  const { type, detail } = event
  const dose = detail[DOSE_FIELDS[slot.unit] ?? '']
  if (type !== 'cycle-finished' || typeof dose !== 'number' || !(dose > 0)) return undefined
  if (detail['slot'] !== undefined) return detail['slot'] === slot.name ? dose : undefined
  return unitsOfDevice.filter((unit) => unit === slot.unit).length === 1 ? dose : undefined
}
