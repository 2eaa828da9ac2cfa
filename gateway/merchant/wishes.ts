import type { SellerOrderState } from '../domain/seller-order.ts'
import { LONGEST_OFFER_SECONDS, type Settlement, type SettlementOffer } from '../domain/settlement.ts'
import { UNCONFIRMED_MS } from '../domain/timers.ts'
import type { Clock } from '../ports/clock.ts'
import type { SellerChain, SellerOrder, SellerOrderStore, SellerWish } from '../ports/merchant.ts'
import type { Answer } from './orders.ts'
import type { Desk } from './refund.ts'
import { type SellerParts, sendAside, sentenceOf } from './sending.ts'
import { chainNowSeconds } from './time.ts'
import type { Advance, Turn } from './turn.ts'

/** What cannot be sent so often is given up, so that the order goes its own way again. */
const MAX_FAILURES = 3
/** States in which the money is held. */
const OPEN: readonly SellerOrderState[] = ['accepted', 'packed', 'shipping', 'shipped', 'confirmed', 'disputed']

/** Does what the shop wants beside the order's own way; undefined when that is not to be done (any more). */
export async function grantWish(turn: Turn, wish: SellerWish, parts: SellerParts): Promise<Advance | undefined> {
  const { order, hold, nowMs } = turn
  const over = endOf(turn, wish)
  if (over !== undefined) {
    await parts.orders.wish(order.terms.authorizationId, order.state, { wish: undefined }, over, parts.clock.nowMs())
    if (hold.state !== 'disputed') parts.warn(`The order ${order.terms.authorizationId}: ${over}.`)
    return 'moved'
  }
  const { chain, orders } = parts
  try {
    await sendAside(order, nowMs, parts, (save) =>
      wish === 'settle' ? chain.settle(order.terms, order.offered!, save) : chain.dispute(order.terms, save),
    )
    return 'moved'
  } catch (error) {
    parts.warn(`The order ${order.terms.authorizationId}: to ${wish} it failed: ${sentenceOf(error)}`)
    await orders.postpone(order.terms.authorizationId, order.state, nowMs + 1_000, sentenceOf(error))
    return 'waits'
  }
}

/** Why the wish is over, whether it came true or cannot any more. */
function endOf({ order, hold, nowMs }: Turn, wish: SellerWish): string | undefined {
  if (order.failures >= MAX_FAILURES) return `it could not be sent to ${wish} it: ${order.problem}`
  if (wish === 'dispute') {
    if (hold.state !== 'shipped') return `on the chain it is ${hold.state}: a dispute has nothing to do any more`
    return nowMs > hold.sinceSeconds * 1000 + UNCONFIRMED_MS ? 'the 14 days for a dispute are over' : undefined
  }
  if (hold.state === 'captured' || hold.state === 'declined') return `on the chain it is ${hold.state}`
  return order.offered!.validBefore * 1000 <= nowMs ? "the buyer's offer has expired" : undefined
}

/**
 * Takes the buyer's signed offer to end an order, in place of an earlier one. When this shop has said that so much is enough
 * for it, it settles at once; else somebody decides (`merchant settle`).
 */
export async function takeSettlement(
  { terms, state, settlement }: SellerOrder,
  offer: SettlementOffer,
  parts: { clock: Clock; chain: SellerChain; orders: SellerOrderStore; tell(sentence: string): void },
): Promise<Answer> {
  const { chain, clock, orders } = parts
  const refused = (reason: string): Answer => ({ kind: 'refused', reason })
  if (!OPEN.includes(state)) return refused(`The order is ${state}: there is nothing to settle any more.`)
  if (offer.toSeller > terms.amount) return refused(`Only ${terms.amount} minor units are held for this order.`)
  const nowSeconds = await chainNowSeconds(chain, clock)
  if (offer.validBefore <= nowSeconds) return refused('This offer has expired.')
  if (offer.validBefore > nowSeconds + LONGEST_OFFER_SECONDS) return refused('An offer is good for 90 days at most.')
  if (!(await chain.isPayersSettlement(terms, offer))) {
    return refused(`The offer is not signed by the payer ${terms.payer} of this order.`)
  }
  const id = terms.authorizationId
  const text = `the buyer offers to settle: ${offer.toSeller} of ${terms.amount} minor units to us`
  await orders.keepOffer(id, offer, text, clock.nowMs())
  parts.tell(`The order ${id}: ${text}, until second ${offer.validBefore}. Agree with \`merchant settle ${id}\`.`)
  if (settlement !== undefined && settlement.validBefore > nowSeconds && offer.toSeller >= settlement.toSeller) {
    await orders.wish(id, state, { wish: 'settle' }, 'it is what we offered: settled', clock.nowMs())
  }
  return { kind: 'acknowledged' }
}

