import type { BrokerChange, BrokerStateStore } from '../ports/broker-state.ts'
import { type Db, inOneTransaction } from './database.ts'

/** What each change does to its row; its values are the statement's, in their order. */
const CHANGES: Record<BrokerChange[0], readonly string[]> = {
  session: ['INSERT OR REPLACE INTO broker_sessions (client_id, away_since_ms) VALUES (?, ?)'],
  'end-session': ['sessions', 'subscriptions', 'queue', 'incoming'].map(
    (table) => `DELETE FROM broker_${table} WHERE client_id = ?`,
  ),
  subscription: ['INSERT OR REPLACE INTO broker_subscriptions (client_id, filter, options) VALUES (?, ?, ?)'],
  unsubscribed: ['DELETE FROM broker_subscriptions WHERE client_id = ? AND filter = ?'],
  queued: [
    'INSERT OR REPLACE INTO broker_queue (place, client_id, message_id, header, payload) VALUES (?, ?, ?, ?, ?)',
  ],
  sent: ['UPDATE broker_queue SET message_id = ? WHERE place = ?'],
  acknowledged: ['DELETE FROM broker_queue WHERE place = ?'],
  incoming: ['INSERT OR REPLACE INTO broker_incoming (client_id, message_id, header, payload) VALUES (?, ?, ?, ?)'],
  released: ['DELETE FROM broker_incoming WHERE client_id = ? AND message_id = ?'],
  'all-released': ['DELETE FROM broker_incoming WHERE client_id = ?'],
  will: ['INSERT OR REPLACE INTO broker_wills (client_id, header, payload) VALUES (?, ?, ?)'],
  'no-will': ['DELETE FROM broker_wills WHERE client_id = ?'],
  retained: ['INSERT OR REPLACE INTO broker_retained (topic, header, payload) VALUES (?, ?, ?)'],
  'not-retained': ['DELETE FROM broker_retained WHERE topic = ?'],
}

/** The rows of one table are the values of this change. */
const ROWS = [
  ['session', 'SELECT client_id, away_since_ms FROM broker_sessions ORDER BY away_since_ms'],
  ['subscription', 'SELECT client_id, filter, options FROM broker_subscriptions'],
  ['queued', 'SELECT place, client_id, message_id, header, payload FROM broker_queue ORDER BY place'],
  ['incoming', 'SELECT client_id, message_id, header, payload FROM broker_incoming'],
  ['will', 'SELECT client_id, header, payload FROM broker_wills'],
  ['retained', 'SELECT topic, header, payload FROM broker_retained'],
] as const satisfies [BrokerChange[0], string][]

/** `BrokerStateStore` over the gateway's database. It remembers nothing, so a rollback needs no care. */
export function sqliteBrokerState(db: Db): BrokerStateStore {
  const statements = new Map(
    Object.entries(CHANGES).map(([name, texts]) => [name, texts.map((text) => db.prepare(text))] as const),
  )
  const apply = (changes: readonly BrokerChange[]): void => {
    for (const [name, ...values] of changes) {
      for (const statement of statements.get(name) ?? []) statement.run(...values)
    }
  }
  return {
    *load(nowMs) {
      db.prepare('UPDATE broker_sessions SET away_since_ms = ? WHERE away_since_ms IS NULL').run(nowMs)
      for (const [name, text] of ROWS) {
        for (const row of db.prepare(text).raw().iterate()) {
          yield [name, ...(row as unknown[])] as unknown as BrokerChange
        }
      }
    },
    apply,
    write: inOneTransaction(db, apply),
  }
}

/** Ends every session: devices begin new ones. For a database that is older than what its devices know. */
export function endSessions(db: Db): void {
  for (const table of ['sessions', 'subscriptions', 'queue', 'incoming', 'wills'])
    db.exec(`DELETE FROM broker_${table}`)
}
