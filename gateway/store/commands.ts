import type { CommandStore, DeviceCommand } from '../ports/rules.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'

type Row = { command_id: number; device_id: string; name: string; arguments: string; attempts: number }
type About = { home_id: string; slot: string; name: string }

/** `CommandStore` over the gateway's database. */
export function sqliteCommandStore(db: Db, channels: readonly Channel[]): CommandStore {
  const tell = notifier(db, channels)
  const due = db.prepare<[number, number], Row>(
    'SELECT command_id, device_id, name, arguments, attempts FROM commands WHERE next_at_ms <= ? ORDER BY command_id LIMIT ?',
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(next_at_ms) AS at FROM commands WHERE next_at_ms IS NOT NULL',
  )
  const told = db.prepare<[number | null, number], About>(
    `UPDATE commands SET attempts = attempts + 1, next_at_ms = ? WHERE command_id = ? AND answered_at_ms IS NULL
     RETURNING home_id, slot, name`,
  )
  const answered = db.prepare<[number, string | null, number, string], About>(
    `UPDATE commands SET answered_at_ms = ?, error = ?, next_at_ms = NULL
     WHERE command_id = ? AND device_id = ? AND answered_at_ms IS NULL RETURNING home_id, slot, name`,
  )
  return {
    async due(nowMs, limit) {
      return due.all(nowMs, limit).map(
        (row): DeviceCommand => ({
          commandId: row.command_id,
          deviceId: row.device_id,
          name: row.name,
          arguments: JSON.parse(row.arguments) as Record<string, unknown>,
          attempts: row.attempts,
        }),
      )
    },
    async nextDueAtMs() {
      return nextDue.get()?.at ?? undefined
    },
    told: inOneTransaction(db, ({ commandId, deviceId }, nextAtMs, atMs) => {
      const row = told.get(nextAtMs ?? null, commandId)
      if (row === undefined || nextAtMs !== undefined) return
      const text = `${deviceId} never answered the command ${row.name}, which is given up: is it switched on?`
      tell({ homeId: row.home_id, deviceId, slot: row.slot, kind: 'problem', text }, atMs)
    }),
    answered: inOneTransaction(db, (deviceId, commandId, error, atMs) => {
      const row = answered.get(atMs, error ?? null, commandId, deviceId)
      if (row === undefined || error === undefined) return
      const text = `${deviceId} could not do the command ${row.name}: ${error}`
      tell({ homeId: row.home_id, deviceId, slot: row.slot, kind: 'problem', text }, atMs)
    }),
  }
}
