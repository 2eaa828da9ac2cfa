import { gtin14 } from '../domain/identifiers.ts'
import { MandateFile } from '../domain/mandate.ts'
import { StaleOrderError } from '../domain/order.ts'
import { jsonText } from '../lib/json.ts'
import type { OrderStore } from '../ports/orders.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { type OrderRow, orderWorkReader } from './order-rows.ts'
import { insertTransaction } from './transactions.ts'

/** `OrderStore` over the gateway's database; each method is one transaction. */
export function sqliteOrderStore(db: Db, channels: readonly Channel[]): OrderStore {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const readWork = orderWorkReader(db)
  const due = db.prepare<[number, number], OrderRow>(
    'SELECT * FROM orders WHERE next_at_ms <= ? ORDER BY next_at_ms, order_id LIMIT ?',
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(next_at_ms) AS at FROM orders WHERE next_at_ms IS NOT NULL',
  )
  const authorizing = db
    .prepare<[], number | null>(
      `SELECT MAX(tx.created_at_ms) FROM transactions AS tx CROSS JOIN authorizations USING (tx_hash)
         JOIN orders USING (order_id, attempt)
       WHERE tx.state = 'sent' AND orders.state = 'quoted'`,
    )
    .pluck()
  const mandates = db.prepare<[string], { file: string; seller_url: string; last_nonce: number }>(
    `SELECT file, seller_url, last_nonce FROM mandates WHERE device_id = ? AND state IN ('granted', 'signed') AND fault = '' ORDER BY state, created_at_ms DESC`,
  )
  const insertQuote = db.prepare(
    `INSERT INTO quotes (order_id, attempt, quote, signature, quote_hash, seller_url, received_at_ms)
     VALUES (@orderId, @attempt, @quote, @signature, @quoteHash, @sellerUrl, @atMs)`,
  )
  const postpone = db.prepare(
    `UPDATE orders SET next_at_ms = @nextAtMs, failures = failures + @failures WHERE order_id = @orderId AND state = @state`,
  )
  const schedule = db.prepare('UPDATE orders SET next_at_ms = ? WHERE order_id = ? AND state = ?')
  const insertAuthorization = db.prepare(
    `INSERT INTO authorizations (authorization_id, order_id, attempt, terms, item, tx_hash, basket, state)
     VALUES (@authorizationId, @orderId, @attempt, @terms, @item, @txHash, @basket, 'sent')`,
  )
  const raiseNonce = db.prepare('UPDATE mandates SET last_nonce = MAX(last_nonce, ?) WHERE mandate_hash = ?')
  const insertMessage = db.prepare(
    `INSERT OR IGNORE INTO seller_messages (order_id, authorization_id, kind, seller_url, body, next_at_ms)
     VALUES (@orderId, @authorizationId, @kind, @sellerUrl, @body, @atMs)`,
  )

  return {
    async due(nowMs, limit) {
      return due.all(nowMs, limit).map(readWork)
    },

    async nextDueAtMs() {
      return nextDue.get()?.at ?? undefined
    },

    async authorizingSinceMs() {
      return authorizing.get() ?? undefined
    },

    async mandatesFor(deviceId, gtin) {
      return mandates
        .all(deviceId)
        .map((row) => ({
          file: MandateFile.parse(JSON.parse(row.file)),
          sellerUrl: row.seller_url,
          lastNonce: row.last_nonce,
        }))
        .filter(({ file }) => file.offers.some((offer) => gtin14(offer.gtin) === gtin14(gtin)))
    },

    saveQuote: inOneTransaction(db, (order, { signed, quoteHash, sellerUrl }, atMs) => {
      if (order.state !== 'needed' && order.state !== 'awaiting-consent') {
        throw new Error(`Order ${order.orderId} is ${order.state}: it takes no quote.`)
      }
      const { attempt } = signed.quote
      insertQuote.run({
        orderId: order.orderId,
        attempt,
        quote: jsonText(signed.quote),
        signature: signed.signature,
        quoteHash,
        sellerUrl,
        atMs,
      })
      moves.move({ ...order, state: order.state, attempt }, 'quoted', {
        atMs,
        nextAtMs: atMs,
        reason: `${signed.quote.quantity} × ${signed.quote.productName}, seller's signed price.`,
        amountMinorUnits: signed.quote.totalMinorUnits,
      })
    }),

    postpone: inOneTransaction(db, (order, nextAtMs, atMs, note) => {
      const { changes } = postpone.run({
        orderId: order.orderId,
        state: order.state,
        nextAtMs,
        failures: note ? 1 : 0,
      })
      if (changes !== 1 || note === undefined) return
      moves.record(order, order.state, order.state, { atMs, reason: note.reason })
      if (note.tell) tell({ ...about(order), kind: note.tell, text: note.reason }, atMs)
    }),

    move: inOneTransaction(db, (order, to, atMs, move) => {
      moves.move(order, to, { ...move, atMs })
      if (move.tell) tell({ ...about(order), ...move.tell }, atMs)
    }) as OrderStore['move'],

    saveAuthorizations: inOneTransaction(db, (tx, items, atMs) => {
      insertTransaction(db, tx, atMs)
      for (const { order, authorizationId, terms, item, basket, nextAtMs } of items) {
        insertAuthorization.run({
          authorizationId,
          orderId: order.orderId,
          attempt: order.attempt,
          terms: jsonText(terms),
          item: jsonText(item),
          txHash: tx.txHash,
          basket,
        })
        raiseNonce.run(item.authorization.nonce, item.authorization.mandateHash)
        // Cancelled while it was prepared: nothing of the transaction is kept, so nothing is sent.
        const { changes } = schedule.run(nextAtMs, order.orderId, order.state)
        if (changes !== 1) throw new StaleOrderError(order.orderId, order.state)
        const reason = `Authorization ${authorizationId} signed by the device's key.`
        moves.record(order, order.state, order.state, {
          atMs,
          reason,
          amountMinorUnits: terms.amount,
          txHash: tx.txHash,
        })
      }
    }),

    saveConfirmation: inOneTransaction(db, (order, message, nextAtMs, atMs) => {
      if (order.quote === undefined) throw new Error(`Order ${order.orderId} has no quote to confirm.`)
      const { changes } = insertMessage.run({
        orderId: order.orderId,
        authorizationId: message.authorizationId,
        kind: message.kind,
        sellerUrl: order.quote.sellerUrl,
        body: jsonText(message),
        atMs,
      })
      schedule.run(nextAtMs, order.orderId, order.state)
      if (changes === 0) return
      const reason = "Arrival confirmed with the device's key; the seller may take the payment."
      const delivery = message.deliveries.find((it) => it.authorizationId === message.authorizationId)
      moves.record(order, order.state, order.state, { atMs, reason, amountMinorUnits: delivery?.amount })
    }),

    saveTransaction: inOneTransaction(db, (tx, order, nextAtMs, atMs) => {
      insertTransaction(db, tx, atMs)
      schedule.run(nextAtMs ?? null, order.orderId, order.state)
      moves.record(order, order.state, order.state, {
        atMs,
        reason: `Sent to the chain: ${tx.purpose}.`,
        txHash: tx.txHash,
      })
    }),
  }
}

function about(order: { homeId: string; orderId: string; deviceId: string; slot: string }) {
  return { homeId: order.homeId, orderId: order.orderId, deviceId: order.deviceId, slot: order.slot }
}
