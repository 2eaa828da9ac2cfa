import type { SellerOrderState } from '../domain/seller-order.ts'
import type { HoldState } from '../ports/chain.ts'
import { hadNoEffect, type SellerParts } from './sending.ts'
import { type Advance, move, type Turn, waitForChain } from './turn.ts'

/** From where an order is done again that its row takes for done so far, by what the chain says of it now. */
const AGAIN_FROM: Partial<Record<SellerOrderState, Partial<Record<HoldState, SellerOrderState>>>> = {
  shipped: { authorized: 'packed' },
  confirmed: { authorized: 'packed' },
  paid: { authorized: 'packed', shipped: 'confirmed', captured: 'returning' },
  refunded: { captured: 'returning' },
  declined: { authorized: 'refusing' },
}
const GOODS_LEFT: readonly SellerOrderState[] = ['shipped', 'confirmed', 'capturing', 'paid']

/** A reorg took back what was done. Its sender sends the same bytes again; when those do nothing in the new blocks, it is done anew. */
export async function lookBack(turn: Turn, parts: SellerParts): Promise<Advance> {
  const { order, hold, nowMs } = turn
  const { transaction, terms } = order
  const again = AGAIN_FROM[order.state]?.[hold.state]
  // A refund that is included worked: the verb reverts otherwise.
  const isGivenBack = order.refundAmount === undefined || transaction?.state === 'included'
  if (again === undefined || (again === 'returning' && isGivenBack)) {
    await parts.orders.postpone(terms.authorizationId, order.state, undefined)
    return 'waits'
  }
  const what = `the chain took back what ${transaction?.txHash} did; it is ${transaction?.state} now`
  if (!hadNoEffect(order)) return waitForChain(turn, parts, what)
  await move(turn, parts, order.state as 'paid', again as 'packed', what, nowMs)
  return 'moved'
}

/** The payer has the money back; after a reorg perhaps for goods that have left. */
export async function fundsAreGone(turn: Turn, to: 'cancelled' | 'reclaimed', parts: SellerParts): Promise<Advance> {
  const { order } = turn
  const haveLeft = GOODS_LEFT.includes(order.state)
  const reason = `the funds were ${to} on chain${haveLeft && to === 'cancelled' ? ', although the goods have left: ask the buyer' : ''}`
  if (order.packed !== undefined && to === 'cancelled' && !haveLeft) await parts.fulfilment.putBack(order)
  if (haveLeft) parts.warn(`The order ${order.terms.authorizationId} is not paid: ${reason}.`)
  await move(turn, parts, order.state as 'accepted', to, reason)
  return 'moved'
}
