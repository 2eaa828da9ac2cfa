import type { SlotState } from '../domain/slot-state.ts'
import type { RetentionLimits, RetentionStore } from '../ports/retention.ts'
import { type Db, inLaxTransaction } from './database.ts'
import { HOUR_MS, HOURLY_COLUMNS, type HourlyReading, hourWriter } from './hours.ts'
import { oldRows } from './old-rows.ts'
import { measureReader, type ReadingRow, slotFold, USAGE_VERSION } from './slot-readings.ts'

/** A slice takes about so long, so that no commit of the intake waits longer for it. */
const SLICE_MS = 4
/** Rows of one slice, as they take time: 500 readings of one device 3 ms, of 500 devices 15. */
const MIN_ROWS = 50
const MAX_ROWS = 500

/** What a slice found; `more`: as much again is due. */
type Slice = { worked: boolean; more: boolean }
/** Takes at most so many rows. */
type Task = (nowMs: number, rows: number) => Slice
const NOTHING: Slice = { worked: false, more: false }

type Cursors = { hours_until: number; thinned_until: number }

/**
 * `RetentionStore` over the gateway's database. Each slice commits what it makes together with what it deletes and with its
 * cursor: after a crash it is done again whole. Pages that become free are used again, so the file stops growing; it does not
 * shrink.
 */
export function sqliteRetentionStore(db: Db, limits: RetentionLimits): RetentionStore {
  const addHours = hourSlices(db)
  const tasks = [addHours.slice, thinning(db, limits), oldRows(db)].map((take) => ({ take, rows: MIN_ROWS }))
  let turn = 0

  // Each task in turn: one that always has work must not starve the others.
  const step = inLaxTransaction(db, (nowMs: number): Slice => {
    for (let tried = 0; tried < tasks.length; tried++) {
      const task = tasks[turn]!
      turn = (turn + 1) % tasks.length
      const beganAtMs = performance.now()
      const found = task.take(nowMs, task.rows)
      if (!found.worked) continue
      const fitting = (task.rows * SLICE_MS) / (performance.now() - beganAtMs)
      if (found.more) task.rows = Math.round(Math.min(MAX_ROWS, Math.max(MIN_ROWS, fitting)))
      return found
    }
    return NOTHING
  })
  return {
    step: (nowMs) =>
      step(nowMs).catch((error: unknown) => {
        addHours.forget()
        throw error
      }),
  }
}

/** Adds the readings of the hours that are over to them. */
function hourSlices(db: Db) {
  const next = db.prepare<[number], HourlyReading & { reading_id: number }>(
    `SELECT reading_id, ${HOURLY_COLUMNS} FROM readings LEFT JOIN sessions USING (session_key)
     WHERE reading_id > (SELECT hours_until FROM retention) ORDER BY reading_id LIMIT ?`,
  )
  const firstWaiting = db.prepare<[], { received_at_ms: number }>(
    `SELECT received_at_ms FROM readings WHERE reading_id > (SELECT hours_until FROM retention) ORDER BY reading_id LIMIT 1`,
  )
  const move = db.prepare('UPDATE retention SET hours_until = ?')
  const hours = hourWriter(db)
  return {
    slice(nowMs: number, limit: number): Slice {
      const hourBegan = nowMs - (nowMs % HOUR_MS)
      const isOver = ({ received_at_ms }: { received_at_ms: number }) => wasBefore(received_at_ms, hourBegan, nowMs)
      const first = firstWaiting.get()
      if (first === undefined || !isOver(first)) return NOTHING
      const rows = leading(next.all(limit), isOver)
      hours.add(rows.filter(hasDevice))
      move.run(rows.at(-1)!.reading_id)
      return { worked: true, more: rows.length === limit }
    },
    forget: hours.forget,
  }
}

/**
 * Deletes the oldest readings. What they came to for each slot is kept, so that the forecast can be rebuilt, and decisions be
 * made again, from there on. Never a reading that is in no hour yet, that the rules have not read, or the newest: ids of new
 * ones would begin again below every cursor.
 */
