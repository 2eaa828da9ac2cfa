import type { Notification, NotificationKind } from '../domain/notification.ts'
import type { Order } from '../domain/order.ts'

export type FeedStore = {
  /** Entries after `afterId`, oldest first. */
  feed(homeId: string, afterId: number, limit: number): Promise<Notification[]>
  /** The newest `limit` entries, oldest first. */
  latest(homeId: string, limit: number): Promise<Notification[]>
}
/** Deliveries beyond the feed. */
export type DeliveryStore = {
  /** Oldest first. */
  due(nowMs: number, limit: number): Promise<{ notification: Notification; attempts: number }[]>
  nextDueAtMs(): Promise<number | undefined>
  delivered(notificationId: number, atMs: number): Promise<void>
  failed(notificationId: number, nextAtMs: number | undefined): Promise<void>
  /** Waits until then, which counts as no attempt. */
  held(notificationId: number, untilMs: number): Promise<void>
  /** Orders whose device has not been told their present state; a removed device is told nothing. */
  untoldOrders(limit: number): Promise<Order[]>
  devicesTold(orders: readonly Pick<Order, 'orderId' | 'state'>[]): Promise<void>
}
/** Tells somebody outside; throws when it could not. */
export type Notifier = { deliver(notification: Notification): Promise<void> }
export type NewNotification = Omit<Notification, 'notificationId' | 'atMs'> & { kind: NotificationKind }
