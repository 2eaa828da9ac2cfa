import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { Fleet } from '../fleet/fleet.ts'
import { missingRows } from '../run/books.ts'
import { settingsFor } from '../run/raise.ts'
import { type Scene, Stage } from '../stage.ts'
import { nextTick, type ReplayedDays, spanOf } from './progress.ts'
import type { RecordedReading, Recording } from './recording.ts'

/** The Monday on which a replay begins. */
const START_MS = Date.UTC(2026, 2, 2)
const DAY_MS = 86_400_000
/** A timer of Node runs no longer than this, and one that should goes off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

const NewDevice = z.object({ password: z.string() })
const Anything = z.looseObject({})

export type ReplayOptions = {
  /** Virtual seconds in a real one; undefined: as fast as it goes. */
  speed: number | undefined
  onProgress(done: { readings: number; ofReadings: number } & ReplayedDays): void
  signal: AbortSignal
}
/** What the gateway made of it, by its own rows. */
export type Replayed = {
  readings: number
  stored: number
  marks: Record<string, number>
  /** What each slot was told about, by the kind of the notification. */
  told: { device: string; slot: string; kind: string; times: number }[]
  virtualDays: number
  realSeconds: number
}

/** Plays a recording through a gateway of its own, in virtual time; its slots tell when they are low and buy nothing. */
export async function replay(recording: Recording, options: ReplayOptions): Promise<Replayed> {
  options.signal.throwIfAborted()
  const stage = new Stage()
  const ended = new Promise<never>((_resolve, reject) => {
    options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true })
  })
  ended.catch(() => undefined)
  try {
    return await Promise.race([play(stage, recording, options), stage.fault, ended])
  } catch (error) {
    throw await stage.causeOf(error)
  } finally {
    await stage.stop()
  }
}

async function play(stage: Stage, recording: Recording, options: ReplayOptions): Promise<Replayed> {
  const { readings } = recording
  const { fromMs, untilMs } = spanOf(readings)
  const startMs = START_MS + fromMs
  const ofDays = (untilMs - fromMs) / DAY_MS
  const scene = await stage.raise({ startMs, settings: settingsFor(recording.devices.length) })
  const fleet = await connect(stage, scene, recording)
  const beganAt = performance.now()
  const sessions = recording.devices.map(() => 0)
  let sent = 0
  while (sent < readings.length) {
    options.signal.throwIfAborted()
    const atMs = nextTick(START_MS + (readings[sent]?.receivedMs ?? 0))
    await keepPace(atMs - startMs, beganAt, options)
    await scene.time.advanceTo(Math.max(atMs, scene.time.nowMs()))
    while (sent < readings.length && nextTick(START_MS + (readings[sent]?.receivedMs ?? 0)) <= atMs) {
      sent += await sendSome(fleet, readings, sent, atMs, sessions)
    }
    await scene.time.settle()
    const day = sent === readings.length ? ofDays : (atMs - startMs) / DAY_MS
    options.onProgress({ readings: sent, ofReadings: readings.length, day, ofDays })
  }
  const virtualDays = (scene.time.nowMs() - startMs) / DAY_MS
  const realSeconds = (performance.now() - beganAt) / 1000
  return { readings: readings.length, ...lookAt(stage.gatewayData), virtualDays, realSeconds }
}

async function connect(stage: Stage, { api }: Scene, { devices }: Recording): Promise<Fleet> {
  const passwords: string[] = []
  for (const index of devices.keys()) {
    passwords.push((await api.post('/v1/devices', { deviceId: nameOf(index) }, NewDevice)).password)
  }
  const fleet = new Fleet({
    devices: devices.map((description, index) => ({
      deviceId: nameOf(index),
      password: passwords[index] ?? '',
      description,
      sessionOf: (boot) => `boot-${boot}`,
    })),
    port: () => api.mqttPort,
    onOrder: () => undefined,
  })
  stage.endsWith(() => fleet.close())
  await fleet.connect()
  for (const [index, { slots }] of devices.entries()) {
    if (slots.length > 0) await api.post(`/v1/devices/${nameOf(index)}/confirm`, { mode: 'notify' }, Anything)
  }
  return fleet
}

/** Readings of this tick, up to the next restart of a device; resolves to how many it sent. */
async function sendSome(
  fleet: Fleet,
  readings: readonly RecordedReading[],
  from: number,
  atMs: number,
  sessions: number[],
): Promise<number> {
  const restarting = new Set<number>()
  const seen = new Set<number>()
  let to = from
  for (; to < readings.length; to++) {
    const reading = readings[to]
    if (reading === undefined || START_MS + reading.receivedMs > atMs) break
    const { device, session } = reading
    if (session !== sessions[device]) {
      if (seen.has(device)) break
      restarting.add(device)
      sessions[device] = session
    }
    seen.add(device)
    fleet.report(device, reading.kind, bodyOf(reading))
  }
  await fleet.flush((device, count) => {
    if (!restarting.has(device)) return undefined
    return {
      kind: 'bent',
      reboot: true,
      order: Array.from({ length: count }, (_, index) => ({ index, dup: false })),
    }
  })
  return to - from
}

/** What follows session and seq in the JSON of the report. */
function bodyOf({ measuredMs, body }: RecordedReading): string {
  // What a device measured before the week of the recording began is still of a time that there was.
  const time = measuredMs === undefined ? {} : { measuredAtMs: Math.max(0, START_MS + measuredMs) }
  return JSON.stringify({ ...time, ...body }).slice(1, -1)
}

async function keepPace(virtualMs: number, beganAt: number, { speed, signal }: ReplayOptions): Promise<void> {
  if (speed === undefined) return
  const leftMs = () => virtualMs / speed - (performance.now() - beganAt)
  while (leftMs() > 0) await wait(Math.min(leftMs(), MAX_TIMER_MS), undefined, { signal })
}

function nameOf(device: number): string {
  return `device-${device + 1}`
}

function lookAt(gatewayData: string): Pick<Replayed, 'stored' | 'marks' | 'told'> {
  const db = new Database(join(gatewayData, 'gateway.db'), { readonly: true })
  try {
    const marked = db.prepare<[], number>('SELECT sum(high_water + 1) FROM sessions').pluck().get() ?? 0
    const stored = missingRows(db).reduce((left, { rows }) => left - rows, marked)
    const marks = db
      .prepare<[], { mark: string; times: number }>(
        'SELECT mark, count(*) AS times FROM readings WHERE mark IS NOT NULL GROUP BY mark ORDER BY mark',
      )
      .all()
    const told = db
      .prepare<[], Replayed['told'][number]>(
        `SELECT device_id AS device, slot, kind, count(*) AS times FROM notifications WHERE slot IS NOT NULL
         GROUP BY device_id, slot, kind ORDER BY device_id, slot, kind`,
      )
      .all()
    return { stored, marks: Object.fromEntries(marks.map(({ mark, times }) => [mark, times])), told }
  } finally {
    db.close()
  }
}
