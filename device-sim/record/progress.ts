import type { RecordedReading } from './recording.ts'

/** Readings of so long are sent, then everything settles. */
const TICK_MS = 15 * 60_000

/** In days of the recording, both from the tick in which the first reading came. */
export type ReplayedDays = { day: number; ofDays: number }

/** The tick that ends next, or ends just now. */
export function nextTick(atMs: number): number {
  return Math.ceil(atMs / TICK_MS) * TICK_MS
}

/** When a replay begins and ends, in ms of the recording. It lasts a tick at least; the gateway's clock may have gone back. */
export function spanOf(readings: readonly RecordedReading[]): { fromMs: number; untilMs: number } {
  const firstMs = readings[0]?.receivedMs ?? 0
  const lastMs = readings.reduce((latest, { receivedMs }) => Math.max(latest, receivedMs), firstMs)
  const fromMs = Math.floor(firstMs / TICK_MS) * TICK_MS
  return { fromMs, untilMs: Math.max(nextTick(lastMs), fromMs + TICK_MS) }
}

/** For a person: the whole in tenths of a day, and the day so that both are equal at the end. */
export function roundedDays({ day, ofDays }: ReplayedDays): ReplayedDays {
  const whole = Math.max(0.1, Math.round(ofDays * 10) / 10)
  return { day: (day / ofDays) * whole, ofDays: whole }
}
