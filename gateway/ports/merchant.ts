import type { Address, Gtin, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import type { Quote, QuoteRequest, SignedQuote } from '../domain/quote.ts'
import type { ConfirmationMessage, NextSellerState, SellerOrderState } from '../domain/seller-order.ts'
import type { Settlement, SettlementOffer } from '../domain/settlement.ts'
import type { ChainFacts, Head, Hold, SaveTransaction, SignedTransaction } from './chain.ts'

/** What the merchant agent asks of the chain, with its own key. Verbs that send take `save`, as in `Chain`. */
export type SellerChain = {
  facts: ChainFacts
  /** The account of the seller's key: signs quotes, ships, is paid. */
  address: Address
  head(): Promise<Head>
  hold(terms: Terms): Promise<Hold>
  /** The quote hash in the `Authorized` log of this authorization; undefined while there is no such log. */
  authorizedQuote(authorizationId: Hex32): Promise<Hex32 | undefined>
  quoteHash(quote: Quote): Hex32
  /** Who signed the quote; undefined when the signature is malformed. */
  quoteSigner(signed: SignedQuote): Address | undefined
  signQuote(quote: Quote): Promise<HexBytes>
  /** keccak256 of the UTF-8 bytes of a shipping notice. */
  shipmentHash(notice: string): Hex32
  /** Who signed the confirmation; undefined when the signature is malformed. Keys only, no contract wallets. */
  confirmationSigner(confirmation: ConfirmationMessage): Address | undefined
  ship(shipments: { terms: Terms; shipment: Hex32 }[], save: SaveTransaction): Promise<SignedTransaction>
  /** Orders with the same signature are all orders that it covers, in their order. */
  capture(captures: Confirmation[], save: SaveTransaction): Promise<SignedTransaction>
  decline(terms: Terms, save: SaveTransaction): Promise<SignedTransaction>
  /** Freezes the money of a shipped order that nobody confirms, before it goes back to the payer. */
  dispute(terms: Terms, save: SaveTransaction): Promise<SignedTransaction>
  /** Whether the payer signed it, by its key or, when it is a contract, by its own word (ERC-1271). */
  isPayersSettlement(terms: Terms, offer: SettlementOffer): Promise<boolean>
  signSettlement(terms: Terms, settlement: Settlement): Promise<HexBytes>
  /** Ends an order as the payer has signed; sending it is how the seller agrees. */
  settle(terms: Terms, offer: SettlementOffer, save: SaveTransaction): Promise<SignedTransaction>
  /** Gives back a part or all of what was captured; lets the escrow take so much of the shop's tokens first. */
  refund(terms: Terms, amount: bigint, save: SaveTransaction): Promise<SignedTransaction>
}
/** One order of a confirmed parcel. */
export type Confirmation = { terms: Terms; shipment: Hex32; amount: bigint; signature: HexBytes }

/** Quotes that this seller signed and that have not expired: one per attempt of an order of a buyer. */
export type QuoteBook = {
  find(
    request: Pick<QuoteRequest, 'orderId' | 'attempt' | 'buyer'>,
    nowSeconds: number,
  ): Promise<SignedQuote | undefined>
  /** Keeps the quote unless there is one for the same attempt; resolves to the one that holds. `full`: too many are open. */
  keep(signed: SignedQuote, nowSeconds: number): Promise<{ kind: 'kept'; signed: SignedQuote } | { kind: 'full' }>
}

/** The parcel that an order leaves in, alone or with others of its buyer. `notice` is the exact text whose hash goes on chain. */
export type PackedShipment = { carrier: string; sscc: string; notice: string; shipment: Hex32 }

/** An order with held funds, as the seller keeps it. */
export type SellerOrder = {
  /** Rises by one per order: the seller's own number for its papers. */
  orderNumber: number
  quoteHash: Hex32
  quote: Quote
  terms: Terms
  state: SellerOrderState
  /** Chain seconds at which the funds were held. */
  heldSinceSeconds: number
  packed: PackedShipment | undefined
  /** The buyer's signature, and all orders of the parcel that it covers. */
  confirmation: Omit<ConfirmationMessage, 'shipment'> | undefined
  /** What the shop wants to give back, until it is on chain. */
  refundAmount: bigint | undefined
  /** How the buyer has signed to end it. */
  offered: SettlementOffer | undefined
  /** How this shop would end it. */
  settlement: Settlement | undefined
  /** What the shop does beside the order's own way, until it is on chain. */
  wish: SellerWish | undefined
  /** The latest transaction about this order, and what became of it. */
  transaction: { txHash: Hex32; state: string } | undefined
  /** Transactions in a row that failed; such an order travels alone. */
  failures: number
  /** Why it waits or ended without payment; empty otherwise. */
  problem: string
}
/** `settle`: on the buyer's signed offer; `dispute`: freeze what nobody confirms. */
export type SellerWish = 'settle' | 'dispute'
export type SellerOrderStep = {
  fromState: SellerOrderState | undefined
  toState: SellerOrderState
  atMs: number
  reason: string
}

export type SellerOrderStore = {
  /** `quote-used`: another authorization already took this quote. Repeats of the same authorization are `exists`. */
  accept(
    order: Pick<SellerOrder, 'quoteHash' | 'quote' | 'terms' | 'heldSinceSeconds'>,
    start: { state: 'accepted' | 'refusing'; reason: string; nextAtMs: number },
    atMs: number,
  ): Promise<'accepted' | 'exists' | 'quote-used'>
  get(authorizationId: Hex32): Promise<SellerOrder | undefined>
  /** Newest first. */
  list(limit: number): Promise<SellerOrder[]>
  steps(authorizationId: Hex32): Promise<SellerOrderStep[]>
  /** Orders whose time has come, the longest due first. */
  due(nowMs: number, limit: number): Promise<SellerOrder[]>
  /** When the next order falls due; undefined when none waits for time. */
  nextDueAtMs(): Promise<number | undefined>
  /** Packs of this product in orders that have not ended without goods. */
  promisedPacks(gtin: Gtin): Promise<number>
  /** Moves one order along one legal arrow; throws when it is not in `from`. `nextAtMs` undefined: only when something happens. */
  move<S extends SellerOrderState>(
    authorizationId: Hex32,
    from: S,
    to: NextSellerState<S>,
    how: { atMs: number; nextAtMs: number | undefined; reason: string },
  ): Promise<void>
  /** accepted → packed, all of one parcel together. */
  pack(authorizationIds: Hex32[], packed: PackedShipment, atMs: number): Promise<void>
  /** shipped → confirmed, all together; an order that has a confirmation keeps its own. */
  confirm(
    authorizationIds: Hex32[],
    confirmation: NonNullable<SellerOrder['confirmation']>,
    atMs: number,
  ): Promise<void>
  /** paid → returning. */
  wantRefund(authorizationId: Hex32, amount: bigint, atMs: number): Promise<void>
  /** When the newest transaction without a receipt was sent that brought orders into this state. */
  underWaySinceMs(state: 'shipping' | 'capturing'): Promise<number | undefined>
  /** The signed bytes and the arrow of every order in them, in one transaction. */
  send<S extends SellerOrderState>(
    authorizationIds: Hex32[],
    from: S,
    to: NextSellerState<S>,
    tx: SignedTransaction,
    how: { atMs: number; nextAtMs: number },
  ): Promise<void>
  /** Keeps what the buyer signed in place of what it signed before; noted as a step. */
  keepOffer(authorizationId: Hex32, offer: SettlementOffer, reason: string, atMs: number): Promise<void>
  /** Notes what the shop wants for an order of this state (undefined: nothing any more), which is looked at at once; or what it would settle for. */
  wish(
    authorizationId: Hex32,
    state: SellerOrderState,
    wanted: { wish: SellerWish | undefined; settlement?: Settlement },
    reason: string,
    atMs: number,
  ): Promise<void>
  /** The signed bytes of a transaction that leaves the order in its state until the chain tells; a try, counted as a failure. */
  sendAside(
    authorizationId: Hex32,
    state: SellerOrderState,
    tx: SignedTransaction,
    how: { atMs: number; nextAtMs: number },
  ): Promise<void>
  /** Looks again later, or only when something happens (undefined); `failed` counts a failure and keeps the reason. */
  postpone(
    authorizationId: Hex32,
    state: SellerOrderState,
    nextAtMs: number | undefined,
    failed?: string,
  ): Promise<void>
}

/** The merchant agent's port to its warehouse. Each verb may be repeated for the same orders and then does nothing new. */
export type Fulfilment = {
  /**
   * Picks, packs and labels orders of one buyer, at least one, as one parcel, which stays in the house. What is out of stock
   * is left out of it; `parcel` is undefined when that is all.
   */
  dispatch(
    orders: Pick<SellerOrder, 'orderNumber' | 'quote' | 'terms'>[],
  ): Promise<{ parcel: { carrier: string; sscc: string } | undefined; outOfStock: Hex32[] }>
  /** The chain says shipped: the carrier may take the parcel. */
  handOver(order: Pick<SellerOrder, 'orderNumber' | 'packed'>): Promise<void>
  /** The order ended before it shipped: the goods go back to the shelf. */
  putBack(order: Pick<SellerOrder, 'orderNumber' | 'packed'>): Promise<void>
}
