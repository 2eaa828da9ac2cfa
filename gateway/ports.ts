/**
 * What the stages ask of the outside: time, storage, the chain, a shop, a way to tell the homeowner. Types only, each small;
 * a stage receives just its own. Every storage method is one whole unit of work: one transaction.
 */
import type { Address, Gtin, Hex32, HexBytes, OrderId } from './domain/identifiers.ts'
import type { Level, SlotDescription } from './domain/level.ts'
import type { Authorization, Mandate, MandateFile, Terms } from './domain/mandate.ts'
import type { Notification, NotificationKind } from './domain/notification.ts'
import type { Mode, Order, OrderState } from './domain/order.ts'
import type { Quote, QuoteRefusal, QuoteRequest, SellerProfile, SignedQuote } from './domain/quote.ts'
import type { NextSellerState, SellerOrderState } from './domain/seller-order.ts'

/** The only source of time. In virtual time it stands still until the simulator moves it. */
export type Clock = { nowMs(): number }

// ── ingest ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One report of a device, parsed; `body` is the JSON as it came. */
export type Report = {
  deviceId: string
  session: string
  seq: number
  kind: 'consumable' | 'telemetry' | 'event'
  measuredAtMs: number | undefined
  body: string
  level?: { slot: string; remaining: number; unit: Level['unit'] }
}

/** What may arrive at the broker and must be on disk before its PUBACK. */
export type Incoming =
  | { kind: 'report'; report: Report }
  | { kind: 'description'; deviceId: string; description: DeviceDescription; body: string }
  | { kind: 'status'; deviceId: string; status: 'online' | 'offline' }
  | { kind: 'dead-letter'; deviceId: string | undefined; topic: string; payload: Uint8Array; reason: string }

export type DeviceDescription = {
  maker: string
  model: string
  firmware?: { version: string; sha256?: string | undefined } | undefined
  slots: SlotDescription[]
}

export type IntakeStore = {
  /**
   * Commits a group in one transaction, in order: readings once per (device, session, seq) with their marks, each slot's
   * latest level, device changes, dead letters. Throws when the storage fails: then nothing of the group is kept.
   * Resolves to the receipts now due: per session touched, the highest seq stored without a gap below it.
   */
  commit(
    group: Incoming[],
    receivedAtMs: number,
  ): Promise<{ receipts: { deviceId: string; session: string; seq: number }[] }>
}

// ── devices ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export type NewDevice = {
  deviceId: string
  homeId: string
  secretSha256: Uint8Array
  keyAddress: Address
  keySealed: Uint8Array
}
export type SlotView = {
  slot: string
  description: SlotDescription | undefined
  mode: Mode
  confirmed: boolean
  /** Empty, or the sentence why this slot buys nothing now. */
  suspendedReason: string
  level: Level | undefined
}
export type DeviceView = {
  deviceId: string
  homeId: string
  status: 'online' | 'offline'
  statusAtMs: number | undefined
  addedAtMs: number
  maker: string | undefined
  model: string | undefined
  keyAddress: Address
  slots: SlotView[]
}
export type ReadingView = {
  readingId: number
  deviceId: string
  session: string
  seq: number
  kind: 'consumable' | 'telemetry' | 'event'
  measuredAtMs: number
  receivedAtMs: number
  mark: Level['mark'] | undefined
  markReason: string | undefined
  body: unknown
}
export type DeadLetterView = {
  deadLetterId: number
  deviceId: string | undefined
  topic: string
  reason: string
  receivedAtMs: number
}

export type DeviceStore = {
  add(device: NewDevice, atMs: number): Promise<'added' | 'exists'>
  /** SHA-256 of the device's secret; undefined for an unknown device. */
  secretOf(deviceId: string): Promise<Uint8Array | undefined>
  sealedKeyOf(deviceId: string): Promise<Uint8Array | undefined>
  list(homeId: string): Promise<DeviceView[]>
  get(homeId: string, deviceId: string): Promise<DeviceView | undefined>
  /** The owner's word: these slots may do what `mode` says; wakes the rules for them. Returns the slots it touched. */
  confirm(homeId: string, deviceId: string, slot: string | undefined, mode: Mode, atMs: number): Promise<string[]>
  readings(homeId: string, deviceId: string, limit: number): Promise<ReadingView[]>
  deadLetters(limit: number): Promise<DeadLetterView[]>
}

// ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** All that a decision looks at; a decision is a pure function of this, the rules and the time. */
export type Situation = {
  homeId: string
  deviceId: string
  slot: string
  description: SlotDescription | undefined
  mode: Mode
  suspendedReason: string
  level: Level | undefined
  readingId: number | undefined
  /** The open order of this slot. */
  openOrder: { orderId: OrderId; state: OrderState } | undefined
  /** Content of packs that arrived since the last refill was seen, in the slot's unit: bought, not yet poured in. */
  onHand: number
  /** The homeowner was told that this slot is low and it has not been refilled since. */
  lowTold: boolean
  /** When an order of this slot was last dropped, cancelled or reclaimed. */
  lastEndedWithoutGoodsAtMs: number | undefined
}
export type Decision = { reasons: string[]; evaluateAgainAtMs?: number } & (
  | { outcome: 'nothing' }
  | { outcome: 'tell-low' }
  | { outcome: 'order'; order: Pick<Order, 'orderId' | 'gtin' | 'quantity' | 'mode'> }
)
export type RulesStore = {
  /**
   * Decides up to `limit` slots that changed since their last decision: reads each situation, asks `decide`, and commits
   * the decisions, their orders and notifications, all in one transaction.
   */
  decideDue(limit: number, atMs: number, decide: (situation: Situation) => Decision): Promise<number>
}

// ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── chain ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A transaction whose bytes are fixed; it is saved before it is sent. */
export type SignedTransaction = { txHash: Hex32; sender: Address; nonce: number; purpose: string; raw: HexBytes }

/** Called with the signed bytes before the network hears of them; must have committed them when it resolves. */
export type SaveTransaction = (tx: SignedTransaction) => Promise<void>

export type TransactionStore = {
  /** One above the highest nonce ever saved for this sender; undefined when none was. */
  nextNonce(sender: Address): Promise<number | undefined>
  save: SaveTransaction
  /** Sent and without a receipt yet, lowest nonce first. */
  open(sender: Address): Promise<(SignedTransaction & { createdAtMs: number })[]>
  /** Saves a replacement with the same nonce and higher fees; the old bytes stay known. */
  replace(old: Hex32, tx: SignedTransaction): Promise<void>
  settle(
    txHash: Hex32,
    receipt: { state: 'included' | 'reverted'; blockNumber: number; blockHash: Hex32 },
  ): Promise<void>
}

export type ChainFacts = {
  chainId: number
  escrow: Address
  token: { address: Address; symbol: string; decimals: number }
}

/** One order inside a basket, ready for `authorize`. */
export type AuthorizationItem = {
  authorization: Authorization
  file: MandateFile
  /** The product and seller of the mandate's trees that this order uses. */
  gtin: Gtin
  signature: HexBytes
}
/** Orders of one payer, atomic on chain. */
export type Basket = AuthorizationItem[]

export type Head = { blockNumber: number; blockHash: Hex32; timestampSeconds: number }
export type MandateStatus = {
  status: 'unknown' | 'granted' | 'revoked'
  /** Authorized in the period that holds `now`, token minor units. */
  spent: bigint
  openOrders: number
  lastNonce: number
}
export type HoldState = 'none' | 'authorized' | 'shipped' | 'captured' | 'cancelled' | 'declined' | 'reclaimed'
export type Hold = { state: HoldState; remaining: bigint; sinceSeconds: number }

