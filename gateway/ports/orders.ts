import type { Gtin, Hex32, HexBytes, OrderId } from '../domain/identifiers.ts'
import type { Authorization, MandateFile, Terms } from '../domain/mandate.ts'
import type { NotificationKind } from '../domain/notification.ts'
import type { NextState, Order, OrderState } from '../domain/order.ts'
import type { Quote, SignedQuote } from '../domain/quote.ts'
import type { Settlement, SettlementOffer } from '../domain/settlement.ts'
import type { AuthorizationItem, SignedTransaction } from './chain.ts'
import type { SellerMessage } from './seller.ts'

export type OrderStep = {
  attempt: number
  fromState: OrderState | undefined
  toState: OrderState
  atMs: number
  reason: string
  amountMinorUnits: bigint | undefined
  txHash: string | undefined
}
export type OrderView = Order & {
  quote: Quote | undefined
  authorizationId: Hex32 | undefined
  evidence: { kind: string; detail: string; atMs: number }[]
  steps: OrderStep[]
}

/** An order that wants something done now, with what is known of its current attempt. */
export type OrderWork = Order & {
  failures: number
  /** When it came into its state, and when the goods were ordered at all, bound how long it is tried. */
  quote: { signed: SignedQuote; quoteHash: Hex32; sellerUrl: string } | undefined
  authorization:
    | {
        authorizationId: Hex32
        terms: Terms
        shipment: Hex32 | undefined
        shippedAtSeconds: number | undefined
        /** Its transaction reverted, or another one took its nonce. */
        hasFailed: boolean
      }
    | undefined
  /** The quote that a person said yes to, if any. */
  consented: Quote | undefined
  /** Empty, or why its slot buys nothing now. */
  suspendedReason: string
  /** Somebody filled the slot after the order was made. */
  isRefilled: boolean
  evidence: string[]
}
/** A mandate that was signed and not revoked; whether the chain knows it is asked before it is used. */
export type UsableMandate = { file: MandateFile; sellerUrl: string; lastNonce: number }

/** Moves of one order; every one is guarded by its from-state and does nothing when the order was moved meanwhile. */
export type OrderStore = {
  /** Orders of these states whose time has come, oldest first. */
  due(nowMs: number, limit: number): Promise<OrderWork[]>
  nextDueAtMs(): Promise<number | undefined>
  /** When the newest authorization was signed that is in no block yet; undefined when none is under way. */
  authorizingSinceMs(): Promise<number | undefined>
  /** Mandates of the device that name this GTIN, granted before signed only, newest first: in a reorg one is signed for a while. */
  mandatesFor(deviceId: string, gtin: Gtin): Promise<UsableMandate[]>
  /** needed or awaiting-consent → quoted, for the attempt that the quote names. */
  saveQuote(
    order: Order,
    quote: { signed: SignedQuote; quoteHash: Hex32; sellerUrl: string },
    atMs: number,
  ): Promise<void>
  /** Stays in its state and is looked at again then; a note is counted and kept, and told to the homeowner if it says so. */
  postpone(
    order: Order,
    nextAtMs: number,
    atMs: number,
    note?: { reason: string; tell?: NotificationKind | undefined },
  ): Promise<void>
  /** Moves on, with the sentence why and what the homeowner is told. */
  move<S extends OrderState>(
    order: Order & { state: S },
    to: NextState<S>,
    atMs: number,
    move: {
      reason: string
      nextAtMs?: number | undefined
      attempt?: number
      tell?: { kind: NotificationKind; text: string }
    },
  ): Promise<void>
  /**
   * The signed transaction, its authorizations and the mandates' nonces, in one commit before anything is sent. Throws
   * `StaleOrderError`, with nothing kept, when one of the orders was moved meanwhile.
   */
  saveAuthorizations(
    tx: SignedTransaction,
    items: {
      order: Order
      authorizationId: Hex32
      terms: Terms
      item: AuthorizationItem
      basket: number
      nextAtMs: number
    }[],
    atMs: number,
  ): Promise<void>
  /** The home's signed confirmation, as a message that is repeated until the seller acknowledges it; looked at again then. */
  saveConfirmation(
    order: OrderWork,
    message: SellerMessage & { kind: 'confirmation' },
    nextAtMs: number,
    atMs: number,
  ): Promise<void>
  /** A transaction about an order that is under way, such as a cancellation. */
  saveTransaction(tx: SignedTransaction, order: Order, nextAtMs: number | undefined, atMs: number): Promise<void>
}

