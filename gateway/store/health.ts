import type { HealthStore, StorageLog, StoreFigures } from '../ports/health.ts'
import { type Db, inLaxTransaction, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'

/** `HealthStore` over the gateway's database. Its schema is up to date: else the database would not be open. */
export function sqliteHealthStore(db: Db): HealthStore {
  // Keys only grow, and counting millions of rows takes seconds.
  const newest = (table: string, key: string) =>
    db.prepare<[], number>(`SELECT coalesce(max(${key}), 0) FROM ${table}`).pluck()
  const readings = newest('readings', 'reading_id')
  const deadLetters = newest('dead_letters', 'dead_letter_id')
  const devices = db.prepare<[], StoreFigures['devices'][number]>(
    'SELECT status, count(*) AS count FROM devices WHERE removed_at_ms IS NULL GROUP BY status',
  )
  const orders = db.prepare<[], StoreFigures['orders'][number]>(
    'SELECT state, count(*) AS count FROM orders GROUP BY state ORDER BY state',
  )
  const open = db.prepare<[], number>(`SELECT count(*) FROM transactions WHERE state = 'sent'`).pluck()
  const due = db
    .prepare<[number], number>('SELECT count(*) FROM deliveries WHERE delivered_at_ms IS NULL AND next_at_ms <= ?')
    .pluck()
  const readUntil = db.prepare<[], number | null>('SELECT max(block_number) FROM chain_blocks').pluck()

  return {
    async figures(nowMs) {
      return {
        readings: readings.get()!,
        deadLetters: deadLetters.get()!,
        devices: devices.all(),
        orders: orders.all(),
        openTransactions: open.get()!,
        notificationsDue: due.get(nowMs)!,
        readUntilBlock: readUntil.get() ?? undefined,
      }
    },
    write: writeAsItIs(db),
  }
}

/** `StorageLog` over the gateway's database. */
export function sqliteStorageLog(db: Db, channels: readonly Channel[]): StorageLog {
  const homes = db.prepare<[], string>('SELECT home_id FROM homes').pluck()
  const tell = notifier(db, channels)
  return {
    write: writeAsItIs(db),
    tell: inOneTransaction(db, (text, atMs) => {
      for (const homeId of homes.all()) tell({ homeId, kind: 'problem', text }, atMs)
    }),
  }
}

/** SQLite leaves a row alone that does not change, but this number it always writes. */
function writeAsItIs(db: Db): () => Promise<void> {
  return inLaxTransaction(db, () => {
    db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`)
  })
}