/** What the stages ask of the chain. Verbs that send take `save`, which commits the bytes before they are broadcast. */
export type Chain = {
  facts: ChainFacts
  head(): Promise<Head>
  mandateStatus(mandate: Mandate): Promise<MandateStatus>
  /** What the payer has, and what the escrow may take of it. */
  funds(payer: Address): Promise<{ balance: bigint; allowance: bigint }>
  hold(terms: Terms): Promise<Hold>
  /** EIP-712 digest that the device key signs; the authorization's id. */
  authorizationId(authorization: Authorization): Hex32
  mandateHash(mandate: Mandate): Hex32
  /** The terms that later verbs name, as the contract derives them. */
  termsOf(item: Pick<AuthorizationItem, 'authorization' | 'file'>): Terms
  productLeaf(product: MandateFile['products'][number]): Hex32
  /** Roots of the two trees of a mandate. */
  mandateRoots(
    products: MandateFile['products'],
    payees: MandateFile['payees'],
  ): Pick<Mandate, 'productsRoot' | 'payeesRoot'>
  /** EIP-712 typed data of a mandate as JSON, for a wallet of the homeowner's own. */
  mandateTypedData(mandate: Mandate): Record<string, unknown>
  /** keccak256 of the readable text that a person signs with the mandate. */
  readableHash(text: string): Hex32
  quoteHash(quote: Quote): Hex32
  /** Who signed the quote; undefined when the signature is malformed. */
  quoteSigner(signed: SignedQuote): Address | undefined
  grant(mandate: Mandate, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
  authorize(baskets: Basket[], save: SaveTransaction): Promise<SignedTransaction>
  cancel(terms: Terms, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
  reclaim(terms: Terms, save: SaveTransaction): Promise<SignedTransaction>
}

/** Signs for a device with the key that the gateway keeps for it. */
export type DeviceSigner = {
  authorization(deviceId: string, authorization: Authorization): Promise<HexBytes>
  confirmation(
    deviceId: string,
    confirmation: { authorizationId: Hex32; shipment: Hex32; amount: bigint },
  ): Promise<HexBytes>
  cancellation(deviceId: string, authorizationId: Hex32): Promise<HexBytes>
}

/** A log of the escrow, decoded. */
export type ChainEvent = {
  txHash: Hex32
  blockNumber: number
  blockHash: Hex32
  logIndex: number
  atSeconds: number
} & (
  | { type: 'mandate-granted' | 'mandate-revoked'; mandateHash: Hex32 }
  | { type: 'authorized'; authorizationId: Hex32; amount: bigint }
  | { type: 'refused'; basket: number; errorName: string; sentence: string }
  | { type: 'shipped'; authorizationId: Hex32; shipment: Hex32 }
  | { type: 'captured'; authorizationId: Hex32; amount: bigint; refunded: bigint }
  | { type: 'cancelled' | 'declined' | 'reclaimed'; authorizationId: Hex32; amount: bigint }
)

export type WatchedBlock = { blockNumber: number; blockHash: Hex32 }
export type ChainWatch = {
  /**
   * Logs after the last of `known` (ascending, may be empty) up to the confirmed head, at most 1,000 blocks a call;
   * `reorg` when a known block is no longer on the chain, with the highest known one that still is.
   */
  after(
    known: WatchedBlock[],
  ): Promise<
    | { kind: 'events'; events: ChainEvent[]; upTo: WatchedBlock | undefined }
    | { kind: 'reorg'; lastGood: WatchedBlock | undefined }
  >
}

/** The homeowner's wallet: the gateway has one of its own only for the embedded chain (DOMAIN.md, Keys). */
export type PayerWallet = {
  address: Address
  sign(mandate: Mandate): Promise<HexBytes>
  /** Lets the escrow take tokens of this wallet; resolves when the allowance is on chain. */
  allow(save: SaveTransaction): Promise<void>
  revoke(mandate: Mandate, save: SaveTransaction): Promise<SignedTransaction>
}

// ── mandates ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type MandateState = 'signed' | 'granted' | 'revoked'
export type MandateRow = {
  file: MandateFile
  homeId: string
  deviceId: string
  sellerUrl: string
  state: MandateState
  createdAtMs: number
}
export type MandateStore = {
  add(row: Omit<MandateRow, 'state'>, payerSignature: HexBytes): Promise<'added' | 'exists'>
  list(homeId: string): Promise<MandateRow[]>
  get(homeId: string, mandateHash: Hex32): Promise<MandateRow | undefined>
}

// ── seller ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the buyer tells the seller after funds are held, and after the goods arrived. */
export type SellerMessage =
  | { kind: 'order'; signedQuote: SignedQuote; terms: Terms }
  | { kind: 'confirmation'; authorizationId: Hex32; shipment: Hex32; amount: bigint; signature: HexBytes }

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
  tell(
    url: string,
    message: SellerMessage,
  ): Promise<{ kind: 'acknowledged' } | { kind: 'refused'; reason: string } | { kind: 'unreachable'; reason: string }>
}

// ── merchant: the seller's own process ──────────────────────────────────────────────────────────────────────────────

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
  confirmationSigner(confirmation: Omit<Confirmation, 'terms'> & { authorizationId: Hex32 }): Address | undefined
  ship(shipments: { terms: Terms; shipment: Hex32 }[], save: SaveTransaction): Promise<SignedTransaction>
  capture(captures: Confirmation[], save: SaveTransaction): Promise<SignedTransaction>
  decline(terms: Terms, save: SaveTransaction): Promise<SignedTransaction>
}
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

