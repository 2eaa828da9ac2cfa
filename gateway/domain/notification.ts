import type { HomeId, OrderId } from './identifiers.ts'

/** What the homeowner is told (DOMAIN.md). */
export const NOTIFICATION_KINDS = [
  'low',
  'order-planned',
  'consent-wanted',
  'placed',
  'shipped',
  'delivered',
  'completed',
  'cancelled',
  'refunded',
  'problem',
  'fault',
  'update',
  'limit-reached',
  'device-silent',
  'gateway-back',
  'test',
] as const
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

/** One entry of the feed: a sentence, and what it is about. */
export type Notification = {
  /** Rises; the feed's cursor and the delivery id that goes to receivers. */
  notificationId: number
  homeId: HomeId
  kind: NotificationKind
  atMs: number
  /** Plain words for a person: what happened, and what to do if anything. */
  text: string
  orderId?: OrderId
  deviceId?: string
  slot?: string
  txHash?: string
  amountMinorUnits?: bigint
}
