import type { Notification } from '../domain/notification.ts'
import type { DeliveryStore, FeedStore } from '../ports/notify.ts'
import { type Db, inLaxTransaction, inOneTransaction } from './database.ts'
import { type OrderRow, orderOf } from './order-rows.ts'

type NotificationRow = {
  notification_id: number
  home_id: string
  kind: Notification['kind']
  at_ms: number
  text: string
  order_id: string | null
  device_id: string | null
  slot: string | null
  tx_hash: string | null
  amount: string | null
}

/** `FeedStore` over the gateway's database. */
export function sqliteFeedStore(db: Db): FeedStore {
  const after = db.prepare<[string, number, number], NotificationRow>(
    'SELECT * FROM notifications WHERE home_id = ? AND notification_id > ? ORDER BY notification_id LIMIT ?',
  )
  const latest = db.prepare<[string, number], NotificationRow>(
    'SELECT * FROM notifications WHERE home_id = ? ORDER BY notification_id DESC LIMIT ?',
  )
  return {
    async feed(homeId, afterId, limit) {
      return after.all(homeId, afterId, limit).map(notificationOf)
    },
    async latest(homeId, limit) {
      return latest.all(homeId, limit).map(notificationOf).reverse()
    },
  }
}

/** `DeliveryStore` over the gateway's database. */
export function sqliteDeliveryStore(db: Db): DeliveryStore {
  const due = db.prepare<[number, number], NotificationRow & { attempts: number }>(
    `SELECT notifications.*, attempts FROM deliveries JOIN notifications USING (notification_id)
     WHERE delivered_at_ms IS NULL AND next_at_ms <= ? ORDER BY notification_id LIMIT ?`,
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(next_at_ms) AS at FROM deliveries WHERE delivered_at_ms IS NULL AND next_at_ms IS NOT NULL',
  )
  const delivered = db.prepare(
    'UPDATE deliveries SET delivered_at_ms = ?, attempts = attempts + 1 WHERE notification_id = ?',
  )
  const failed = db.prepare('UPDATE deliveries SET next_at_ms = ?, attempts = attempts + 1 WHERE notification_id = ?')
  const held = db.prepare('UPDATE deliveries SET next_at_ms = ? WHERE notification_id = ?')
  const untold = db.prepare<[number], OrderRow>(
    `SELECT orders.* FROM orders JOIN devices USING (device_id)
     WHERE device_told <> state AND removed_at_ms IS NULL LIMIT ?`,
  )
  const told = db.prepare('UPDATE orders SET device_told = ? WHERE order_id = ?')
  return {
    async due(nowMs, limit) {
      return due.all(nowMs, limit).map((row) => ({ notification: notificationOf(row), attempts: row.attempts }))
    },
    async nextDueAtMs() {
      return nextDue.get()?.at ?? undefined
    },
    delivered: inOneTransaction(db, (notificationId, atMs) => void delivered.run(atMs, notificationId)),
    failed: inOneTransaction(db, (notificationId, nextAtMs) => void failed.run(nextAtMs ?? null, notificationId)),
    held: inOneTransaction(db, (notificationId, untilMs) => void held.run(untilMs, notificationId)),
    async untoldOrders(limit) {
      return untold.all(limit).map(orderOf)
    },
    // Forgotten in a power cut, they are told again.
    devicesTold: inLaxTransaction(db, (orders) => {
      for (const { orderId, state } of orders) told.run(state, orderId)
    }),
  }
}

function notificationOf(row: NotificationRow): Notification {
  return {
    notificationId: row.notification_id,
    homeId: row.home_id,
    kind: row.kind,
    atMs: row.at_ms,
    text: row.text,
    ...(row.order_id !== null && { orderId: row.order_id }),
    ...(row.device_id !== null && { deviceId: row.device_id }),
    ...(row.slot !== null && { slot: row.slot }),
    ...(row.tx_hash !== null && { txHash: row.tx_hash }),
    ...(row.amount !== null && { amountMinorUnits: BigInt(row.amount) }),
  }
}
