import type { Db } from './database.ts'

/** Longer than a year: what happened in the same month of the last one can still be looked up. */
const KEPT_MS = 400 * 86_400_000
/** A device that makes a session for each message keeps the marks of so many, beside those whose readings are kept. */
const MAX_OLD_SESSIONS_PER_DEVICE = 1_000
const EVERY_MS = 86_400_000

/** Looks at the next rows, at most so many; false when it has seen all and begins anew. */
type Sweep = (nowMs: number, rows: number) => boolean

/**
 * Once a day, slice by slice, deletes what lies beside the readings and would else grow for ever: decisions that did nothing go
 * with their readings, and so do measures of slots; sessions, answered commands and what the homeowner was told apart from
 * orders go after 400 days. What concerns an order stays.
 */
export function oldRows(db: Db): (nowMs: number, rows: number) => { worked: boolean; more: boolean } {
  const sweeps: Sweep[] = [decisions(db), measures(db), sessions(db), notifications(db), commands(db)]
  let at = 0
  let dueAtMs = Number.NEGATIVE_INFINITY
  return (nowMs, rows) => {
    if (nowMs < dueAtMs) return { worked: false, more: false }
    if (!sweeps[at]!(nowMs, rows)) at += 1
    if (at < sweeps.length) return { worked: true, more: true }
    at = 0
    dueAtMs = nowMs + EVERY_MS
    return { worked: true, more: false }
  }
}

/** The newest decision of a slot is shown, and the next one may only repeat it. */
function decisions(db: Db): Sweep {
  const next = db.prepare<[number, number, number], { decision_id: number; read_until: number }>(
    `SELECT decision_id, read_until FROM decisions
     WHERE inputs IS NOT NULL AND (read_until, decision_id) > (?, ?) AND read_until < (SELECT thinned_until FROM retention)
     ORDER BY read_until, decision_id LIMIT ?`,
  )
  const remove = db.prepare(
    `DELETE FROM decisions WHERE decision_id = ? AND outcome = 'nothing' AND acts = 0
       AND EXISTS (SELECT 1 FROM decisions AS newer WHERE newer.device_id = decisions.device_id
                     AND newer.slot = decisions.slot AND newer.decision_id > decisions.decision_id)`,
  )
  return pages(
    { read_until: -1, decision_id: -1 },
    (after, limit) => next.all(after.read_until, after.decision_id, limit),
    ({ decision_id }) => void remove.run(decision_id),
  )
}

function measures(db: Db): Sweep {
  const removeSome = db.prepare(
    `DELETE FROM slot_measures WHERE (device_id, slot, from_reading_id) IN (
       SELECT old.device_id, old.slot, old.from_reading_id FROM slot_measures AS old
       JOIN slot_measures AS newer ON newer.device_id = old.device_id AND newer.slot = old.slot
         AND newer.from_reading_id > old.from_reading_id
         AND newer.from_reading_id <= (SELECT thinned_until + 1 FROM retention)
       LIMIT ?)`,
  )
  return (_, limit) => removeSome.run(limit).changes > 0
}

/** Marks outlive their readings: a report that comes again is still known. Newest first, to count those of each device. */
function sessions(db: Db): Sweep {
  const next = db.prepare<[number, number], { session_key: number; device_id: string; last_seen_at_ms: number }>(
    `SELECT session_key, device_id, last_seen_at_ms FROM sessions WHERE session_key < ?
     ORDER BY session_key DESC LIMIT ?`,
  )
  const oldestReading = db.prepare<[], { received_at_ms: number }>(
    `SELECT received_at_ms FROM readings WHERE reading_id > (SELECT thinned_until FROM retention)
     ORDER BY reading_id LIMIT 1`,
  )
  const remove = db.prepare('DELETE FROM sessions WHERE session_key = ?')
  const newest = { session_key: Number.MAX_SAFE_INTEGER }
  const seen = new Map<string, number>()
  return pages(
    newest,
    (after, limit) => {
      if (after === newest) seen.clear()
      return next.all(after.session_key, limit)
    },
    ({ session_key, device_id, last_seen_at_ms }, nowMs) => {
      const newerOnes = seen.get(device_id) ?? 0
      seen.set(device_id, newerOnes + 1)
      if (last_seen_at_ms >= (oldestReading.get()?.received_at_ms ?? nowMs)) return
      if (last_seen_at_ms < nowMs - KEPT_MS || newerOnes >= MAX_OLD_SESSIONS_PER_DEVICE) remove.run(session_key)
    },
  )
}

/** Never the newest: its number is where a reader of the feed goes on. */
function notifications(db: Db): Sweep {
  const next = db.prepare<[number, number, number], { notification_id: number; order_id: string | null }>(
    `SELECT notification_id, order_id FROM notifications
     WHERE notification_id > ? AND at_ms < ? AND notification_id < (SELECT max(notification_id) FROM notifications)
     ORDER BY notification_id LIMIT ?`,
  )
  const removeDeliveries = db.prepare('DELETE FROM deliveries WHERE notification_id = ?')
  const remove = db.prepare('DELETE FROM notifications WHERE notification_id = ?')
  return pages(
    { notification_id: -1 },
    (after, limit, nowMs) => next.all(after.notification_id, nowMs - KEPT_MS, limit),
    ({ notification_id, order_id }) => {
      if (order_id !== null) return
      removeDeliveries.run(notification_id)
      remove.run(notification_id)
    },
  )
}

/** Never the newest: a device may know its number still. */
function commands(db: Db): Sweep {
  const removeSome = db.prepare(
    `DELETE FROM commands WHERE command_id IN (
       SELECT command_id FROM commands WHERE next_at_ms IS NULL AND created_at_ms < ?
         AND command_id < (SELECT max(command_id) FROM commands) LIMIT ?)`,
  )
  return (nowMs, limit) => removeSome.run(nowMs - KEPT_MS, limit).changes > 0
}

/** A sweep over a table in pages, from `start` on. */
function pages<Key, Row extends Key>(
  start: Key,
  next: (after: Key, limit: number, nowMs: number) => Row[],
  take: (row: Row, nowMs: number) => void,
): Sweep {
  let after = start
  return (nowMs, limit) => {
    const rows = next(after, limit, nowMs)
    for (const row of rows) take(row, nowMs)
    after = rows.length < limit ? start : rows.at(-1)!
    return after !== start
  }
}
