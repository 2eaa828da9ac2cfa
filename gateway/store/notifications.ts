import type { NewNotification } from '../ports/notify.ts'
import type { Db } from './database.ts'

/** Where notifications go beyond the feed; each gets its own delivery row in the commit that makes the notification. */
export type Channel = 'webhook'

/** Makes the function that other units of work call inside their transaction to tell the homeowner something. */
export function notifier(db: Db, channels: readonly Channel[]): (notification: NewNotification, atMs: number) => void {
  const insert = db.prepare(
    `INSERT INTO notifications (home_id, kind, at_ms, text, order_id, device_id, slot, tx_hash, amount)
     VALUES (@homeId, @kind, @atMs, @text, @orderId, @deviceId, @slot, @txHash, @amount)`,
  )
  const deliver = db.prepare('INSERT INTO deliveries (notification_id, channel, next_at_ms) VALUES (?, ?, ?)')
  return (notification, atMs) => {
    const { lastInsertRowid } = insert.run({
      homeId: notification.homeId,
      kind: notification.kind,
      atMs,
      text: notification.text,
      orderId: notification.orderId ?? null,
      deviceId: notification.deviceId ?? null,
      slot: notification.slot ?? null,
      txHash: notification.txHash ?? null,
      amount: notification.amountMinorUnits?.toString() ?? null,
    })
    for (const channel of channels) deliver.run(lastInsertRowid, channel, atMs)
  }
}
