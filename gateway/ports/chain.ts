import type { Address, Gtin, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Authorization, HouseholdCap, Mandate, MandateFile, MandateOffer, Terms } from '../domain/mandate.ts'
import type { Quote, SignedQuote } from '../domain/quote.ts'
import type { Delivery } from '../domain/seller-order.ts'
import type { Settlement } from '../domain/settlement.ts'

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
  /** The device registry that the escrow asks. */
  registry: Address
  token: { address: Address; symbol: string; decimals: number }
}

/** One order inside a basket, ready for `authorize`. */
export type AuthorizationItem = {
  authorization: Authorization
  file: MandateFile
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

/** A device of the registry on chain. `key` is zero unless it is registered. */
export type RegisteredDevice = {
  state: 'made' | 'sold' | 'registered' | 'transferred' | 'retired'
  key: Address
  epoch: bigint
  owner: Address | undefined
}

/** A message about one order that the payer's wallet may sign. */
export type BuyersWord = { authorizationId: Hex32 } & (
  | { kind: 'Cancellation' | 'Dispute' }
  | { kind: 'Settlement'; settlement: Settlement }
)

/** What the stages ask of the chain. Verbs that send take `save`, which commits the bytes before they are broadcast. */
export type Chain = {
  facts: ChainFacts
  /** The account that sends and pays the gas. */
  relayer: Address
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
  offerLeaf(offer: MandateOffer): Hex32
  /** Root of the tree of a mandate's offers. */
  offersRoot(offers: readonly MandateOffer[]): Hex32
  /** Call data with which the payer's wallet sets the home's shared cap. */
  householdCall(cap: HouseholdCap): HexBytes
  /** undefined: nobody has made a device with this id. */
  registeredDevice(registryId: bigint): Promise<RegisteredDevice | undefined>
  /** Call data with which the owner of a device says which key signs for it. */
  registerCall(registryId: bigint, key: Address): HexBytes
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
  /** Ends an order as both sides have signed. */
  settle(
    terms: Terms,
    settlement: Settlement,
    signatures: { payer: HexBytes; seller: HexBytes },
    save: SaveTransaction,
  ): Promise<SignedTransaction>
  /** EIP-712 typed data as JSON, for a wallet of the homeowner's own. */
  wordTypedData(word: BuyersWord): Record<string, unknown>
  /** The digest that is signed with it. */
  wordDigest(word: BuyersWord): Hex32
}

/** Signs for a device with the key that the gateway keeps for it. */
export type DeviceSigner = {
  authorization(deviceId: string, authorization: Authorization): Promise<HexBytes>
  /** Of orders of one parcel and one mandate, at least one. */
  confirmation(deviceId: string, parcel: { shipment: Hex32; deliveries: Delivery[] }): Promise<HexBytes>
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
  /** A device has a new key, owner or end; mandates of an earlier epoch have ended. */
  | { type: 'device-registered' | 'device-released'; registryId: bigint; epoch: number }
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
  /** Tells every home what concerns the chain as a whole. */
  tellHomes(text: string, atMs: number): Promise<void>
}

export type ChainWatch = {
  /**
   * Logs after the last of `known` (ascending, may be empty) up to the confirmed head, at most 1,000 blocks a call;
   * `reorg` when a known block is no longer on the chain, with the highest known one that still is; `behind` when it may only
   * be that the node does not have it yet.
   */
  after(
    known: WatchedBlock[],
  ): Promise<
    | { kind: 'events'; events: ChainEvent[]; upTo: WatchedBlock | undefined }
    | { kind: 'reorg' | 'behind'; lastGood: WatchedBlock | undefined }
  >
}

/** The homeowner's wallet: the gateway has one of its own only for the embedded chain (DOMAIN.md, Keys). */
export type PayerWallet = {
  address: Address
  sign(mandate: Mandate): Promise<HexBytes>
  signWord(word: BuyersWord): Promise<HexBytes>
  /** Lets the escrow take tokens of this wallet; resolves when the allowance is on chain. */
  allow(): Promise<void>
  /** Sets the home's shared cap; a new one holds at once, a change from its next period on. Resolves when it is on chain. */
  setHousehold(cap: HouseholdCap): Promise<void>
  revoke(mandate: Mandate, save: SaveTransaction): Promise<SignedTransaction>
  /** Says in the registry that this key signs for a device of this wallet's; resolves when that is on chain. */
  registerDevice(registryId: bigint, key: Address): Promise<void>
  /** Makes a device in the registry, sells it to this wallet and registers the key; resolves to its id. */
  makeDevice(key: Address): Promise<bigint>
}
