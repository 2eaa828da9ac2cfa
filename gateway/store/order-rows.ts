import { Terms } from '../domain/mandate.ts'
import { ENDED_STATES, type Mode, type Order, type OrderState } from '../domain/order.ts'
import { Quote } from '../domain/quote.ts'
import type { OrderWork } from '../ports/orders.ts'
import type { Db } from './database.ts'

/** For `state IN (…)`: the states in which a slot may get its next order. */
export const ENDED = ENDED_STATES.map((state) => `'${state}'`).join(', ')

export type OrderRow = {
  order_id: string
  home_id: string
  device_id: string
  slot: string
  gtin: string
  quantity: number
  mode: Mode
  state: OrderState
  state_changed_at_ms: number
  attempt: number
  next_at_ms: number | null
  failures: number
  created_at_ms: number
  reasons: string
}
type QuoteRow = { quote: string; signature: string; quote_hash: string; seller_url: string }
type AuthorizationRow = {
  authorization_id: string
  terms: string
  shipment: string | null
  shipped_at_seconds: number | null
  has_failed: 0 | 1
}

export function orderOf(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    homeId: row.home_id,
    deviceId: row.device_id,
    slot: row.slot,
    gtin: row.gtin,
    quantity: row.quantity,
    mode: row.mode === 'notify' ? 'ask' : row.mode,
    state: row.state,
    stateChangedAtMs: row.state_changed_at_ms,
    attempt: row.attempt,
    createdAtMs: row.created_at_ms,
    reasons: JSON.parse(row.reasons) as string[],
  }
}

/** What a notification about an order names. */
export function about(row: OrderRow) {
  return { homeId: row.home_id, orderId: row.order_id, deviceId: row.device_id, slot: row.slot }
}

/** Reads an order with what is known of its current attempt. */
export function orderWorkReader(db: Db): (row: OrderRow) => OrderWork {
  const quoteOf = db.prepare<[string, number], QuoteRow>(
    'SELECT quote, signature, quote_hash, seller_url FROM quotes WHERE order_id = ? AND attempt = ?',
  )
  const authorizationOf = db.prepare<[string, number], AuthorizationRow>(
    `SELECT authorization_id, terms, shipment, shipped_at_seconds,
       NOT EXISTS (SELECT 1 FROM transactions AS sent JOIN transactions AS same USING (sender, nonce)
                   WHERE sent.tx_hash = authorizations.tx_hash AND same.state IN ('sent', 'included')) AS has_failed
     FROM authorizations WHERE order_id = ? AND attempt = ?`,
  )
  const consentedQuote = db.prepare<[string], QuoteRow>(
    `SELECT quote, signature, quotes.quote_hash AS quote_hash, seller_url FROM consents
     JOIN quotes ON quotes.order_id = consents.order_id AND quotes.quote_hash = consents.quote_hash
     WHERE consents.order_id = ? AND answer = 'yes' ORDER BY attempt DESC LIMIT 1`,
  )
  const slotOf = db.prepare<[string, string], { suspended_reason: string; last_refill_at_ms: number | null }>(
    'SELECT suspended_reason, last_refill_at_ms FROM slots WHERE device_id = ? AND slot = ?',
  )
  const evidenceOf = db.prepare<[string], { kind: string }>('SELECT kind FROM evidence WHERE order_id = ?')

  return (row) => {
    const quote = quoteOf.get(row.order_id, row.attempt)
    const authorization = authorizationOf.get(row.order_id, row.attempt)
    const consented = consentedQuote.get(row.order_id)
    const slot = slotOf.get(row.device_id, row.slot)
    return {
      ...orderOf(row),
      failures: row.failures,
      quote: quote && {
        signed: { quote: Quote.parse(JSON.parse(quote.quote)), signature: quote.signature as `0x${string}` },
        quoteHash: quote.quote_hash as `0x${string}`,
        sellerUrl: quote.seller_url,
      },
      authorization: authorization && {
        authorizationId: authorization.authorization_id as `0x${string}`,
        terms: Terms.parse(JSON.parse(authorization.terms)),
        shipment: (authorization.shipment as `0x${string}` | null) ?? undefined,
        shippedAtSeconds: authorization.shipped_at_seconds ?? undefined,
        hasFailed: authorization.has_failed === 1,
      },
      consented: consented && Quote.parse(JSON.parse(consented.quote)),
      suspendedReason: slot?.suspended_reason ?? '',
      isRefilled: (slot?.last_refill_at_ms ?? 0) > row.created_at_ms,
      evidence: evidenceOf.all(row.order_id).map((evidence) => evidence.kind),
    }
  }
}
