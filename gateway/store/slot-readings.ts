import { Usage } from '../domain/forecast-model.ts'
import type { LevelMark, Unit } from '../domain/level.ts'
import {
  afterReading,
  doseOf,
  newSlotState,
  refilledBetween,
  type SlotMeasure,
  type SlotReading,
  type SlotState,
} from '../domain/slot-state.ts'
import type { Db } from './database.ts'
import { reserves } from './reserves.ts'

/** Rows of one step: telemetry is passed over in the same scan, 0.3 µs a row. */
const ROWS_PER_STEP = 2_000
/** Levels and events of one step: at most some 20 ms, so that the intake gets its turn. */
const READINGS_PER_STEP = 500
/** Order of `readings.kind`. */
const TELEMETRY = 1
const EVENT = 2
/** A state of another shape is dropped and rebuilt from the readings. */
export const USAGE_VERSION = Usage.shape.version.value

export type ReadingRow = {
  reading_id: number
  device_id: string
  kind: number
  measured_at_ms: number
  received_at_ms: number
  slot: string | null
  remaining: number | null
  mark: LevelMark | null
  mark_reason: string | null
  body: string
}
type MeasureRow = { slot: string; from_reading_id: number; unit: Unit; capacity: number; direction: 'down' | 'up' }

/** Selects what concerns slots between two readings, in order. */
export const READINGS_BETWEEN = `SELECT reading_id, device_id, kind, measured_at_ms, received_at_ms, slot, remaining, mark, mark_reason, body
  FROM readings JOIN sessions USING (session_key)
  WHERE reading_id > ? AND reading_id <= ? AND kind <> ${TELEMETRY} ORDER BY reading_id LIMIT ?`

/**
 * Reads on from the cursor and carries the state of each slot along, inside the transaction of the rules. A restart, or a
 * state of another version, only means that readings are read again.
 */
export function slotReadings(db: Db) {
  const cursorRow = db.prepare<[], { reading_id: number; acted_until: number; usage_version: number }>(
    'SELECT reading_id, acted_until, usage_version FROM rules_cursor',
  )
  const newest = db.prepare<[], { id: number | null }>('SELECT max(reading_id) AS id FROM readings')
  const between = db.prepare<[number, number, number], ReadingRow>(READINGS_BETWEEN)
  const moveCursor = db.prepare('UPDATE rules_cursor SET reading_id = @id, acted_until = max(acted_until, @id)')
  const startAnew = db.prepare<[number], { reading_id: number }>(
    `UPDATE rules_cursor SET reading_id = (SELECT thinned_until FROM retention), usage_version = ? RETURNING reading_id`,
  )
  const resetStates = db.prepare(
    `UPDATE slot_needs SET state = (SELECT slot_bases.state FROM slot_bases
       WHERE slot_bases.device_id = slot_needs.device_id AND slot_bases.slot = slot_needs.slot AND usage_version = ?)`,
  )
  const readState = db.prepare<[string, string], { state: string | null }>(
    'SELECT state FROM slot_needs WHERE device_id = ? AND slot = ?',
  )
  const writeState = db.prepare(
    `INSERT INTO slot_needs (device_id, slot, state) VALUES (?, ?, ?)
     ON CONFLICT (device_id, slot) DO UPDATE SET state = excluded.state`,
  )
  const wake = db.prepare('UPDATE slots SET evaluate = 1 WHERE device_id = ? AND slot = ?')
  const measuresOf = measureReader(db)
  const stock = reserves(db)

  function load(deviceId: string, slot: string): SlotState | undefined {
    const json = readState.get(deviceId, slot)?.state
    return json === undefined || json === null ? undefined : (JSON.parse(json) as SlotState)
  }

  return {
    load,

    /**
     * Reads the next rows; whether more wait behind them, and where the cursor stands. `beforeRefill` brings the slot's
     * reserve up to date: what was poured in may have been shipped a moment ago.
     */
    readOn(
      atMs: number,
      beforeRefill: (deviceId: string, slot: string) => void,
    ): { behind: boolean; read: number; readUntil: number } {
      const cursor = cursorRow.get()!
      if (cursor.usage_version !== USAGE_VERSION) {
        cursor.reading_id = startAnew.get(USAGE_VERSION)!.reading_id
        resetStates.run(USAGE_VERSION)
      }
      const last = newest.get()?.id ?? 0
      if (last <= cursor.reading_id) return { behind: false, read: 0, readUntil: cursor.reading_id }
      const end = Math.min(last, cursor.reading_id + ROWS_PER_STEP)
      const rows = between.all(cursor.reading_id, end, READINGS_PER_STEP)
      const readUntil = rows.length === READINGS_PER_STEP ? rows.at(-1)!.reading_id : end

      const states = new Map<string, { deviceId: string; slot: string; state: SlotState }>()
      const fold = slotFold(
        measuresOf,
        (deviceId, slot) => states.get(`${deviceId}/${slot}`)?.state ?? load(deviceId, slot),
      )
      for (const row of rows) {
        const isNew = row.reading_id > cursor.acted_until
        for (const { slot, before, after } of fold(row)) {
          const events = isNew ? after.events : (before?.events ?? [])
          states.set(`${row.device_id}/${slot}`, { deviceId: row.device_id, slot, state: { ...after, events } })
          const refilled = before === undefined ? 0 : refilledBetween(before, after)
          if (refilled === 0 || !isNew) continue
          beforeRefill(row.device_id, slot)
          stock.refilled(row.device_id, slot, refilled, atMs)
        }
      }
      for (const { deviceId, slot, state } of states.values()) {
        writeState.run(deviceId, slot, JSON.stringify(state))
        wake.run(deviceId, slot)
      }
      moveCursor.run({ id: readUntil })
      return { behind: readUntil < last, read: readUntil - cursor.reading_id, readUntil }
    },

    /** The rules have looked at these events. */
    save(deviceId: string, slot: string, state: SlotState): void {
      writeState.run(deviceId, slot, JSON.stringify(state))
    },
  }
}

