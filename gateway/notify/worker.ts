import type { Order } from '../domain/order.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeliveryStore, Notifier } from '../ports/notify.ts'

const DELIVERIES_PER_STEP = 50
const FIRST_RETRY_MS = 10_000
const LONGEST_RETRY_MS = 6 * 3_600_000
/** About a week of trying; the feed still has the entry. */
const MAX_ATTEMPTS = 40

/** The end of the line: sends due notifications, and each order's state to its device, until both are delivered. */
export function notifyWorker(parts: {
  store: DeliveryStore
  notifier: Notifier | undefined
  /** When the home's quiet hours end, while it is quiet: only a fault is delivered before. */
  quietUntil(homeId: string, nowMs: number): Promise<number | undefined>
  /** Publishes an order's state on its device's retained `order` topic. */
  tellDevice(order: Order): Promise<void>
  clock: Clock
}): Worker {
  return {
    name: 'notify',
    async step() {
      const nowMs = parts.clock.nowMs()
      const orders = await parts.store.untoldOrders(DELIVERIES_PER_STEP)
      for (const order of orders) await parts.tellDevice(order)
      if (orders.length > 0) await parts.store.devicesTold(orders)
      const due = parts.notifier === undefined ? [] : await parts.store.due(nowMs, DELIVERIES_PER_STEP)
      for (const { notification, attempts } of due) {
        const { homeId, kind, notificationId } = notification
        const quietEndsAtMs = kind === 'fault' ? undefined : await parts.quietUntil(homeId, nowMs)
        if (quietEndsAtMs !== undefined) {
          await parts.store.held(notificationId, quietEndsAtMs)
          continue
        }
        try {
          await parts.notifier?.deliver(notification)
          await parts.store.delivered(notificationId, nowMs)
        } catch {
          const nextAtMs =
            attempts + 1 >= MAX_ATTEMPTS ? undefined : nowMs + backoffMs(attempts, FIRST_RETRY_MS, LONGEST_RETRY_MS)
          await parts.store.failed(notificationId, nextAtMs)
          // Who does not answer one will not answer fifty: devices are told in between.
          break
        }
      }
      return { worked: orders.length + due.length > 0, nextDueAtMs: await parts.store.nextDueAtMs() }
    },
  }
}
