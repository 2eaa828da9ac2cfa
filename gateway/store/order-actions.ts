import type { OrderState } from '../domain/order.ts'
import type { OrderActionStore, OrderView } from '../ports/orders.ts'
import { type Db, inOneTransaction } from './database.ts'
import { orderMoves } from './order-moves.ts'
import { type OrderRow, orderOf, orderWorkReader } from './order-rows.ts'

/** `OrderActionStore` over the gateway's database: what a person sees of orders, and a person's word. */
export function sqliteOrderActionStore(db: Db): OrderActionStore {
  const moves = orderMoves(db)
  const readWork = orderWorkReader(db)
  const find = db.prepare<[string, string], OrderRow>('SELECT * FROM orders WHERE home_id = ? AND order_id = ?')
  const newest = db.prepare<[string, number], OrderRow>(
    'SELECT * FROM orders WHERE home_id = ? ORDER BY created_at_ms DESC, order_id DESC LIMIT ?',
  )
  const evidence = db.prepare<[string], { kind: string; detail: string; at_ms: number }>(
    'SELECT kind, detail, at_ms FROM evidence WHERE order_id = ? ORDER BY at_ms',
  )
  const steps = db.prepare<
    [string],
    {
      attempt: number
      from_state: OrderState | null
      to_state: OrderState
      at_ms: number
      reason: string
      amount: string | null
      tx_hash: string | null
    }
  >(
    'SELECT attempt, from_state, to_state, at_ms, reason, amount, tx_hash FROM order_steps WHERE order_id = ? ORDER BY step_id',
  )
  const insertEvidence = db.prepare(
    'INSERT OR IGNORE INTO evidence (order_id, kind, detail, at_ms) VALUES (?, ?, ?, ?)',
  )
  const wake = db.prepare('UPDATE orders SET next_at_ms = ? WHERE order_id = ? AND state = ?')
  const insertConsent = db.prepare(
    `INSERT INTO consents (order_id, quote_hash, total_shown, answer, who, how, at_ms)
     VALUES (@orderId, @quoteHash, @totalShown, @answer, @who, @how, @atMs)
     ON CONFLICT (order_id, quote_hash) DO UPDATE SET answer = excluded.answer, who = excluded.who, how = excluded.how, at_ms = excluded.at_ms`,
  )

  function viewOf(row: OrderRow): OrderView {
    const { quote, authorization } = readWork(row)
    return {
      ...orderOf(row),
      quote: quote?.signed.quote,
      authorizationId: authorization?.authorizationId,
      evidence: evidence.all(row.order_id).map(({ kind, detail, at_ms }) => ({ kind, detail, atMs: at_ms })),
      steps: steps.all(row.order_id).map((step) => ({
        attempt: step.attempt,
        fromState: step.from_state ?? undefined,
        toState: step.to_state,
        atMs: step.at_ms,
        reason: step.reason,
        amountMinorUnits: step.amount === null ? undefined : BigInt(step.amount),
        txHash: step.tx_hash ?? undefined,
      })),
    }
  }

  return {
    async find(homeId, orderId) {
      const row = find.get(homeId, orderId)
      return row && readWork(row)
    },
    async views(homeId, limit) {
      return newest.all(homeId, limit).map(viewOf)
    },
    async view(homeId, orderId) {
      const row = find.get(homeId, orderId)
      return row && viewOf(row)
    },
    addEvidence: inOneTransaction(db, (order, kind, detail, atMs) => {
      const { changes } = insertEvidence.run(order.orderId, kind, detail, atMs)
      if (changes === 0) return 'known'
      moves.record(order, order.state, order.state, { atMs, reason: `Evidence of arrival: ${detail}` })
      wake.run(atMs, order.orderId, order.state)
      return 'added'
    }),
    note: inOneTransaction(db, (order, reason, atMs) =>
      moves.record(order, order.state, order.state, { atMs, reason }),
    ),
    addConsent: inOneTransaction(db, (order, consent, atMs) => {
      insertConsent.run({ ...consent, orderId: order.orderId, totalShown: consent.totalShown.toString(), atMs })
      const reason = `${consent.who} said ${consent.answer} (${consent.how}).`
      moves.record(order, order.state, order.state, { atMs, reason, amountMinorUnits: consent.totalShown })
      if (consent.answer === 'yes') wake.run(atMs, order.orderId, order.state)
    }),
  }
}
