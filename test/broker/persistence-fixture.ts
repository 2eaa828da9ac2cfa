import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { sqliteBrokerState } from '../../gateway/store/broker-state.ts'
import { openDatabase } from '../../gateway/store/database.ts'

type PersistenceOptions = NonNullable<ConstructorParameters<typeof BrokerPersistence>[0]>

export const TABLES = ['sessions', 'subscriptions', 'queue', 'incoming', 'wills', 'retained'].map(
  (name) => `broker_${name}`,
)

/** The broker's state in a real SQLite file in a folder of its own. */
export function temporaryState() {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-test-'))
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  // These tests are about what is written, not when it reaches the disk.
  db.pragma('synchronous = OFF')
  const store = sqliteBrokerState(db)
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 12))
  return {
    db,
    store,
    clock,
    /** A persistence that knows what is on disk. */
    open: (options: PersistenceOptions = {}) =>
      new BrokerPersistence({ clock, state: store.load(clock.nowMs()), write: store.write, ...options }),
    count: (table: string) => (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n,
    empty() {
      db.exec(TABLES.map((table) => `DELETE FROM ${table};`).join(''))
      return this
    },
    close() {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}