/** What this shop has said it would take, with its signature; undefined when it has said nothing, or no longer. */
export async function ownOffer(
  { terms, state, settlement }: SellerOrder,
  { chain, clock }: { chain: SellerChain; clock: Clock },
): Promise<SettlementOffer | undefined> {
  if (settlement === undefined || !OPEN.includes(state)) return undefined
  if (settlement.validBefore <= (await chainNowSeconds(chain, clock))) return undefined
  return { ...settlement, signature: await chain.signSettlement(terms, settlement) }
}

/**
 * Notes that an order is to be settled: as the buyer has signed, when that is at least `amount` or no amount is given; else
 * the buyer is told, when it asks, that this shop would take so much. Resolves to a sentence; throws one when it cannot be.
 */
export async function wantSettlement(
  order: SellerOrder,
  wanted: { amount: bigint | undefined; validSeconds: number },
  { orders, clock }: Desk,
): Promise<string> {
  const { terms, state, offered, orderNumber } = order
  if (!OPEN.includes(state)) throw new Error(`Order ${orderNumber} is ${state}: there is nothing to settle any more.`)
  const nowMs = clock.nowMs()
  const isGood = offered !== undefined && offered.validBefore * 1000 > nowMs
  if (isGood && offered.toSeller >= (wanted.amount ?? 0n)) {
    const reason = `we agree to the buyer's offer: ${offered.toSeller} minor units to us`
    await orders.wish(terms.authorizationId, state, { wish: 'settle' }, reason, nowMs)
    return `Order ${orderNumber}: ${offered.toSeller} of ${terms.amount} minor units are taken, as the buyer has signed; the agent sends it, at once when it runs.`
  }
  if (wanted.amount === undefined) {
    throw new Error(`The buyer of order ${orderNumber} has offered nothing. Give the minor units that you would take.`)
  }
  if (wanted.amount > terms.amount) throw new Error(`Order ${orderNumber} holds ${terms.amount} minor units only.`)
  const settlement: Settlement = {
    toSeller: wanted.amount,
    validBefore: Math.floor(nowMs / 1000) + wanted.validSeconds,
  }
  const reason = `we would settle for ${wanted.amount} of ${terms.amount} minor units`
  await orders.wish(terms.authorizationId, state, { wish: undefined, settlement }, reason, nowMs)
  return `Order ${orderNumber}: the buyer sees that you would take ${wanted.amount} of ${terms.amount} minor units, when its gateway next asks: hourly while it is disputed, else twice a day.`
}

/** Notes that the money of a shipped order is to be frozen before it goes back to the buyer; the agent sends it. */
export async function wantDispute(
  { terms, state, orderNumber }: SellerOrder,
  { orders, clock }: Desk,
): Promise<string> {
  if (state === 'disputed') return `Order ${orderNumber} is disputed already.`
  if (state !== 'shipped' && state !== 'confirmed') {
    throw new Error(`Order ${orderNumber} is ${state}: only a shipped order that is not paid can be disputed.`)
  }
  await orders.wish(terms.authorizationId, state, { wish: 'dispute' }, 'we dispute it', clock.nowMs())
  return `Order ${orderNumber}: the agent disputes it, at once when it runs. Until both agree or the arbiter decides nothing moves; after 30 days the buyer may take the money back.`
}
