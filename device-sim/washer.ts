import { createHash } from 'node:crypto'
import type { Seed } from '../gateway/lib/seed.ts'
import type { ConsumableReport, Description, EventReport, TelemetryReport } from '../gateway/wire/messages.ts'

/** Detergent drawer of the Samsung W9000 that bought its own detergent in ADEPT (2015). */
export const DRAWER_CAPACITY_ML = 1400
export const DETERGENT_GTIN = '04006381333931'
/** The level sensor: a float with this deviation, read in steps. */
const SENSOR_DEVIATION_ML = 4
const SENSOR_STEP_ML = 5
const TELEMETRY_EVERY_MS = 20 * 60_000
const MINUTE_MS = 60_000
/** Half of the dose is for the water, half for the load. */
const DOSE_SHARE_FOR_WATER = 0.5
const TAP_CELSIUS = 14
const HEATING_SHARE = 0.2
const SPIN_SHARE = 0.9

/** `fullDoseMl`: for a drum filled to `maxLoadKg`, in water of medium hardness. */
export const PROGRAMS = {
  'cotton-40': { minutes: 155, celsius: 40, maxLoadKg: 9, fullDoseMl: 62, spinRpm: 1400 },
  'cotton-60': { minutes: 175, celsius: 60, maxLoadKg: 9, fullDoseMl: 70, spinRpm: 1400 },
  synthetics: { minutes: 120, celsius: 40, maxLoadKg: 4, fullDoseMl: 48, spinRpm: 1000 },
  delicates: { minutes: 50, celsius: 30, maxLoadKg: 2, fullDoseMl: 30, spinRpm: 600 },
  quick: { minutes: 39, celsius: 30, maxLoadKg: 3, fullDoseMl: 34, spinRpm: 1200 },
} as const
export type Program = keyof typeof PROGRAMS

export const WASHER_DESCRIPTION: Description = {
  maker: 'Samsung',
  model: 'W9000',
  firmware: { version: '1.4.2', sha256: createHash('sha256').update('W9000 1.4.2').digest('hex') },
  tier: 'light',
  slots: [
    {
      slot: 'detergent',
      unit: 'ml',
      capacity: DRAWER_CAPACITY_ML,
      degradationDirection: 'down',
      replacementProducts: [{ type: 'gtin14', value: DETERGENT_GTIN }],
    },
  ],
}

export type WasherState = {
  /** What the drawer truly holds; the sensor sees it only roughly. */
  remainingMl: number
  cycle: Cycle | undefined
}
type Cycle = { program: Program; doseMl: number; startedAtMs: number; endsAtMs: number; nextTelemetryAtMs: number }

export type WasherInput =
  | { type: 'boot' }
  | { type: 'start'; program: Program; loadKg: number }
  | { type: 'time' }
  | { type: 'refill'; ml: number }

type Unsent<Report> = Omit<Report, 'session' | 'seq'> & { measuredAtMs: number }
/** A report before its connection gives it session and seq. */
export type WasherReport =
  | ({ topic: 'consumable' } & Unsent<ConsumableReport>)
  | ({ topic: 'telemetry' } & Unsent<TelemetryReport>)
  | ({ topic: 'event' } & Unsent<EventReport>)

/** When the washer does something by itself next; undefined while it is idle. */
export function nextWasherEventAtMs({ cycle }: WasherState): number | undefined {
  return cycle && Math.min(cycle.nextTelemetryAtMs, cycle.endsAtMs)
}

/**
 * One step of a washer: the same state, input, time and seed give the same state and reports. It always washes: an empty
 * drawer shortens the dose and is told, it never stops a cycle. A start during a cycle is ignored.
 */
export function stepWasher(
  state: WasherState,
  input: WasherInput,
  atMs: number,
  seed: Seed,
): { state: WasherState; reports: WasherReport[] } {
  switch (input.type) {
    case 'boot':
      return { state, reports: [levelReport(state.remainingMl, atMs, seed)] }
    case 'start':
      return state.cycle === undefined ? start(state, input.program, input.loadKg, atMs) : { state, reports: [] }
    case 'time':
      return passTime(state, atMs, seed)
    case 'refill': {
      const remainingMl = Math.min(DRAWER_CAPACITY_ML, state.remainingMl + Math.max(0, input.ml))
      return { state: { ...state, remainingMl }, reports: [levelReport(remainingMl, atMs, seed)] }
    }
  }
}

