import type { Hex32 } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import type { QuoteRefusal, QuoteRequest, SellerProfile, SignedQuote } from '../domain/quote.ts'
import type { ConfirmationMessage } from '../domain/seller-order.ts'
import type { SettlementOffer } from '../domain/settlement.ts'

/** What the buyer tells the seller after funds are held, and after the goods arrived. */
export type SellerMessage =
  | { kind: 'order'; signedQuote: SignedQuote; terms: Terms }
  /** About one order of the deliveries; each of them is told of on its own. */
  | ({ kind: 'confirmation'; authorizationId: Hex32 } & ConfirmationMessage)

/** The buyer's port to a shop. `unreachable` may be tried again; a refusal is the shop's answer. */
export type Seller = {
  profile(url: string): Promise<{ kind: 'profile'; profile: SellerProfile } | { kind: 'unreachable'; reason: string }>
  quote(
    url: string,
    request: QuoteRequest,
  ): Promise<
    | { kind: 'quoted'; signed: SignedQuote }
    | { kind: 'refused'; refusal: QuoteRefusal }
    | { kind: 'unreachable'; reason: string }
  >
  /** Gives the seller the payer's signed offer to end an order by agreement. */
  offer(url: string, authorizationId: Hex32, offer: SettlementOffer): Promise<SellersAnswer>
  /** What the seller has signed to end an order by agreement, if anything. */
  offered(
    url: string,
    authorizationId: Hex32,
  ): Promise<
    { kind: 'offered'; offer: SettlementOffer | undefined } | { kind: 'refused' | 'unreachable'; reason: string }
  >
  tell(url: string, message: SellerMessage): Promise<SellersAnswer>
}

export type SellersAnswer = { kind: 'acknowledged' } | { kind: 'refused' | 'unreachable'; reason: string }
