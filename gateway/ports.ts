/**
 * What the stages ask of the outside: time, storage, the chain, a shop, a way to tell the homeowner. Types only, each small;
 * a stage receives just its own. Every storage method is one whole unit of work: one transaction.
 */
import type { Forecast } from './domain/forecast.ts'
import type { Usage } from './domain/forecast-model.ts'
import type { Address, Gtin, Hex32, HexBytes, OrderId } from './domain/identifiers.ts'
import type { Level, SlotDescription } from './domain/level.ts'
import type { Authorization, HouseholdCap, Mandate, MandateFile, Terms } from './domain/mandate.ts'
import type { LeadTime } from './domain/need.ts'
import type { Notification, NotificationKind } from './domain/notification.ts'
import type { Mode, NextState, Order, OrderState } from './domain/order.ts'
import type { Quote, QuoteRefusal, QuoteRequest, SellerProfile, SignedQuote } from './domain/quote.ts'
import type { NextSellerState, SellerOrderState } from './domain/seller-order.ts'
import type { SlotEvent, SlotState } from './domain/slot-state.ts'

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
  /** `unverified`: why its sender itself does not trust it. */
  level?: { slot: string; remaining: number; unit: Level['unit']; unverified?: string | undefined }
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
  /** While it is less than half full: what the rules last decided, and why. */
  lastDecision: string | undefined
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
  /** The device gave no usable time: `measuredAtMs` is when the gateway received it. */
  gatewayTime: boolean
  receivedAtMs: number
  mark: Level['mark'] | undefined
  markReason: string | undefined
  body: unknown
}
export type DeadLetterView = {
  deadLetterId: number
  deviceId: string | undefined
  topic: string
  /** The beginning of the payload as text of at most 2,000 characters, control characters escaped. */
  payloadText: string
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

/** Makes the key that signs for a new device; outside it only the address and the sealed form are seen. */
export type DeviceKeyMaker = { make(deviceId: string): { keyAddress: Address; keySealed: Uint8Array } }

// ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A product that a granted mandate names, as far as a decision needs it. */
export type BuyableProduct = {
  gtin: Gtin
  /** Of one pack in the slot's unit; a pack that is measured otherwise counts as one filling. */
  packContent: number
  /** What the mandate's cap per order pays for at its highest price. */
  maxPacks: number
  coolingOffDays: number
  /** As past orders from its seller tell, without the cooling off. */
  leadTime: LeadTime
}
/** All that a decision looks at; a decision is a pure function of this, the rules and the time. */
export type Situation = {
  homeId: string
  /** Of the home, an IANA name. */
  timeZone: string
  deviceId: string
  slot: string
  description: SlotDescription | undefined
  mode: Mode
  suspendedReason: string
  /** The newest level that the rules have read, and what the readings up to it tell of the use. */
  level: Level | undefined
  usage: Usage | undefined
  /** What the device reported since the last decision. */
  events: SlotEvent[]
  /** The open order of this slot. */
  openOrder: { orderId: OrderId; state: OrderState } | undefined
  /** In the slot's unit: delivered or entered by the owner and not yet poured in; and bought, not yet delivered. */
  onHand: number
  inFlight: number
  /** In the order of the device's own list, those that a granted mandate names. */
  products: BuyableProduct[]
  /** The homeowner was told that this slot is low and it has not been refilled since. */
  lowTold: boolean
  /** The homeowner was told that the sensor is silent or stuck, and it has not come back since. */
  blindTold: boolean
  /** When an order of this slot was last dropped, cancelled or reclaimed; and when one was last made. */
  lastEndedWithoutGoodsAtMs: number | undefined
  lastOrderAtMs: number | undefined
  /** Rules that have acted and whose conditions have held since, by name. */
  actedAtMs: Record<string, number>
}
/** What an order must not exceed without a person's yes, from the rule that made it; amounts as text in the home's token. */
export type OrderLimits = {
  rule: string
  priceAtMost: string | undefined
  budget: { name: string; leaves: string } | undefined
}
export type RuleAct =
  | { kind: 'tell'; as: NotificationKind; text: string }
  | { kind: 'command'; name: string; arguments: Record<string, unknown> }
/** What became of a slot. Decisions that do nothing for the same `why` in a row are kept as one. */
export type Decision = {
  why: DecisionWhy
  reasons: string[]
  acts: RuleAct[]
  actedAtMs: Record<string, number>
  /** How the level is known; undefined when it is not. */
  trust: Forecast['trust'] | undefined
  blindTold: boolean
  /** Events that wait for the end of the quiet hours. */
  heldEvents: SlotEvent[]
  evaluateAgainAtMs: number | undefined
} & (
  | { outcome: 'nothing' | 'tell-low' }
  | {
      outcome: 'order'
      order: Pick<Order, 'orderId' | 'gtin' | 'quantity' | 'mode'> & { limits: OrderLimits }
    }
)
export type DecisionWhy =
  | 'unknown'
  | 'doubtful'
  | 'enough'
  | 'on-its-way'
  | 'suspended'
  | 'notify'
  | 'quiet'
  | 'blind'
  | 'resting'
  | 'no-mandate'
  | 'needed'

/** A text of rules that was in force; decisions name its version. */
export type RulesVersion = {
  version: number
  text: string
  source: 'built-in' | 'file'
  /** Of the gateway that read it. */
  program: string
  acceptedAtMs: number
}
export type RulesVersionStore = {
  latest(): Promise<RulesVersion | undefined>
  /** In force from now on: every slot is decided anew, and the homeowner is told the sentence. */
  accept(rules: Omit<RulesVersion, 'version'>, homeId: string, sentence: string | undefined): Promise<RulesVersion>
  /** Something that the homeowner must mend, as an entry of the feed. */
  refuse(homeId: string, sentence: string, atMs: number): Promise<void>
}

export type RulesStore = {
  /**
   * Reads on from the cursor over readings (at most 500), then decides up to `limit` slots that changed since their last
   * decision: reads each situation, asks `decide`, and commits state, decisions, orders, notifications, commands and cursor
   * in one transaction. `worked` until nothing is left to do; also tells when a slot falls due by itself.
   */
  step(
    limit: number,
    atMs: number,
    rulesVersion: number,
    decide: (situation: Situation) => Decision,
  ): Promise<{ worked: boolean; decided: number; nextDueAtMs: number | undefined }>
}

/** A slot after one more of its readings. */
export type SlotStep = { deviceId: string; slot: string; readingId: number; receivedAtMs: number; state: SlotState }
/** A decision as it was kept; `inputs` and `decision` went through JSON. */
export type KeptDecision = {
  decisionId: number
  deviceId: string
  slot: string
  atMs: number
  /** All readings up to this one were known. */
  readUntil: number
  rulesVersion: number
  inputs: Situation
  decision: Decision
}
/** What is on record, to decide it again; everything in the order in which it was stored. */
export type HistoryStore = {
  /** Every slot of the home as the rules see it now, or the one that is named. */
  situations(homeId: string, atMs: number, only?: { deviceId: string; slot: string }): Promise<Situation[]>
  /** The states of all slots, reading by reading from the first on, in pages; `ofReadings` is how many readings there are. */
  states(): AsyncIterable<{ readUntil: number; ofReadings: number; steps: SlotStep[] }>
  /** Kept decisions after this one whose readings go up to `readUntil`. */
  decisions(after: { readUntil: number; decisionId: number }, readUntil: number, limit: number): Promise<KeptDecision[]>
  rules(version: number): Promise<RulesVersion | undefined>
  lastDecision(
    deviceId: string,
    slot: string,
  ): Promise<(KeptDecision & { firstAtMs: number; times: number }) | undefined>
  ordersSince(homeId: string, sinceMs: number): Promise<Order[]>
}

/** What a person asks about the rules; the objects are answers for the wire. */
export type RulesDesk = {
  inForce(): Promise<{ version: number; source: string; problem: string | undefined; text: string }>
  explain(homeId: string, deviceId: string, slot: string): Promise<object | undefined>
  /** What these rules would have done, with progress; or the mistakes in them. */
  tryOut(
    homeId: string,
    text: string,
    sinceMs: number,
  ): AsyncIterable<object> | { mistakes: { line: number; sentence: string }[] }
  /** Every kept decision made again, with progress. */
  replay(): AsyncIterable<object>
  /** The owner's word on the stock beside a slot, as a sentence of what is noted. */
  setStock(homeId: string, deviceId: string, slot: string, amount: number): Promise<ActionResult>
}

/** What limits on spending look at. */
export type SpendingStore = {
  limitsOf(orderId: OrderId): Promise<OrderLimits | undefined>
  /** Totals of orders of this home that were quoted since then and have not ended without goods, except this order. */
  spentSince(order: Order, sinceMs: number): Promise<{ deviceId: string; slot: string; totalMinorUnits: bigint }[]>
}
/** The rules' say on a price; consulted before anything is authorized without a person's yes. */
export type SpendingLimits = {
  /** Why this price needs a person's yes; undefined when it does not. */
  exceeded(order: Order, quote: Quote, nowMs: number): Promise<string | undefined>
}

/** The owner's word on the stock beside a slot. */
export type StockStore = {
  /** `undefined`: there is no such slot. Amount in its unit. */
  set(
    homeId: string,
    deviceId: string,
    slot: string,
    amount: number,
    atMs: number,
  ): Promise<{ unit: string } | undefined>
}

/** A command that is told to its device until it answers. */
export type DeviceCommand = {
  commandId: number
  deviceId: string
  name: string
  arguments: Record<string, unknown>
  attempts: number
}
export type CommandStore = {
  due(nowMs: number, limit: number): Promise<DeviceCommand[]>
  nextDueAtMs(): Promise<number | undefined>
  /** Told again then; given up (`undefined`), which the homeowner is told. */
  told(command: DeviceCommand, nextAtMs: number | undefined, atMs: number): Promise<void>
  /** The device's answer; a late or repeated one changes nothing. */
  answered(deviceId: string, commandId: number, error: string | undefined, atMs: number): Promise<void>
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

/** An order that wants something done now, with what is known of its current attempt. */
export type OrderWork = Order & {
  failures: number
  /** When it came into its state, and when the goods were ordered at all, bound how long it is tried. */
  quote: { signed: SignedQuote; quoteHash: Hex32; sellerUrl: string } | undefined
  authorization:
    | { authorizationId: Hex32; terms: Terms; shipment: Hex32 | undefined; shippedAtSeconds: number | undefined }
    | undefined
  /** The quote that a person said yes to, if any. */
  consented: Quote | undefined
  /** Empty, or why its slot buys nothing now. */
  suspendedReason: string
  /** Somebody filled the slot after the order was made. */
  isRefilled: boolean
  evidence: string[]
}
/** A mandate that the chain knows as granted, ready to be used for one product. */
export type UsableMandate = { file: MandateFile; sellerUrl: string; lastNonce: number }

/** Moves of one order; every one is guarded by its from-state and does nothing when the order was moved meanwhile. */
export type OrderStore = {
  /** Orders of these states whose time has come, oldest first. */
  due(nowMs: number, limit: number): Promise<OrderWork[]>
  nextDueAtMs(): Promise<number | undefined>
  /** Granted mandates of the device that name this GTIN, newest first. */
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
  addConsent(
    order: OrderWork,
    consent: { quoteHash: Hex32; totalShown: bigint; answer: 'yes' | 'no'; who: string; how: string },
    atMs: number,
  ): Promise<void>
}

/** What a person's action came to, as a sentence for that person. */
export type ActionResult = { ok: true; sentence: string } | { ok: false; sentence: string }

/** What a person may do to an order. Each verb may be repeated harmlessly; `who` is kept with the answer. */
export type OrderActions = {
  /** Newest first. */
  list(homeId: string, limit: number): Promise<OrderView[]>
  get(homeId: string, orderId: string): Promise<OrderView | undefined>
  received(homeId: string, orderId: string, who: string): Promise<ActionResult>
  cancel(homeId: string, orderId: string, who: string): Promise<ActionResult>
  /** Freezes the money of a shipped order that is not right, or did not come. */
  dispute(homeId: string, orderId: string, who: string): Promise<ActionResult>
  /** `seenMinorUnits`: the total that this person saw; a yes to less than is now asked is none. Absent: not told. */
  consent(
    homeId: string,
    orderId: string,
    answer: 'yes' | 'no',
    who: string,
    seenMinorUnits?: bigint,
  ): Promise<ActionResult>
}

// ── chain ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A transaction whose bytes are fixed; it is saved before it is sent. */
export type SignedTransaction = { txHash: Hex32; sender: Address; nonce: number; purpose: string; raw: HexBytes }

/** Called with the signed bytes before the network hears of them; must have committed them when it resolves. */
export type SaveTransaction = (tx: SignedTransaction) => Promise<void>

/** A transaction whose receipt is awaited; `replaced` are the hashes of earlier bytes with the same nonce. */
export type OpenTransaction = SignedTransaction & { createdAtMs: number; replaced: Hex32[] }

/** Transactions of one sender that share a nonce are one intent: at most one of them is ever included. */
export type TransactionStore = {
  /** One above the highest nonce ever saved for this sender; undefined when none was. */
  nextNonce(sender: Address): Promise<number | undefined>
  save: SaveTransaction
  /** Sent and without a receipt yet, lowest nonce first. */
  open(sender: Address, limit: number): Promise<OpenTransaction[]>
  /** Saves a replacement with the same nonce and higher fees; the old bytes stay known. */
  replace(old: Hex32, tx: SignedTransaction): Promise<void>
  /** What became of it; others with its nonce are `replaced`. */
  settle(
    txHash: Hex32,
    receipt: { state: 'included' | 'reverted'; blockNumber: number; blockHash: Hex32 },
  ): Promise<void>
  /** Another transaction than ours took the nonce: this one can never be included. */
  lose(txHash: Hex32): Promise<void>
  /** The chain forgot what it included from this nonce on (a reorg, a node restored from an older state): sent again. */
  reopen(sender: Address, fromNonce: number): Promise<number>
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
  /** The cap that it shares; undefined when it shares none, or the payer has set none. */
  household: (HouseholdCap & { spent: bigint }) | undefined
}
export type HoldState =
  | 'none'
  | 'authorized'
  | 'shipped'
  | 'captured'
  | 'cancelled'
  | 'declined'
  | 'reclaimed'
  | 'disputed'
  | 'settled'
  | 'decided'
/** An order as the escrow records it; `amount` is held there, or with the seller once it is captured, settled or decided. */
export type Hold = {
  state: HoldState
  amount: bigint
  sinceSeconds: number
  shipBySeconds: number
  coolingOffSeconds: number
}

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
  /** Call data with which the payer's wallet sets the home's shared cap. */
  householdCall(cap: HouseholdCap): HexBytes
  /** EIP-712 typed data of a mandate as JSON, for a wallet of the homeowner's own. */
  mandateTypedData(mandate: Mandate): Record<string, unknown>
  /** keccak256 of the readable text that a person signs with the mandate. */
  readableHash(text: string): Hex32
  quoteHash(quote: Quote): Hex32
  /** Who signed the quote; undefined when the signature is malformed. */
  quoteSigner(signed: SignedQuote): Address | undefined
  /** Whether this account signed the digest, by its key or, when it is a contract, by its own word (ERC-1271). */
  isSignedBy(account: Address, digest: Hex32, signature: HexBytes): Promise<boolean>
  grant(mandate: Mandate, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
  authorize(baskets: Basket[], save: SaveTransaction): Promise<SignedTransaction>
  cancel(terms: Terms, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
  /** No authorization of the mandate with a nonce up to this one can be placed any more. */
  invalidate(mandate: Mandate, nonce: number, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
  reclaim(terms: Terms, save: SaveTransaction): Promise<SignedTransaction>
  dispute(terms: Terms, signature: HexBytes, save: SaveTransaction): Promise<SignedTransaction>
}

/** Signs for a device with the key that the gateway keeps for it. */
export type DeviceSigner = {
  authorization(deviceId: string, authorization: Authorization): Promise<HexBytes>
  confirmation(
    deviceId: string,
    confirmation: { authorizationId: Hex32; shipment: Hex32; amount: bigint },
  ): Promise<HexBytes>
  cancellation(deviceId: string, authorizationId: Hex32): Promise<HexBytes>
  dispute(deviceId: string, authorizationId: Hex32): Promise<HexBytes>
  invalidation(deviceId: string, mandateHash: Hex32, nonce: number): Promise<HexBytes>
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
  /** `amount` is the seller's; the rest of what was held came back. */
  | { type: 'captured'; authorizationId: Hex32; amount: bigint }
  | { type: 'cancelled' | 'declined' | 'reclaimed'; authorizationId: Hex32; amount: bigint }
  /** The seller gave this back of what it had captured. */
  | { type: 'refunded'; authorizationId: Hex32; amount: bigint }
  /** `by` is who sent it: the payer, the device, the seller, or whoever carried the buyer's signature. */
  | { type: 'disputed'; authorizationId: Hex32; by: Address }
  | { type: 'settled' | 'decided'; authorizationId: Hex32; toSeller: bigint; toPayer: bigint }
)

export type WatchedBlock = { blockNumber: number; blockHash: Hex32 }
/** The watcher's place and what it learned, committed together. */
export type WatchStore = {
  /** The last blocks seen, ascending. */
  known(): Promise<WatchedBlock[]>
  /** Applies events in order, each guarded by its order's state, and moves the cursor: one transaction. */
  apply(events: ChainEvent[], upTo: WatchedBlock, atMs: number): Promise<void>
  /** Takes back what was learned above the last good block, and sends its transactions again. */
  rewind(lastGood: WatchedBlock | undefined, atMs: number): Promise<void>
}

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
  allow(): Promise<void>
  /** Sets the home's shared cap; a new one holds at once, a change from its next period on. Resolves when it is on chain. */
  setHousehold(cap: HouseholdCap): Promise<void>
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
  /** Signed, and not yet seen granted on chain; oldest first. */
  ungranted(limit: number): Promise<{ file: MandateFile; payerSignature: HexBytes }[]>
}

/** What the homeowner wants to let a device spend; amounts are token minor units. */
export type MandateRequest = {
  homeId: string
  deviceId: string
  sellerUrl: string
  /** Absent: every product of the device's slots that the seller has. */
  gtins?: Gtin[] | undefined
  /** Absent: the gateway's own wallet. */
  payer?: Address | undefined
  /** A cap that this device shares with others of the payer; absent: it has only its own. */
  household?: HouseholdCap | undefined
  /** Splits the money of a disputed order; absent: nobody does, and it comes back after 30 days. */
  arbiter?: Address | undefined
  allowance: bigint
  periodSeconds: number
  maxPerOrder: bigint
  /** Absent: one for each slot of the device. */
  maxOpenOrders?: number | undefined
  coolingOffSeconds: number
  /** Term of the mandate, counted from now. */
  days: number
  /** Per pack, for every product; absent: the seller's list price and a tenth. */
  maxUnitPrice?: bigint | undefined
}
/** A mandate that nobody has signed yet. */
export type MandateDraft = {
  deviceId: string
  sellerUrl: string
  file: MandateFile
  household?: HouseholdCap | undefined
}
export type MandateVerbs = {
  draft(request: MandateRequest): Promise<{ ok: true; draft: MandateDraft } | { ok: false; sentence: string }>
  /** EIP-712 typed data of a draft, as JSON for a wallet of the homeowner's own. */
  typedData(draft: MandateDraft): Record<string, unknown>
  /** Keeps the draft with its payer's signature and sends the grant; `by` is that signature, or the gateway's wallet. */
  sign(
    homeId: string,
    draft: MandateDraft,
    by: 'gateway-wallet' | HexBytes,
  ): Promise<{ ok: true; sentence: string; txHash: Hex32 | undefined } | { ok: false; sentence: string }>
  revoke(homeId: string, mandateHash: Hex32): Promise<ActionResult>
  /** Sends the grants again that a stop of the gateway may have kept from the chain; for its start. */
  resume(): Promise<void>
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
  /** Gives back a part or all of what was captured; lets the escrow take so much of the shop's tokens first. */
  refund(terms: Terms, amount: bigint, save: SaveTransaction): Promise<SignedTransaction>
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
  /** What the shop wants to give back, until it is on chain. */
  refundAmount: bigint | undefined
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
  /** accepted → packed. */
  pack(authorizationId: Hex32, packed: PackedShipment, atMs: number): Promise<void>
  /** shipped → confirmed; nothing happens when a confirmation is kept already. */
  confirm(authorizationId: Hex32, confirmation: { amount: bigint; signature: HexBytes }, atMs: number): Promise<void>
  /** paid → returning. */
  wantRefund(authorizationId: Hex32, amount: bigint, atMs: number): Promise<void>
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
/** Deliveries beyond the feed. */
export type DeliveryStore = {
  /** Oldest first; `only` of that kind. */
  due(
    nowMs: number,
    limit: number,
    only?: NotificationKind,
  ): Promise<{ notification: Notification; attempts: number }[]>
  nextDueAtMs(): Promise<number | undefined>
  delivered(notificationId: number, atMs: number): Promise<void>
  failed(notificationId: number, nextAtMs: number | undefined): Promise<void>
  /** Orders whose device has not been told their present state. */
  untoldOrders(limit: number): Promise<Order[]>
  deviceTold(orderId: OrderId, state: OrderState): Promise<void>
}
/** Tells somebody outside; throws when it could not. */
export type Notifier = { deliver(notification: Notification): Promise<void> }
export type NewNotification = Omit<Notification, 'notificationId' | 'atMs'> & { kind: NotificationKind }