/** Whole millilitres, as a metering pump gives them. */
export function doseFor(program: Program, loadKg: number): number {
  const { fullDoseMl, maxLoadKg } = PROGRAMS[program]
  const fill = Math.min(1, Math.max(0, loadKg / maxLoadKg))
  return Math.round(fullDoseMl * (DOSE_SHARE_FOR_WATER + (1 - DOSE_SHARE_FOR_WATER) * fill))
}

function start(state: WasherState, program: Program, loadKg: number, atMs: number) {
  const wantedMl = doseFor(program, loadKg)
  const doseMl = Math.min(wantedMl, state.remainingMl)
  const endsAtMs = atMs + PROGRAMS[program].minutes * MINUTE_MS
  const cycle: Cycle = { program, doseMl, startedAtMs: atMs, endsAtMs, nextTelemetryAtMs: atMs + TELEMETRY_EVERY_MS }
  const reports: WasherReport[] = [event('cycle-started', { program, loadKg }, atMs)]
  if (doseMl < wantedMl) reports.push(event('dose-short', { program, wantedMl, doseMl }, atMs))
  return { state: { remainingMl: state.remainingMl - doseMl, cycle }, reports }
}

/** Everything of the cycle that is due by `atMs`, at its own time. */
function passTime(state: WasherState, atMs: number, seed: Seed) {
  const reports: WasherReport[] = []
  let { cycle } = state
  while (cycle !== undefined && Math.min(cycle.nextTelemetryAtMs, cycle.endsAtMs) <= atMs) {
    if (cycle.endsAtMs <= cycle.nextTelemetryAtMs) {
      const { program, doseMl, endsAtMs } = cycle
      reports.push(event('cycle-finished', { program, doseMl }, endsAtMs))
      reports.push(levelReport(state.remainingMl, endsAtMs, seed))
      cycle = undefined
    } else {
      const measuredAtMs = cycle.nextTelemetryAtMs
      reports.push({ topic: 'telemetry', measuredAtMs, values: telemetryOf(cycle, measuredAtMs) })
      cycle = { ...cycle, nextTelemetryAtMs: measuredAtMs + TELEMETRY_EVERY_MS }
    }
  }
  return { state: { ...state, cycle }, reports }
}

/** Heats for a fifth of the time, washes and rinses, spins for the last tenth. */
function telemetryOf({ program, startedAtMs, endsAtMs }: Cycle, atMs: number): Record<string, number> {
  const { celsius, spinRpm } = PROGRAMS[program]
  const share = (atMs - startedAtMs) / (endsAtMs - startedAtMs)
  const heating = share < HEATING_SHARE
  const spinning = share >= SPIN_SHARE
  const warmth = heating ? share / HEATING_SHARE : 1 - (share - HEATING_SHARE) / (1 - HEATING_SHARE)
  return {
    temperatureCelsius: Math.round(TAP_CELSIUS + (celsius - TAP_CELSIUS) * warmth),
    powerWatts: heating ? 1850 : spinning ? 420 : 130,
    drumRpm: spinning ? spinRpm : 45,
    remainingMinutes: Math.round((endsAtMs - atMs) / MINUTE_MS),
  }
}

function levelReport(trueMl: number, measuredAtMs: number, seed: Seed): WasherReport {
  const seen = Math.round((trueMl + seed.normal() * SENSOR_DEVIATION_ML) / SENSOR_STEP_ML) * SENSOR_STEP_ML
  const remaining = Math.min(DRAWER_CAPACITY_ML, Math.max(0, seen))
  return { topic: 'consumable', measuredAtMs, slot: 'detergent', remaining, unit: 'ml' }
}

function event(type: string, detail: NonNullable<EventReport['detail']>, measuredAtMs: number): WasherReport {
  return { topic: 'event', measuredAtMs, type, detail }
}
