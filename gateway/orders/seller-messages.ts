import { backoffMs } from '../lib/backoff.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { SellerMessageStore } from '../ports/orders.ts'
import type { Seller } from '../ports/seller.ts'

const MESSAGES_PER_STEP = 16
const FIRST_RETRY_MS = 1_000
/** For the first hour an agent that restarts, or waits for the chain, is asked each minute; then each hour. */
const LONGEST_RETRY_MS = 60_000
const LATER_RETRY_MS = 3_600_000
const OFTEN_ATTEMPTS = 60
/** About two weeks of trying, as long as the escrow waits for a confirmation; then the homeowner is told. */
const MAX_ATTEMPTS = 400

/** Tells the seller of held funds and confirmed arrivals, the same bytes again until it acknowledges them. */
export function sellerMessageWorker(parts: { store: SellerMessageStore; seller: Seller; clock: Clock }): Worker {
  return {
    name: 'seller-messages',
    async step() {
      const nowMs = parts.clock.nowMs()
      const due = await parts.store.due(nowMs, MESSAGES_PER_STEP)
      await Promise.all(
        due.map(async ({ messageId, sellerUrl, message, attempts, orderId }) => {
          const answer = await parts.seller.tell(sellerUrl, message)
          if (answer.kind === 'acknowledged') return parts.store.acknowledged(messageId, nowMs)
          const reason = `The seller does not take the ${message.kind} of order ${orderId}: ${answer.reason}`
          const isLast = attempts + 1 >= MAX_ATTEMPTS || answer.kind === 'refused'
          const longestMs = attempts < OFTEN_ATTEMPTS ? LONGEST_RETRY_MS : LATER_RETRY_MS
          const nextAtMs = isLast ? undefined : nowMs + backoffMs(attempts, FIRST_RETRY_MS, longestMs)
          return parts.store.failed(messageId, nextAtMs, reason, nowMs)
        }),
      )
      return { worked: due.length > 0, nextDueAtMs: await parts.store.nextDueAtMs() }
    },
  }
}
