import { z } from 'zod'
import { Authorization, MandateFile, Terms } from '../domain/mandate.ts'
import type { StrayFundsStore } from '../ports/orders.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { type OrderRow, orderOf } from './order-rows.ts'
import { insertTransaction } from './transactions.ts'

const Signed = z.object({ file: MandateFile, authorization: Authorization })

/** `StrayFundsStore` over the gateway's database; the watcher (chain-events.ts) marks the rows. */
export function sqliteStrayFundsStore(db: Db, channels: readonly Channel[]): StrayFundsStore {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const due = db.prepare<[number, number], OrderRow & { terms: string; item: string; auth_state: string }>(
    `SELECT orders.*, terms, item, authorizations.state AS auth_state FROM authorizations JOIN orders USING (order_id)
     WHERE give_back_at_ms <= ? ORDER BY give_back_at_ms LIMIT ?`,
  )
  const nextDue = db
    .prepare<[], number | null>('SELECT MIN(give_back_at_ms) FROM authorizations WHERE give_back_at_ms IS NOT NULL')
    .pluck()
  const postpone = db.prepare('UPDATE authorizations SET give_back_at_ms = ? WHERE authorization_id = ?')

  return {
    async due(nowMs, limit) {
      return due.all(nowMs, limit).map((row) => ({
        order: orderOf(row),
        terms: Terms.parse(JSON.parse(row.terms)),
        refused: row.auth_state === 'refused' ? Signed.parse(JSON.parse(row.item)) : undefined,
      }))
    },
    async nextDueAtMs() {
      return nextDue.get() ?? undefined
    },
    async postpone({ terms }, nextAtMs) {
      postpone.run(nextAtMs ?? null, terms.authorizationId)
    },
    saveTransaction: inOneTransaction(db, (tx, { order, terms }, { text, isTold }, nextAtMs, atMs) => {
      insertTransaction(db, tx, atMs)
      postpone.run(nextAtMs, terms.authorizationId)
      const { homeId, orderId, deviceId, slot } = order
      moves.record(order, order.state, order.state, { atMs, reason: text, txHash: tx.txHash })
      if (isTold) tell({ homeId, orderId, deviceId, slot, kind: 'problem', text, txHash: tx.txHash }, atMs)
    }),
  }
}
