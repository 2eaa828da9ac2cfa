import type { NextSellerState } from '../domain/seller-order.ts'
import { JOIN_NEXT_MS, REFUND_MS, UNDER_WAY_POLL_MS } from '../domain/timers.ts'
import type { StepResult, Worker } from '../lib/scheduler.ts'
import type { SellerOrder } from '../ports/merchant.ts'
import { pack, parcelsOf } from './packing.ts'
import {
  batches,
  hadNoEffect,
  isSending,
  isUnderWay,
  type SellerParts,
  send,
  sendCapture,
  sendShip,
  sentenceOf,
} from './sending.ts'
import { fundsAreGone, lookBack } from './taken-back.ts'
import { chainNowSeconds } from './time.ts'
import { type Advance, fail, failAll, giveUp, move, type Turn, waitForChain } from './turn.ts'
import { grantWish } from './wishes.ts'

/** Orders of one transaction: beyond 50 the cost per order hardly falls, and a revert wastes more (CONTRACTS.md). */
const BATCH = 50
/** What the buyer, the arbiter or time does to a shipped order comes without a message: its hold is looked at daily. */
const DAILY_MS = 24 * 3_600_000

/**
 * Brings every order to its end: packs when cooling off is over, what a home gets together as one parcel; ships and captures
 * in batches; declines what cannot be served. A row is always committed before the world hears of it: the parcel's label
 * before `ship` is signed, the signed bytes before they are broadcast, and the goods leave only when the chain says shipped.
 * Each step begins by asking the chain for the hold, so a step that was killed is simply done again.
 */
export function sellerWorker(parts: SellerParts): Worker {
  return { name: 'seller-orders', step: () => step(parts) }
}

async function step(parts: SellerParts): Promise<StepResult> {
  const { chain, clock, orders } = parts
  if ((await orders.nextDueAtMs()) === undefined) return { worked: false }
  const nowMs = Math.max(clock.nowMs(), (await chainNowSeconds(chain, clock)) * 1000)
  const due = await orders.due(nowMs, BATCH)
  const holds = await Promise.all(due.map((order) => (isUnderWay(order) ? undefined : chain.hold(order.terms))))

  let worked = false
  const toPack: Turn[] = []
  const toShip: SellerOrder[] = []
  const toCapture: SellerOrder[] = []
  for (const [index, order] of due.entries()) {
    const hold = holds[index]
    if (hold === undefined) {
      await orders.postpone(order.terms.authorizationId, order.state, nowMs + UNDER_WAY_POLL_MS)
      continue
    }
    const turn = { order, hold, nowMs }
    const ready = await advance(turn, parts).catch((error: unknown) => fail(turn, parts, sentenceOf(error)))
    if (ready === 'pack') toPack.push(turn)
    else if (ready === 'ship') toShip.push(order)
    else if (ready === 'capture') toCapture.push(order)
    else if (ready === 'moved') worked = true
  }
  for (const parcel of parcelsOf(toPack)) {
    await pack(parcel, parts).catch((error: unknown) => failAll(parcel, parts, sentenceOf(error)))
    worked = true
  }
  for (const batch of await ready(toShip, 'shipping')) if (await sendShip(batch, nowMs, parts)) worked = true
  for (const batch of await ready(toCapture, 'capturing')) if (await sendCapture(batch, nowMs, parts)) worked = true
  return { worked, nextDueAtMs: await orders.nextDueAtMs() }

  /** What goes to the chain now: nothing while an earlier transaction of its kind is under way, so that more can join. */
  async function ready(together: SellerOrder[], state: 'shipping' | 'capturing'): Promise<SellerOrder[][]> {
    if (together.length === 0) return []
    const sentAtMs = await orders.underWaySinceMs(state)
    if (sentAtMs === undefined || clock.nowMs() - sentAtMs >= JOIN_NEXT_MS) return batches(together)
    for (const { terms, state } of together) {
      await orders.postpone(terms.authorizationId, state, nowMs + UNDER_WAY_POLL_MS)
    }
    return []
  }
}

