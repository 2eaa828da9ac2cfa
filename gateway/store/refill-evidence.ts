import type { Db } from './database.ts'

/**
 * Of a shipped order: since when a refill may be of its goods. Since its shipping was first seen: a reorg may have taken that
 * back and made it later. A block's time is whole seconds, and the refill of the order before may lie in the same one:
 * what was poured in before this order was made says nothing of it.
 */
const GOODS_SINCE_MS = `max(orders.created_at_ms, (
  SELECT min(at_ms) FROM order_steps AS step
  WHERE step.order_id = orders.order_id AND step.attempt = orders.attempt AND to_state = 'shipped'))`

/** The sign of arrival that a device gives: its slot was filled while goods for it were under way. */
export function refillEvidence(db: Db) {
  const shippedOrder = db.prepare<[string, string, number], { order_id: string }>(
    `SELECT order_id FROM orders WHERE device_id = ? AND slot = ? AND state = 'shipped' AND ${GOODS_SINCE_MS} < ?`,
  )
  const insert = db.prepare(`INSERT OR IGNORE INTO evidence (order_id, kind, detail, at_ms) VALUES (?, 'refill', ?, ?)`)
  const wakeOrder = db.prepare(`UPDATE orders SET next_at_ms = ? WHERE order_id = ?`)
  const insertPast = db.prepare(
    `INSERT OR IGNORE INTO evidence (order_id, kind, detail, at_ms)
     SELECT order_id, 'refill', device_id || ' saw ' || slot || ' rise.', last_refill_at_ms
     FROM orders JOIN slots USING (device_id, slot)
     WHERE order_id = ? AND orders.state = 'shipped' AND last_refill_at_ms > ${GOODS_SINCE_MS}`,
  )

  return {
    /** A refill was measured at `refilledAtMs`. The order, if there is one, is looked at again. */
    seen(deviceId: string, slot: string, { refilledAtMs, detail }: Refill, nowMs: number): void {
      const order = shippedOrder.get(deviceId, slot, refilledAtMs)
      if (order === undefined) return
      insert.run(order.order_id, detail, refilledAtMs)
      wakeOrder.run(nowMs, order.order_id)
    },
    /** The order is shipped: the device may have been heard before the chain was. */
    seenBefore(orderId: string): void {
      insertPast.run(orderId)
    },
  }
}

type Refill = { refilledAtMs: number; detail: string }
