import type { OrderLimits, SpendingStore } from '../ports/rules.ts'
import type { Db } from './database.ts'

/** `SpendingStore` over the gateway's database. */
export function sqliteSpendingStore(db: Db): SpendingStore {
  const limits = db.prepare<[string], { limits: string | null }>('SELECT limits FROM orders WHERE order_id = ?')
  // Of two that are quoted at the same time, the later one sees the earlier.
  const spent = db.prepare<unknown[], { deviceId: string; slot: string; total: string }>(
    `SELECT device_id AS deviceId, slot, quote ->> 'totalMinorUnits' AS total
     FROM quotes JOIN orders USING (order_id, attempt)
     WHERE received_at_ms >= @sinceMs AND home_id = @homeId AND order_id <> @orderId
       AND (state IN ('authorized', 'due', 'shipped', 'delivered', 'completed', 'disputed', 'settled', 'decided')
            OR state = 'quoted' AND (created_at_ms, order_id) < (@createdAtMs, @orderId))`,
  )
  return {
    async limitsOf(orderId) {
      const json = limits.get(orderId)?.limits
      return json === undefined || json === null ? undefined : (JSON.parse(json) as OrderLimits)
    },
    async spentSince({ orderId, homeId, createdAtMs }, sinceMs) {
      const rows = spent.all({ orderId, homeId, createdAtMs, sinceMs })
      return rows.map(({ deviceId, slot, total }) => ({ deviceId, slot, totalMinorUnits: BigInt(total) }))
    },
  }
}
