import type { StockStore } from '../ports/rules.ts'
import { type Db, inOneTransaction } from './database.ts'
import { reserves } from './reserves.ts'

/** `StockStore` over the gateway's database. */
export function sqliteStockStore(db: Db): StockStore {
  const stock = reserves(db)
  const find = db.prepare<[string, string, string], { unit: string; capacity: number }>(
    `SELECT slots.description ->> 'unit' AS unit, slots.description ->> 'capacity' AS capacity FROM slots JOIN devices USING (device_id)
     WHERE home_id = ? AND device_id = ? AND slot = ? AND slots.description IS NOT NULL`,
  )
  const onTheWay = db.prepare<[string, string], { content: number | null }>(
    `SELECT sum(content) AS content FROM stock_moves JOIN orders USING (order_id)
     WHERE orders.device_id = ? AND orders.slot = ? AND state = 'shipped' AND kind = 'shipped'`,
  )
  const wake = db.prepare('UPDATE slots SET evaluate = 1 WHERE device_id = ? AND slot = ?')
  return {
    set: inOneTransaction(db, (homeId, deviceId, slot, amount, atMs) => {
      const known = find.get(homeId, deviceId, slot)
      if (known === undefined) return undefined
      stock.counted(deviceId, slot, amount, onTheWay.get(deviceId, slot)?.content ?? 0, known.capacity, atMs)
      wake.run(deviceId, slot)
      return { unit: known.unit }
    }),
  }
}