/** What leaves the warehouse for one order. `notice` is the exact text whose hash goes on chain. */
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
  confirmation: { amount: bigint; signature: HexBytes } | undefined
  /** The latest transaction about this order, and what became of it. */
  transaction: { txHash: Hex32; state: string } | undefined
  /** Transactions in a row that failed; such an order travels alone. */
  failures: number
  /** Why it waits or ended without payment; empty otherwise. */
  problem: string
}
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
    nextAtMs: number,
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
  /** accepted → packed. */
  pack(authorizationId: Hex32, packed: PackedShipment, atMs: number): Promise<void>
  /** shipped → confirmed. */
  confirm(authorizationId: Hex32, confirmation: { amount: bigint; signature: HexBytes }, atMs: number): Promise<void>
  /** The signed bytes and the arrow of every order in them, in one transaction. */
  send<S extends SellerOrderState>(
    authorizationIds: Hex32[],
    from: S,
    to: NextSellerState<S>,
    tx: SignedTransaction,
    how: { atMs: number; nextAtMs: number },
  ): Promise<void>
  /** Looks again later; `failed` counts a failure and keeps the reason. */
  postpone(authorizationId: Hex32, state: SellerOrderState, nextAtMs: number, failed?: string): Promise<void>
}

/** The merchant agent's port to its warehouse. Both verbs may be repeated for the same order and then do nothing new. */
export type Fulfilment = {
  /** Picks, packs and labels; the parcel stays in the house. */
  dispatch(
    order: Pick<SellerOrder, 'orderNumber' | 'quote' | 'terms'>,
  ): Promise<{ kind: 'packed'; carrier: string; sscc: string } | { kind: 'out-of-stock' }>
  /** The chain says shipped: the carrier may take the parcel. */
  handOver(order: Pick<SellerOrder, 'orderNumber' | 'packed'>): Promise<void>
  /** The order ended before it shipped: the goods go back to the shelf. */
  putBack(order: Pick<SellerOrder, 'orderNumber' | 'packed'>): Promise<void>
}

// ── notify ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type FeedStore = {
  /** Entries after `afterId`, oldest first. */
  feed(homeId: string, afterId: number, limit: number): Promise<Notification[]>
  /** The newest `limit` entries, oldest first. */
  latest(homeId: string, limit: number): Promise<Notification[]>
}
export type NewNotification = Omit<Notification, 'notificationId' | 'atMs'> & { kind: NotificationKind }