/** Funds in escrow for an order that does not wait for them: it was given up, or is at another attempt. */
export type StrayFunds = {
  order: Order
  terms: Terms
  /** The payment was refused, and anybody could still send it. */
  refused: { file: MandateFile; authorization: Authorization } | undefined
}
export type StrayFundsStore = {
  due(nowMs: number, limit: number): Promise<StrayFunds[]>
  nextDueAtMs(): Promise<number | undefined>
  /** Looked at again then; `undefined`: they are stray no more. */
  postpone(stray: StrayFunds, nextAtMs: number | undefined): Promise<void>
  /** The transaction that gives them back, and what the homeowner is told; a burnt payment is noted only. */
  saveTransaction(
    tx: SignedTransaction,
    stray: StrayFunds,
    note: { text: string; isTold: boolean },
    nextAtMs: number,
    atMs: number,
  ): Promise<void>
}

/** What sellers have offered to settle, as far as the homeowner was told. */
export type SellersOfferStore = {
  /** Orders whose money is held, disputed ones first, then those that are longest in their state. */
  held(what: { isDisputedOnly: boolean; limit: number }): Promise<(OrderWork & { timeZone: string })[]>
  /** Keeps the sentence and tells it, unless that was done before; resolves to whether it was not. */
  tellOnce(order: Order, text: string, atMs: number): Promise<boolean>
}

/** Messages to sellers, oldest first, and what became of them. */
export type SellerMessageStore = {
  due(
    nowMs: number,
    limit: number,
  ): Promise<{ messageId: number; orderId: OrderId; sellerUrl: string; message: SellerMessage; attempts: number }[]>
  nextDueAtMs(): Promise<number | undefined>
  acknowledged(messageId: number, atMs: number): Promise<void>
  /** Tried again then, or given up (`undefined`) and told to the homeowner. */
  failed(messageId: number, nextAtMs: number | undefined, reason: string, atMs: number): Promise<void>
}

/** What a person's actions read and write. */
export type OrderActionStore = {
  find(homeId: string, orderId: string): Promise<OrderWork | undefined>
  views(homeId: string, limit: number): Promise<OrderView[]>
  view(homeId: string, orderId: string): Promise<OrderView | undefined>
  addEvidence(
    order: Order,
    kind: 'owner' | 'carrier' | 'weight',
    detail: string,
    atMs: number,
  ): Promise<'added' | 'known'>
  /** A sentence about the order, beside its steps. */
  note(order: Order, reason: string, atMs: number): Promise<void>
  addConsent(
    order: OrderWork,
    consent: { quoteHash: Hex32; totalShown: bigint; answer: 'yes' | 'no'; who: string; how: string },
    atMs: number,
  ): Promise<void>
}

/** What a person's action came to, as a sentence for that person. */
export type ActionResult = { ok: true; sentence: string } | { ok: false; sentence: string }

export type Refused = { ok: false; sentence: string }

export type SettlementView = {
  ok: true
  terms: Terms
  heldMinorUnits: bigint
  /** What the seller has signed; undefined when nothing that holds now. */
  sellersOffer: SettlementOffer | undefined
  /** Why the seller could not be asked. */
  sellerSays: string | undefined
  /** What the payer is to sign for the split that was wanted. */
  settlement: Settlement | undefined
}
/** `validBefore` absent: as the seller offers, or a week from now. */
export type WantedSplit = { toSeller?: bigint; validBefore?: number | undefined }
/** `by`: the payer's signature, or the gateway's wallet. */
export type SettleRequest = {
  toSeller: bigint
  validBefore?: number | undefined
  who: string
  by: 'gateway-wallet' | HexBytes
}

/** What a person may do to an order. Each verb may be repeated harmlessly; `who` is kept with the answer. */
export type OrderActions = {
  /** Newest first. */
  list(homeId: string, limit: number): Promise<OrderView[]>
  get(homeId: string, orderId: string): Promise<OrderView | undefined>
  received(homeId: string, orderId: string, who: string): Promise<ActionResult>
  /** `signature` of the payer, where its wallet does it; absent: the device's key signs. */
  cancel(homeId: string, orderId: string, who: string, signature?: HexBytes): Promise<ActionResult>
  /** Freezes the money of a shipped order that is not right, or did not come; signed as `cancel`. */
  dispute(homeId: string, orderId: string, who: string, signature?: HexBytes): Promise<ActionResult>
  /** What may be settled; with a wanted split also what the payer is to sign for it. */
  settlement(homeId: string, orderId: string, wanted: WantedSplit): Promise<SettlementView | Refused>
  settle(homeId: string, orderId: string, request: SettleRequest): Promise<ActionResult>
  /** EIP-712 typed data of what the payer's wallet may sign about an order. */
  typedData(
    homeId: string,
    orderId: string,
    word: { kind: 'Cancellation' | 'Dispute' } | { kind: 'Settlement'; settlement: Settlement },
  ): Promise<{ ok: true; typedData: Record<string, unknown> } | Refused>
  /** `seenMinorUnits`: the total that this person saw; a yes to less than is now asked is none. Absent: not told. */
  consent(
    homeId: string,
    orderId: string,
    answer: 'yes' | 'no',
    who: string,
    seenMinorUnits?: bigint,
  ): Promise<ActionResult>
}