/** The measures of a device's slots, as they were at a reading; kept for one use of the reader. */
export function measureReader(db: Db) {
  const read = db.prepare<[string], MeasureRow>(
    'SELECT slot, from_reading_id, unit, capacity, direction FROM slot_measures WHERE device_id = ? ORDER BY from_reading_id',
  )
  return function measuresOf(deviceId: string): MeasureRow[] {
    return read.all(deviceId)
  }
}

/** Takes reading after reading to the states of the slots that it concerns; a changed measure begins a state anew. */
export function slotFold(
  measuresOf: (deviceId: string) => MeasureRow[],
  stateOf: (deviceId: string, slot: string) => SlotState | undefined,
) {
  const known = new Map<string, MeasureRow[]>()
  return function fold(row: ReadingRow): { slot: string; before: SlotState | undefined; after: SlotState }[] {
    let measures = known.get(row.device_id)
    if (measures === undefined) {
      measures = measuresOf(row.device_id)
      known.set(row.device_id, measures)
    }
    const inForce = new Map<string, SlotMeasure>()
    for (const { slot, from_reading_id, unit, capacity, direction } of measures) {
      if (from_reading_id <= row.reading_id) inForce.set(slot, { unit, capacity, degradationDirection: direction })
    }
    const slots = row.kind === EVENT ? [...inForce.keys()] : row.slot === null ? [] : [row.slot]
    return slots.flatMap((slot) => {
      const measure = inForce.get(slot)
      if (measure === undefined) return []
      const old = stateOf(row.device_id, slot)
      const before = old !== undefined && isSameMeasure(old.measure, measure) ? old : undefined
      const reading = readingOf(row, { name: slot, unit: measure.unit }, inForce)
      return [{ slot, before, after: afterReading(before ?? newSlotState(measure), reading) }]
    })
  }
}

function readingOf(
  row: ReadingRow,
  slot: { name: string; unit: Unit },
  inForce: ReadonlyMap<string, SlotMeasure>,
): SlotReading {
  const { reading_id, measured_at_ms, remaining, mark, mark_reason } = row
  if (row.kind !== EVENT) {
    return {
      kind: 'level',
      readingId: reading_id,
      measuredAtMs: measured_at_ms,
      remaining: remaining ?? 0,
      mark: mark ?? 'unknown',
      markReason: mark_reason ?? '',
    }
  }
  const { type, detail = {} } = JSON.parse(row.body) as { type: string; detail?: Record<string, unknown> }
  const units = [...inForce.values()].map((measure) => measure.unit)
  const code = typeof detail['code'] === 'string' ? detail['code'] : undefined
  return { kind: 'event', measuredAtMs: measured_at_ms, type, code, dose: doseOf({ type, detail }, slot, units) }
}

function isSameMeasure(a: SlotMeasure, b: SlotMeasure): boolean {
  return a.unit === b.unit && a.capacity === b.capacity && a.degradationDirection === b.degradationDirection
}
