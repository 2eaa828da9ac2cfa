import type { NextSellerState, SellerOrderState } from '../domain/seller-order.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { SaveTransaction, SignedTransaction } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Fulfilment, SellerChain, SellerOrder, SellerOrderStore } from '../ports/merchant.ts'

/** After a failure an order rests, doubling from 1 s to 1 h. */
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 3_600_000
const LOOKS_AT_INCLUDED = 5

export type SellerParts = {
  clock: Clock
  chain: SellerChain
  orders: SellerOrderStore
  fulfilment: Fulfilment
  /** Hears, as a sentence, of what failed and is tried again. */
  warn(sentence: string): void
  /** A transaction was sent: its receipt may be asked for. Speed only. */
  onSent(): void
}
/** Orders without trouble travel together; one that failed before travels alone, so that it harms no other. */
export function batches(orders: SellerOrder[]): SellerOrder[][] {
  const together = orders.filter((order) => order.failures === 0)
  const alone = orders.filter((order) => order.failures > 0).map((order) => [order])
  return together.length > 0 ? [together, ...alone] : alone
}

export function sendShip(batch: SellerOrder[], nowMs: number, parts: SellerParts): Promise<boolean> {
  const shipments = batch.map(({ terms, packed }) => ({ terms, shipment: packed!.shipment }))
  return send(batch, 'packed', 'shipping', nowMs, parts, (save) => parts.chain.ship(shipments, save))
}

/** A parcel's confirmation takes in all of its orders, whether they are in this batch or not: the chain skips what has ended. */
export function sendCapture(batch: SellerOrder[], nowMs: number, parts: SellerParts): Promise<boolean> {
  const claims = new Map(batch.map((order) => [order.terms.mandateHash + order.confirmation!.signature, order]))
  const captures = [...claims.values()].flatMap(({ terms, packed, confirmation }) =>
    confirmation!.deliveries.map(({ authorizationId, amount }) => ({
      terms: { ...terms, authorizationId },
      shipment: packed!.shipment,
      amount,
      signature: confirmation!.signature,
    })),
  )
  return send(batch, 'confirmed', 'capturing', nowMs, parts, (save) => parts.chain.capture(captures, save))
}

/** Signs, saves with the arrows of all its orders, and sends. False when nothing was saved: then each rests and later goes alone. */
export async function send<S extends 'packed' | 'confirmed' | 'refusing' | 'returning'>(
  batch: SellerOrder[],
  from: S,
  to: NextSellerState<S>,
  nowMs: number,
  parts: SellerParts,
  verb: (save: SaveTransaction) => Promise<SignedTransaction>,
): Promise<boolean> {
  const ids = batch.map(({ terms }) => terms.authorizationId)
  let saved = false
  try {
    await verb(async (tx) => {
      await parts.orders.send(ids, from, to, tx, { atMs: parts.clock.nowMs(), nextAtMs: nowMs })
      saved = true
    })
    parts.onSent()
  } catch (error) {
    parts.warn(`Sending ${to} for ${ids.length} orders failed: ${sentenceOf(error)}`)
    if (saved) return true
    for (const { terms, failures } of batch) {
      await parts.orders.postpone(terms.authorizationId, from, nowMs + restMs(failures), sentenceOf(error))
    }
  }
  return saved
}

/** Signs, saves and sends what leaves the order in its state until the chain tells; throws when nothing was saved. */
export async function sendAside(
  { terms, state }: SellerOrder,
  nowMs: number,
  parts: SellerParts,
  verb: (save: SaveTransaction) => Promise<SignedTransaction>,
): Promise<void> {
  let saved = false
  try {
    await verb(async (tx) => {
      await parts.orders.sendAside(terms.authorizationId, state, tx, { atMs: parts.clock.nowMs(), nextAtMs: nowMs })
      saved = true
    })
    parts.onSent()
  } catch (error) {
    if (!saved) throw error
    parts.warn(`Sending a transaction about the order ${terms.authorizationId} failed: ${sentenceOf(error)}`)
  }
}

export function restMs(failures: number): number {
  return backoffMs(failures, FIRST_REST_MS, LONGEST_REST_MS)
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** While its transaction has no receipt, what the chain says of an order may be a promise only: it waits. */
export function isUnderWay({ state, wish, transaction }: SellerOrder): boolean {
  return (isSending(state) || wish !== undefined) && transaction?.state === 'sent'
}

/**
 * Whether its transaction failed for good. One that is included and yet did nothing was passed over by the contract, or its
 * sender has yet to see that a reorg took the block: only after some looks, some 30 s, it counts as the former.
 */
export function hadNoEffect({ transaction, failures }: SellerOrder): boolean {
  const { state } = transaction ?? {}
  return state === 'reverted' || state === 'lost' || (state === 'included' && failures >= LOOKS_AT_INCLUDED)
}

/** A signed transaction is to take the order out of this state. */
export function isSending(state: SellerOrderState): boolean {
  return state === 'shipping' || state === 'capturing' || state === 'declining' || state === 'refunding'
}
