import type { Hex32 } from '../domain/identifiers.ts'
import type { ConfirmationMessage, Delivery, OrderMessage, SellerOrderState } from '../domain/seller-order.ts'
import type { Clock } from '../ports/clock.ts'
import type { SellerChain, SellerOrder, SellerOrderStore } from '../ports/merchant.ts'

/** `later` may be told again as it is; `refused` may not. */
export type Answer = { kind: 'acknowledged' } | { kind: 'refused' | 'later' | 'unknown'; reason: string }

type Parts = { clock: Clock; chain: SellerChain; orders: SellerOrderStore; shipAfterSeconds: number }

/**
 * Takes an order whose funds are held. What the message says about itself is checked first, then the chain is asked: the
 * hold under exactly these terms, and the quote for which the device key authorized it. Only then a row is made, so nobody
 * can fill the table, or take another's place in it, without holding the money. Terms and ids can be read by anyone on
 * chain, therefore a message that does not fit is answered with a sentence and never touches the funds; only an order that
 * is proven ours and still cannot be served is declined on chain.
 */
export async function takeOrder({ signedQuote, terms }: OrderMessage, parts: Parts): Promise<Answer> {
  const { chain, orders } = parts
  const known = await orders.get(terms.authorizationId)
  if (known !== undefined) return answerKnown(known, chain.quoteHash(signedQuote.quote))
  const mismatch = mismatchOf({ signedQuote, terms }, chain)
  if (mismatch !== undefined) return { kind: 'refused', reason: mismatch }

  const hold = await chain.hold(terms)
  if (hold.state === 'none') {
    return { kind: 'later', reason: `No funds are held for ${terms.authorizationId} under these terms yet.` }
  }
  if (hold.state !== 'authorized') {
    return { kind: 'refused', reason: `The funds of ${terms.authorizationId} are ${hold.state} already.` }
  }
  if (hold.amount !== terms.amount) {
    return { kind: 'refused', reason: `${hold.amount} minor units are held, but the order is for ${terms.amount}.` }
  }
  if (hold.shipBySeconds !== terms.shipBy || hold.coolingOffSeconds !== terms.coolingOffSeconds) {
    return {
      kind: 'refused',
      reason: `On chain it ships by ${hold.shipBySeconds} after ${hold.coolingOffSeconds} s of cooling off, which the message tells otherwise.`,
    }
  }
  const quoteHash = chain.quoteHash(signedQuote.quote)
  const authorizedFor = await chain.authorizedQuote(terms.authorizationId)
  if (authorizedFor === undefined) {
    return { kind: 'later', reason: `The log of authorization ${terms.authorizationId} is not to be seen yet.` }
  }
  if (authorizedFor !== quoteHash) {
    return { kind: 'refused', reason: `The funds were authorized for another quote (${authorizedFor}) than this one.` }
  }
  return acceptOrder({ quoteHash, quote: signedQuote.quote, terms, heldSinceSeconds: hold.sinceSeconds }, parts)
}

/** Checks what needs no chain; undefined when all fits. */
function mismatchOf({ signedQuote, terms }: OrderMessage, chain: SellerChain): string | undefined {
  const { quote } = signedQuote
  if (quote.seller !== chain.address) return `The quote is of the seller ${quote.seller}; this is ${chain.address}.`
  if (chain.quoteSigner(signedQuote) !== chain.address) {
    return 'The quote does not carry our signature: it was altered, or another shop or chain made it.'
  }
  if (terms.seller !== chain.address) return `The terms pay ${terms.seller}; this seller is ${chain.address}.`
  if (terms.payer !== quote.buyer) return `The quote was made for ${quote.buyer}, but ${terms.payer} pays.`
  if (terms.token !== quote.token)
    return `The quote is in the token ${quote.token}, but the terms pay in ${terms.token}.`
  if (terms.amount !== quote.totalMinorUnits) {
    return `The quote is for ${quote.totalMinorUnits} minor units, but the terms hold ${terms.amount}.`
  }
  return undefined
}

async function acceptOrder(
  order: Pick<SellerOrder, 'quoteHash' | 'quote' | 'terms' | 'heldSinceSeconds'>,
  { clock, orders, shipAfterSeconds }: Parts,
): Promise<Answer> {
  const { quote, terms, heldSinceSeconds } = order
  const late = heldSinceSeconds >= quote.validBeforeSeconds
  const coolingOffUntilSeconds = heldSinceSeconds + terms.coolingOffSeconds
  // Goods that leave later than ship-by would not be paid: a slow warehouse hurries rather than lose the order.
  const packAtSeconds = Math.max(
    coolingOffUntilSeconds,
    Math.min(coolingOffUntilSeconds + shipAfterSeconds, terms.shipBy - SHIP_BY_MARGIN_SECONDS),
  )
  const nowMs = clock.nowMs()
  const lateReason = `The quote expired at ${quote.validBeforeSeconds}, but the funds were held at ${heldSinceSeconds} (chain seconds).`
  const kept = await orders.accept(
    order,
    late
      ? { state: 'refusing', reason: lateReason, nextAtMs: nowMs }
      : { state: 'accepted', reason: 'funds are held for our quote', nextAtMs: packAtSeconds * 1000 },
    nowMs,
  )
  if (kept === 'quote-used') {
    return {
      kind: 'refused',
      reason: 'This quote already has another authorization; cancel this one to get its funds back.',
    }
  }
  return late ? { kind: 'refused', reason: `${lateReason} They go back.` } : { kind: 'acknowledged' }
}

