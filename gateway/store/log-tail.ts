import type { LoggedRow, LogTail } from '../ports/log-tail.ts'
import type { Db } from './database.ts'

const ROWS_PER_READ = 200

/** Each ends with `WHERE key > ? ORDER BY key LIMIT ?`; a column that is NULL is left out of the line. */
const TAILS = [
  {
    newest: 'SELECT max(step_id) FROM order_steps',
    rows: `SELECT step_id AS key, home_id AS homeId, device_id AS deviceId, slot, order_id AS orderId, step.attempt,
             from_state AS "from", to_state AS "to", tx_hash AS txHash, reason AS text
           FROM order_steps AS step JOIN orders USING (order_id) WHERE step_id > ? ORDER BY step_id LIMIT ?`,
  },
  {
    newest: 'SELECT max(rowid) FROM transactions',
    rows: `SELECT rowid AS key, purpose, tx_hash AS txHash, sender, nonce, 'A transaction is signed and saved.' AS text
           FROM transactions WHERE rowid > ? ORDER BY rowid LIMIT ?`,
  },
  {
    newest: 'SELECT max(notification_id) FROM notifications',
    rows: `SELECT notification_id AS key, home_id AS homeId, device_id AS deviceId, slot, order_id AS orderId, tx_hash AS txHash,
             kind, text
           FROM notifications WHERE notification_id > ? ORDER BY notification_id LIMIT ?`,
  },
]

/** `LogTail` over the gateway's database, from what is newest now. */
export function sqliteLogTail(db: Db): LogTail {
  const tails = TAILS.map(({ newest, rows }) => ({
    after: db.prepare<[], number | null>(newest).pluck().get() ?? 0,
    rows: db.prepare<[number, number], Record<string, string | number | null> & { key: number; text: string }>(rows),
  }))
  return {
    async next() {
      return tails.flatMap((tail) => {
        const rows = tail.rows.all(tail.after, ROWS_PER_READ)
        tail.after = rows.at(-1)?.key ?? tail.after
        return rows.map(({ key: _key, text, ...about }): LoggedRow => ({ about: withoutNull(about), text }))
      })
    },
  }
}

function withoutNull(about: Record<string, string | number | null>): LoggedRow['about'] {
  return Object.fromEntries(
    Object.entries(about).filter((entry): entry is [string, string | number] => entry[1] !== null),
  )
}