function thinning(db: Db, { rawMs, rawReadings }: RetentionLimits): Task {
  const cursors = db.prepare<[], Cursors & { read_until: number; newest: number | null }>(
    `SELECT hours_until, thinned_until, rules_cursor.reading_id AS read_until,
            (SELECT max(reading_id) FROM readings) AS newest FROM retention, rules_cursor`,
  )
  const oldest = db.prepare<[number, number, number], ReadingRow>(
    `SELECT reading_id, device_id, kind, measured_at_ms, received_at_ms, slot, remaining, mark, mark_reason,
            iif(kind = 2, body, '') AS body
     FROM readings LEFT JOIN sessions USING (session_key)
     WHERE reading_id > ? AND reading_id <= ? ORDER BY reading_id LIMIT ?`,
  )
  const remove = db.prepare('DELETE FROM readings WHERE reading_id <= ?')
  const move = db.prepare('UPDATE retention SET thinned_until = ?, thinned_at_ms = ?')
  const readBase = db.prepare<[string, string], { state: string }>(
    `SELECT state FROM slot_bases WHERE device_id = ? AND slot = ? AND usage_version = ${USAGE_VERSION}`,
  )
  const writeBase = db.prepare(
    `INSERT OR REPLACE INTO slot_bases (device_id, slot, usage_version, state) VALUES (?, ?, ${USAGE_VERSION}, ?)`,
  )
  const measuresOf = measureReader(db)

  /** Carries the slots over these readings, as the rules did. */
  function fold(rows: readonly ReadingRow[]): void {
    const states = new Map<string, { deviceId: string; slot: string; state: SlotState }>()
    const baseOf = (deviceId: string, slot: string) => {
      const base = readBase.get(deviceId, slot)
      return base && (JSON.parse(base.state) as SlotState)
    }
    const take = slotFold(
      measuresOf,
      (deviceId, slot) => states.get(`${deviceId}/${slot}`)?.state ?? baseOf(deviceId, slot),
    )
    for (const row of rows) {
      for (const { slot, after } of take(row)) {
        const { device_id: deviceId } = row
        states.set(`${deviceId}/${slot}`, { deviceId, slot, state: { ...after, events: [] } })
      }
    }
    for (const { deviceId, slot, state } of states.values()) writeBase.run(deviceId, slot, JSON.stringify(state))
  }

  return (nowMs, limit) => {
    const { hours_until, thinned_until, read_until, newest } = cursors.get()!
    if (newest === null) return NOTHING
    const last = Math.min(hours_until, read_until, newest - 1)
    const isDue = ({ reading_id, received_at_ms }: ReadingRow) =>
      reading_id <= newest - rawReadings || wasBefore(received_at_ms, nowMs - rawMs, nowMs)
    const [first] = oldest.all(thinned_until, last, 1)
    if (first === undefined || !isDue(first)) return NOTHING
    const rows = leading(oldest.all(thinned_until, last, limit), isDue)
    fold(rows.filter((row) => row.kind !== 1 && hasDevice(row)))
    const { reading_id, received_at_ms } = rows.at(-1)!
    remove.run(reading_id)
    move.run(reading_id, received_at_ms)
    return { worked: true, more: rows.length === limit }
  }
}

/** A time ahead of ours is from before the clock was set back: nothing after it may wait for it. */
function wasBefore(atMs: number, limitMs: number, nowMs: number): boolean {
  return atMs < limitMs || atMs > nowMs
}

/** A clock that was set back can let a session go before its readings: they belong to nobody and must stop nothing. */
function hasDevice(row: { device_id: string | null }): boolean {
  return row.device_id !== null
}

function leading<Row>(rows: Row[], holds: (row: Row) => boolean): Row[] {
  const end = rows.findIndex((row) => !holds(row))
  return end === -1 ? rows : rows.slice(0, end)
}
