import type { Address, Gtin, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { HouseholdCap, MandateFile } from '../domain/mandate.ts'
import type { ActionResult } from './orders.ts'

/** `ended`: its device changed hands or key in the registry. */
export type MandateState = 'signed' | 'granted' | 'ended' | 'revoked'
export type MandateRow = {
  file: MandateFile
  homeId: string
  deviceId: string
  sellerUrl: string
  state: MandateState
  /** Why it is not used although it was granted; empty otherwise. */
  fault: string
  createdAtMs: number
}
export type MandateStore = {
  add(row: Omit<MandateRow, 'state' | 'fault'>, payerSignature: HexBytes): Promise<'added' | 'exists'>
  list(homeId: string): Promise<MandateRow[]>
  get(homeId: string, mandateHash: Hex32): Promise<MandateRow | undefined>
  /** Signed, and not yet seen granted on chain; oldest first. */
  ungranted(limit: number): Promise<{ file: MandateFile; payerSignature: HexBytes }[]>
}
/** Which device of the registry on chain a device of a home is. */
export type RegistrationStore = {
  of(homeId: string, deviceId: string): Promise<bigint | undefined>
  set(deviceId: string, registryId: bigint): Promise<void>
}

/** For the look at what is stored, at the start of the gateway. */
export type MandateCheckStore = {
  /** Signed or granted, oldest first; a file that cannot be read is undefined. */
  inUse(): Promise<{ mandateHash: Hex32; deviceId: string; file: MandateFile | undefined; fault: string }[]>
  /** A mandate with a fault is not used; an empty one lets it be used again. Told to its home. */
  judge(mandateHash: Hex32, fault: string, atMs: number): Promise<void>
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
  /** Ties a device to one of the registry; without an id, to a new one of the gateway's wallet. */
  register(homeId: string, deviceId: string, registryId: bigint | undefined): Promise<ActionResult>
  /** Sends the grants again that a stop of the gateway may have kept from the chain; for its start. */
  resume(): Promise<void>
}