/** One order's turn: what its own state and the chain's say about it. */
async function advance(turn: Turn, parts: SellerParts): Promise<Advance> {
  const { order, hold } = turn
  if (hold.state === 'cancelled' || hold.state === 'reclaimed') return fundsAreGone(turn, hold.state, parts)
  if (hold.state === 'settled' || hold.state === 'decided') {
    const share = `${hold.amount} of ${order.terms.amount} minor units are ours`
    await move(turn, parts, order.state as 'disputed', hold.state, `the dispute was ${hold.state}: ${share}`)
    return 'moved'
  }
  if (hold.state === 'disputed' && order.state !== 'disputed') {
    const reason = 'the order is disputed; its money is frozen'
    const nextAtMs = order.wish === undefined ? turn.nowMs + DAILY_MS : turn.nowMs
    await move(turn, parts, order.state as 'shipped', 'disputed', reason, nextAtMs)
    return 'moved'
  }
  if (hold.state === 'none')
    return waitForChain(turn, parts, 'the funds are not to be seen on chain: it may have been rewound')
  if (order.wish !== undefined && !isSending(order.state)) {
    const beside = await grantWish(turn, order.wish, parts)
    if (beside !== undefined) return beside
  }
  switch (order.state) {
    case 'accepted':
      return waitsForShipping(turn, parts) ?? 'pack'
    case 'packed':
      // Only we can ship and capture: a transaction that was given up after a reorg is on the chain after all.
      if (hold.state === 'shipped') return settled(turn, parts, 'shipped', 'shipping', 'packed')
      return waitsForShipping(turn, parts) ?? 'ship'
    case 'shipping':
      return settled(turn, parts, 'shipped', 'shipping', 'packed')
    case 'shipped':
      if (hold.state === 'authorized') return lookBack(turn, parts)
      // It was shipped again; the buyer's word still holds.
      if (order.confirmation !== undefined) {
        await move(turn, parts, 'shipped', 'confirmed', 'the buyer had signed that the goods arrived', turn.nowMs)
        return 'moved'
      }
      await parts.orders.postpone(order.terms.authorizationId, order.state, turn.nowMs + DAILY_MS)
      return 'waits'
    case 'disputed':
      await parts.orders.postpone(order.terms.authorizationId, order.state, turn.nowMs + DAILY_MS)
      return 'waits'
    case 'returning':
      return giveBack(turn, parts)
    case 'refunding':
      return refunded(turn, parts)
    case 'confirmed':
      if (hold.state === 'captured') return settled(turn, parts, 'captured', 'capturing', 'confirmed')
      if (hold.state === 'authorized') return lookBack(turn, parts)
      return hold.state === 'shipped' ? 'capture' : unexpected(turn, parts)
    case 'capturing':
      return settled(turn, parts, 'captured', 'capturing', 'confirmed')
    case 'refusing':
      return refuse(turn, parts)
    case 'declining':
      return settled(turn, parts, 'declined', 'declining', 'refusing')
    case 'paid':
    case 'refunded':
    case 'declined':
      return lookBack(turn, parts)
    default:
      throw new Error(`The order ${order.terms.authorizationId} is ${order.state} and cannot be due.`)
  }
}

/** undefined when the order may ship now. The hold's time counts, not the row's: after a rewind it can be later. */
function waitsForShipping(turn: Turn, parts: SellerParts): Promise<Advance> | undefined {
  const { order, hold, nowMs } = turn
  if (hold.state !== 'authorized') return unexpected(turn, parts)
  if (nowMs > order.terms.shipBy * 1000) return giveUp(turn, parts, `ship-by ${order.terms.shipBy} has passed`)
  const coolingOffUntilMs = (hold.sinceSeconds + order.terms.coolingOffSeconds) * 1000
  if (nowMs >= coolingOffUntilMs) return undefined
  return parts.orders.postpone(order.terms.authorizationId, order.state, coolingOffUntilMs).then((): Advance => 'waits')
}