/** Keeps an hour between handing over and the deadline. */
const SHIP_BY_MARGIN_SECONDS = 3600

const NOT_SHIPPED: readonly SellerOrderState[] = ['accepted', 'packed', 'shipping']

function answerKnown(order: SellerOrder, quoteHash: Hex32): Answer {
  if (order.quoteHash !== quoteHash) {
    return { kind: 'refused', reason: `${order.terms.authorizationId} is known here with another quote.` }
  }
  if (order.problem !== '' && ['refusing', 'declining', 'declined'].includes(order.state)) {
    return { kind: 'refused', reason: `${order.problem} The funds go back.` }
  }
  return { kind: 'acknowledged' }
}

/** States in which the money is, or was, on its way to us. */
const CAPTURABLE: readonly SellerOrderState[] = ['shipped', 'confirmed', 'capturing', 'paid']

/**
 * Takes the buyer's signed word that the goods arrived: of this order, and with it of all orders of its parcel that the same
 * signature covers. This shop agrees only to whole amounts: capturing less would give the rest away for good. Repeats of a
 * confirmation that is kept are acknowledged; an order that has ended otherwise does not keep the others from being paid.
 */
export async function takeConfirmation(
  authorizationId: Hex32,
  confirmation: ConfirmationMessage,
  { clock, chain, orders }: Pick<Parts, 'clock' | 'chain' | 'orders'>,
): Promise<Answer> {
  const order = await orders.get(authorizationId)
  if (order === undefined) return { kind: 'unknown', reason: `There is no order ${authorizationId} here.` }
  if (!confirmation.deliveries.some((delivery) => delivery.authorizationId === authorizationId)) {
    return { kind: 'refused', reason: `The confirmation does not name the order ${authorizationId}.` }
  }
  const parcel: SellerOrder[] = []
  for (const delivery of confirmation.deliveries) {
    const sibling = await orders.get(delivery.authorizationId)
    const wrong = mistakeIn(delivery, sibling, order, confirmation.shipment)
    if (wrong !== undefined) return wrong
    parcel.push(sibling!)
  }
  if (order.confirmation !== undefined) return { kind: 'acknowledged' }
  if (order.state !== 'shipped') return { kind: 'refused', reason: `The order is ${order.state}: ${order.problem}` }
  // A wrong signature would revert the capture of every order that travels with this one.
  const signer = chain.confirmationSigner(confirmation)
  if (signer !== order.terms.deviceKey && signer !== order.terms.payer) {
    return {
      kind: 'refused',
      reason: 'The confirmation is signed neither by the device key nor by the payer of this order.',
    }
  }
  const { deliveries, signature } = confirmation
  const shipped = parcel.filter(({ state }) => state === 'shipped').map(({ terms }) => terms.authorizationId)
  await orders.confirm(shipped, { deliveries, signature }, clock.nowMs())
  return { kind: 'acknowledged' }
}

/** Why a delivery of a confirmation cannot be captured with `order`; undefined when it can, or has ended and is skipped. */
function mistakeIn(
  { authorizationId, amount }: Delivery,
  sibling: SellerOrder | undefined,
  order: SellerOrder,
  shipment: Hex32,
): Answer | undefined {
  if (sibling === undefined) {
    return { kind: 'refused', reason: `The confirmation names the order ${authorizationId}, which is not known here.` }
  }
  const { terms, packed, state } = sibling
  if (NOT_SHIPPED.includes(state)) {
    return { kind: 'later', reason: `The order ${authorizationId} is ${state}; it has not been shipped yet.` }
  }
  if (terms.mandateHash !== order.terms.mandateHash) {
    return { kind: 'refused', reason: 'The confirmation names orders of several mandates; each needs one of its own.' }
  }
  if (amount !== terms.amount) {
    const reason = `The order is for ${terms.amount} minor units, and only a confirmation of all is taken.`
    return { kind: 'refused', reason }
  }
  if (CAPTURABLE.includes(state) && shipment !== packed?.shipment) {
    return { kind: 'refused', reason: `The shipment of this order is ${packed?.shipment ?? 'none'}, not ${shipment}.` }
  }
  return undefined
}
