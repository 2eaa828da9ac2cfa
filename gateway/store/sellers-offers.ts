import type { SellersOfferStore } from '../ports/orders.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { type OrderRow, orderWorkReader } from './order-rows.ts'

/** `SellersOfferStore` over the gateway's database: an order's history is what remembers which offers were told. */
export function sqliteSellersOfferStore(db: Db, channels: readonly Channel[]): SellersOfferStore {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const readWork = orderWorkReader(db)
  const held = db.prepare<[number, number], OrderRow & { time_zone: string }>(
    `SELECT orders.*, time_zone FROM orders JOIN homes USING (home_id)
     WHERE state = 'disputed' OR (NOT ? AND state IN ('authorized', 'due', 'shipped', 'delivered'))
     ORDER BY state <> 'disputed', state_changed_at_ms LIMIT ?`,
  )
  const isTold = db
    .prepare<[string, string], 0 | 1>('SELECT EXISTS (SELECT 1 FROM order_steps WHERE order_id = ? AND reason = ?)')
    .pluck()
  return {
    async held({ isDisputedOnly, limit }) {
      const rows = held.all(isDisputedOnly ? 1 : 0, limit)
      return rows.map((row) => ({ ...readWork(row), timeZone: row.time_zone }))
    },
    tellOnce: inOneTransaction(db, (order, text, atMs) => {
      if (isTold.get(order.orderId, text) === 1) return false
      const { homeId, orderId, deviceId, slot } = order
      moves.record(order, order.state, order.state, { atMs, reason: text })
      tell({ homeId, orderId, deviceId, slot, kind: 'update', text }, atMs)
      return true
    }),
  }
}
