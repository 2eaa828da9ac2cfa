import { z } from 'zod'
import { Hex32 } from '../domain/identifiers.ts'
import { Terms } from '../domain/mandate.ts'
import { SignedQuote } from '../domain/quote.ts'
import { ConfirmationMessage } from '../domain/seller-order.ts'
import type { SellerMessageStore } from '../ports/orders.ts'
import type { SellerMessage } from '../ports/seller.ts'
import { type Db, inLaxTransaction, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'

const StoredMessage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('order'), signedQuote: SignedQuote, terms: Terms }),
  z.strictObject({ kind: z.literal('confirmation'), authorizationId: Hex32, ...ConfirmationMessage.shape }),
]) satisfies z.ZodType<SellerMessage>

/** `SellerMessageStore` over the gateway's database. */
export function sqliteSellerMessageStore(db: Db, channels: readonly Channel[]): SellerMessageStore {
  const tell = notifier(db, channels)
  const due = db.prepare<
    [number, number],
    { message_id: number; order_id: string; seller_url: string; body: string; attempts: number }
  >(
    `SELECT message_id, order_id, seller_url, body, attempts FROM seller_messages
     WHERE acknowledged_at_ms IS NULL AND next_at_ms <= ? ORDER BY message_id LIMIT ?`,
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(next_at_ms) AS at FROM seller_messages WHERE acknowledged_at_ms IS NULL AND next_at_ms IS NOT NULL',
  )
  const acknowledged = db.prepare(
    'UPDATE seller_messages SET acknowledged_at_ms = ?, attempts = attempts + 1, next_at_ms = NULL WHERE message_id = ?',
  )
  const failed = db.prepare('UPDATE seller_messages SET next_at_ms = ?, attempts = attempts + 1 WHERE message_id = ?')
  const orderOfMessage = db.prepare<[number], { homeId: string; orderId: string; deviceId: string; slot: string }>(
    `SELECT home_id AS homeId, order_id AS orderId, device_id AS deviceId, slot
     FROM seller_messages JOIN orders USING (order_id) WHERE message_id = ?`,
  )

  return {
    async due(nowMs, limit) {
      return due.all(nowMs, limit).map((row) => ({
        messageId: row.message_id,
        orderId: row.order_id,
        sellerUrl: row.seller_url,
        message: StoredMessage.parse(JSON.parse(row.body)),
        attempts: row.attempts,
      }))
    },
    async nextDueAtMs() {
      return nextDue.get()?.at ?? undefined
    },
    // Forgotten in a power cut, it is told again.
    acknowledged: inLaxTransaction(db, (messageId, atMs) => void acknowledged.run(atMs, messageId)),
    failed: inOneTransaction(db, (messageId, nextAtMs, reason, atMs) => {
      failed.run(nextAtMs ?? null, messageId)
      if (nextAtMs !== undefined) return
      const order = orderOfMessage.get(messageId)
      if (order !== undefined) tell({ ...order, kind: 'problem', text: reason }, atMs)
    }),
  }
}