/** Its transaction has a receipt, or can never have one: the hold tells whether it did what it should, or is signed anew. */
async function settled<S extends 'shipping' | 'capturing' | 'declining'>(
  turn: Turn,
  parts: SellerParts,
  wanted: 'shipped' | 'captured' | 'declined',
  state: S,
  back: NextSellerState<S>,
): Promise<Advance> {
  const { order, hold, nowMs } = turn
  if (hold.state === wanted) {
    if (wanted === 'shipped') {
      await parts.fulfilment.handOver(order)
      const reason = 'the chain says shipped; the carrier has it'
      const nextAtMs = order.confirmation === undefined ? nowMs + DAILY_MS : nowMs
      await move(turn, parts, order.state as 'shipping', 'shipped', reason, nextAtMs)
    } else if (wanted === 'captured') {
      await move(turn, parts, order.state as 'capturing', 'paid', `${order.terms.amount} minor units were paid to us`)
    } else {
      await move(turn, parts, 'declining', 'declined', 'the funds went back to the buyer')
    }
    return 'moved'
  }
  const what = `transaction ${order.transaction?.txHash} is ${order.transaction?.state} and had no effect`
  if (!hadNoEffect(order)) return waitForChain(turn, parts, what)
  await move(turn, parts, state, back, what, nowMs)
  return fail({ ...turn, order: { ...order, state: back } }, parts, what)
}

async function refuse(turn: Turn, parts: SellerParts): Promise<Advance> {
  const { order, hold, nowMs } = turn
  if (hold.state === 'declined') {
    await move(turn, parts, 'refusing', 'declined', 'the funds went back to the buyer')
    return 'moved'
  }
  if (hold.state !== 'authorized') return unexpected(turn, parts)
  const sent = await send([order], 'refusing', 'declining', nowMs, parts, (save) =>
    parts.chain.decline(order.terms, save),
  )
  return sent ? 'moved' : 'waits'
}

async function giveBack(turn: Turn, parts: SellerParts): Promise<Advance> {
  const { order, hold, nowMs } = turn
  if (hold.state !== 'captured') return unexpected(turn, parts)
  const endMs = hold.sinceSeconds * 1000 + REFUND_MS
  const impossible =
    nowMs > endMs
      ? 'the 30 days for a refund through the escrow are over'
      : order.refundAmount! > hold.amount
        ? `only ${hold.amount} minor units of it are with us`
        : undefined
  if (impossible !== undefined) {
    parts.warn(`The order ${order.terms.authorizationId} is not refunded: ${impossible}.`)
    await move(turn, parts, 'returning', 'paid', impossible)
    return 'moved'
  }
  const sent = await send([order], 'returning', 'refunding', nowMs, parts, (save) =>
    parts.chain.refund(order.terms, order.refundAmount!, save),
  )
  return sent ? 'moved' : 'waits'
}

/** A refund that is included worked: the verb reverts otherwise. */
async function refunded(turn: Turn, parts: SellerParts): Promise<Advance> {
  const { order, hold, nowMs } = turn
  if (order.transaction?.state === 'included') {
    const what = `${order.refundAmount} minor units went back to the buyer`
    await move(turn, parts, 'refunding', hold.amount === 0n ? 'refunded' : 'paid', what)
    return 'moved'
  }
  const what = `transaction ${order.transaction?.txHash} is ${order.transaction?.state} and had no effect`
  await move(turn, parts, 'refunding', 'returning', what, nowMs)
  return fail({ ...turn, order: { ...order, state: 'returning' } }, parts, what)
}

function unexpected(turn: Turn, parts: SellerParts): Promise<Advance> {
  return fail(turn, parts, `the chain says ${turn.hold.state}, which this shop did not do`)
}
