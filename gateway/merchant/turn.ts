import type { NextSellerState, SellerOrderState } from '../domain/seller-order.ts'
import type { Hold } from '../ports/chain.ts'
import type { SellerOrder } from '../ports/merchant.ts'
import { restMs, type SellerParts } from './sending.ts'

const CHAIN_REST_MS = 5_000
const SHORT_RESTS = 20

/** An order that is due, with what the chain says of it. `nowMs` is the later of our clock and the chain's head. */
export type Turn = { order: SellerOrder; hold: Hold; nowMs: number }

/** What a turn came to; `pack`, `ship` and `capture` are done together with others. */
export type Advance = 'moved' | 'waits' | 'pack' | 'ship' | 'capture'

/** Moves the order along one arrow; it is looked at again at `nextAtMs`, or when something happens. */
export async function move<S extends SellerOrderState>(
  { order }: Turn,
  parts: SellerParts,
  from: S,
  to: NextSellerState<S>,
  reason: string,
  nextAtMs?: number,
): Promise<void> {
  await parts.orders.move(order.terms.authorizationId, from, to, { atMs: parts.clock.nowMs(), nextAtMs, reason })
}

/** Rests, with the reason kept and told: longer each time, up to an hour, or `longestMs`. */
export async function fail(
  { order, nowMs }: Turn,
  parts: SellerParts,
  reason: string,
  longestMs: number = Number.POSITIVE_INFINITY,
): Promise<Advance> {
  parts.warn(`The order ${order.terms.authorizationId} (${order.state}) waits: ${reason}`)
  const nextAtMs = nowMs + Math.min(restMs(order.failures), longestMs)
  await parts.orders.postpone(order.terms.authorizationId, order.state, nextAtMs, reason)
  return 'waits'
}

/** The chain took something back, or cannot be read right: as a rule that is over soon, and no fault of the order's. */
export function waitForChain(turn: Turn, parts: SellerParts, reason: string): Promise<Advance> {
  return fail(turn, parts, reason, turn.order.failures < SHORT_RESTS ? CHAIN_REST_MS : undefined)
}

export async function failAll(turns: Turn[], parts: SellerParts, reason: string): Promise<void> {
  for (const turn of turns) await fail(turn, parts, reason)
}

/** An order that cannot be served any more: the goods go back to the shelf, and the funds to the buyer. */
export async function giveUp(turn: Turn, parts: SellerParts, reason: string): Promise<Advance> {
  if (turn.order.packed !== undefined) await parts.fulfilment.putBack(turn.order)
  await move(turn, parts, turn.order.state as 'accepted', 'refusing', reason, turn.nowMs)
  return 'moved'
}
