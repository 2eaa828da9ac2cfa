import { z } from 'zod'
import type { Hex32 } from '../../domain/identifiers.ts'
import { Terms } from '../../domain/mandate.ts'
import { Quote } from '../../domain/quote.ts'
import { Delivery, type SellerOrderState } from '../../domain/seller-order.ts'
import { Settlement, SettlementOffer } from '../../domain/settlement.ts'
import type { SellerOrder, SellerWish } from '../../ports/merchant.ts'

export type Row = {
  order_number: number
  authorization_id: Hex32
  quote_hash: Hex32
  quote: string
  terms: string
  state: SellerOrderState
  held_since_seconds: number
  carrier: string | null
  sscc: string | null
  notice: string | null
  shipment: Hex32 | null
  confirmed_deliveries: string | null
  confirmation_signature: Hex32 | null
  refund_amount: string | null
  offered: string | null
  settlement: string | null
  wish: SellerWish | null
  tx_hash: Hex32 | null
  tx_state: string | null
  failures: number
  problem: string
}
const Deliveries = z.array(Delivery)

/** What became of an order's transaction, or of the one that replaced it under the same nonce. */
export const SELECT = `SELECT o.*, (
    SELECT latest.state FROM transactions sent
    JOIN transactions latest ON latest.sender = sent.sender AND latest.nonce = sent.nonce
    WHERE sent.tx_hash = o.tx_hash
    ORDER BY latest.state IN ('included', 'reverted') DESC, latest.state = 'sent' DESC, latest.state = 'lost' DESC LIMIT 1
  ) AS tx_state FROM orders o`

export function fromRow(row: Row): SellerOrder {
  const { carrier, sscc, notice, shipment } = row
  return {
    orderNumber: row.order_number,
    quoteHash: row.quote_hash,
    quote: Quote.parse(JSON.parse(row.quote)),
    terms: Terms.parse(JSON.parse(row.terms)),
    state: row.state,
    heldSinceSeconds: row.held_since_seconds,
    packed:
      carrier === null || sscc === null || notice === null || shipment === null
        ? undefined
        : { carrier, sscc, notice, shipment },
    confirmation:
      row.confirmed_deliveries === null || row.confirmation_signature === null
        ? undefined
        : {
            deliveries: Deliveries.parse(JSON.parse(row.confirmed_deliveries)),
            signature: row.confirmation_signature,
          },
    refundAmount: row.refund_amount === null ? undefined : BigInt(row.refund_amount),
    offered: row.offered === null ? undefined : SettlementOffer.parse(JSON.parse(row.offered)),
    settlement: row.settlement === null ? undefined : Settlement.parse(JSON.parse(row.settlement)),
    wish: row.wish ?? undefined,
    transaction: row.tx_hash === null ? undefined : { txHash: row.tx_hash, state: row.tx_state ?? 'unknown' },
    failures: row.failures,
    problem: row.problem,
  }
}
