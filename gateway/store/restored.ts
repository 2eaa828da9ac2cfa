import type { OrderState } from '../domain/order.ts'
import { endSessions } from './broker-state.ts'
import type { Db } from './database.ts'
import { notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'

/**
 * A restored database does not know what happened after its backup, which may be an order for any slot. Nonces are no
 * danger: those of the accounts and of the mandates are asked of the chain before each use, and what was signed before and is sent
 * again are the same bytes. So: no slot buys before its owner has looked, orders that nothing was signed for end, and commands are not
 * told again, nor those that wait in a session: its messages were acknowledged since. Payments that were signed go on: the chain's logs since then say what became of them. Returns how many
 * orders ended.
 */
export function markRestored(db: Db, madeAtMs: number, nowMs: number): number {
  const moves = orderMoves(db)
  const tell = notifier(db, [])
  const made = `${new Date(madeAtMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const reason = `The gateway was restored from a backup of ${made}: an order made since then would be made again.`
  const unsigned = db.prepare<[], { order_id: string; attempt: number; state: OrderState }>(
    `SELECT order_id, attempt, state FROM orders WHERE state IN ('needed', 'quoted', 'awaiting-consent') AND NOT EXISTS (
       SELECT 1 FROM authorizations WHERE authorizations.order_id = orders.order_id AND authorizations.attempt = orders.attempt)`,
  )
  return db.transaction(() => {
    const orders = unsigned.all()
    for (const { order_id, attempt, state } of orders) {
      const order = { orderId: order_id, attempt, state: state as 'needed' | 'quoted' | 'awaiting-consent' }
      moves.move(order, 'dropped', { atMs: nowMs, reason })
    }
    db.prepare('UPDATE slots SET suspended_reason = ?, evaluate = 1').run(
      `restored from a backup of ${made}: see \`adept audit\`, then confirm it with \`adept device confirm\``,
    )
    db.exec('UPDATE commands SET next_at_ms = NULL')
    endSessions(db)
    const text =
      `The gateway was restored from a backup of ${made}. What happened since then it does not know: readings, orders, your answers. ` +
      'Nothing is bought before you confirm each device again with `adept device confirm`. `adept audit` says whether the chain ' +
      'knows of an order that is missing here.'
    for (const homeId of db.prepare<[], string>('SELECT home_id FROM homes').pluck().all()) {
      tell({ homeId, kind: 'problem', text }, nowMs)
    }
    return orders.length
  })()
}
