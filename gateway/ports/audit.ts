import type { Hex32 } from '../domain/identifiers.ts'
import type { MandateFile, Terms } from '../domain/mandate.ts'
import type { OrderState } from '../domain/order.ts'

/** What the database says of a payment that the chain records too. */
export type AuditedAuthorization = {
  authorizationId: Hex32
  orderId: string
  deviceId: string
  slot: string
  /** It is that of the order's present attempt. */
  isCurrent: boolean
  orderState: OrderState
  /** sent, refused, held, or the state on chain that it was last heard of. */
  state: string
  terms: Terms
  /** What the seller has of it, as its logs told; undefined when none did. */
  withSeller: bigint | undefined
}
export type AuditedMandate = {
  mandateHash: Hex32
  deviceId: string
  state: 'signed' | 'granted' | 'ended' | 'revoked'
  file: MandateFile
  /** Highest that was ever signed. */
  lastNonce: number
  /** Payments under it that are held, shipped or disputed. */
  openOrders: number
}

/** Rows that must agree with the chain. */
export type AuditStore = {
  /** All authorizations of the home, oldest first. */
  authorizations(homeId: string): Promise<Hex32[]>
  authorization(authorizationId: Hex32): Promise<AuditedAuthorization>
  mandates(homeId: string): Promise<Hex32[]>
  mandate(mandateHash: Hex32): Promise<AuditedMandate>
  /** Orders for which money is said to be held, without the authorization that would hold it. */
  ordersWithoutHold(homeId: string): Promise<{ orderId: string; deviceId: string; slot: string; state: OrderState }[]>
  /** Up to this block the chain was read; undefined: not yet. */
  readUntilBlock(): Promise<number | undefined>
}
