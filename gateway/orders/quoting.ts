import { gtin14 } from '../domain/identifiers.ts'
import { holdsAt, offerFor } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import type { Quote, SignedQuote } from '../domain/quote.ts'
import { CONSENT_WAIT_MS } from '../domain/timers.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Chain } from '../ports/chain.ts'
import type { OrderStore, OrderWork, UsableMandate } from '../ports/orders.ts'
import type { Seller } from '../ports/seller.ts'

/** A quote that ends sooner than this is not worth signing for: the transaction might come too late. */
const LEAST_QUOTE_LIFE_SECONDS = 60
/** A longer one would keep an order waiting that long for a transaction that was lost. */
const MOST_QUOTE_LIFE_SECONDS = 3600
/** Less, and a block that comes at the end of the quote's life would be too late to ship in: the escrow refuses it. */
const LEAST_SHIP_WITHIN_SECONDS = MOST_QUOTE_LIFE_SECONDS
/** A seller that gives no quote: after two seconds and more, for ten minutes at least every 30 s, then ever more rarely. */
const FIRST_RETRY_MS = 2_000
const OFTEN_RETRY_MS = 30_000
const OFTEN_FAILURES = 20
const LONGEST_RETRY_MS = 6 * 3_600_000
/** The homeowner hears of a silent seller after this many failures in a row: two minutes. */
const TELL_AFTER_FAILURES = 8
/** A seller that gives no usable quote for this long: the order is dropped and the homeowner told. */
const GIVE_UP_AFTER_MS = 48 * 3_600_000
/** An order that ended up here again and again is not worth another try. */
const MAX_ATTEMPTS = 8

export type QuotingParts = { store: OrderStore; chain: Chain; seller: Seller }

/**
 * Asks the mandate's seller for a signed price. A wrong, forged or too dear quote buys nothing: price before promise
 * (DESIGN.md, decision 5).
 */
export async function askForQuote(
  order: OrderWork & { state: 'needed' | 'awaiting-consent' },
  parts: QuotingParts,
  nowMs: number,
) {
  if (order.suspendedReason !== '') return drop(order.suspendedReason)
  if (order.state === 'needed' && order.isRefilled) return drop('somebody filled it meanwhile.', 'cancelled')
  const mandates = await parts.store.mandatesFor(order.deviceId, order.gtin)
  const mandate = mandates.find(({ file }) => holdsAt(file.mandate, nowMs / 1000)) ?? mandates[0]
  if (mandate === undefined) {
    return drop(
      `No mandate covers GTIN ${order.gtin} any more: sign one with \`adept mandate sign ${order.deviceId}\`.`,
    )
  }
  const attempt = order.quote === undefined ? order.attempt : order.attempt + 1
  if (attempt > MAX_ATTEMPTS) return drop(`${MAX_ATTEMPTS} attempts came to nothing.`)

  const answer = await parts.seller.quote(mandate.sellerUrl, {
    orderId: order.orderId,
    attempt,
    buyer: mandate.file.mandate.payer,
    gtin: order.gtin,
    quantity: order.quantity,
  })
  if (answer.kind === 'unreachable') return tryLater(`The seller at ${mandate.sellerUrl} is silent: ${answer.reason}`)
  if (answer.kind === 'refused') {
    const reason = `The seller gives no quote: ${answer.refusal.reason}`
    return answer.refusal.retry ? tryLater(reason) : drop(reason)
  }

  const { timestampSeconds } = await parts.chain.head()
  const nowSeconds = Math.max(timestampSeconds, Math.floor(nowMs / 1000))
  const mistake = mistakeOf(answer.signed, { ...order, attempt }, mandate, parts.chain, nowSeconds)
  if (mistake !== undefined) return tryLater(`The seller's quote is refused: ${mistake}`)
  const excess = excessOf(answer.signed.quote, mandate, parts.chain)
  if (excess !== undefined) return drop(excess, 'limit-reached')
  const quoteHash = parts.chain.quoteHash(answer.signed.quote)
  return parts.store.saveQuote(order, { signed: answer.signed, quoteHash, sellerUrl: mandate.sellerUrl }, nowMs)

  function drop(reason: string, kind: 'problem' | 'limit-reached' | 'cancelled' = 'problem') {
    const text = `${order.deviceId} ${order.slot} is not ordered: ${reason}`
    return parts.store.move(order, 'dropped', nowMs, { reason, tell: { kind, text } })
  }

  function tryLater(reason: string) {
    if (nowMs - order.stateChangedAtMs > GIVE_UP_AFTER_MS) return drop(reason)
    const nextAtMs = nowMs + restMs(order.failures)
    return parts.store.postpone(order, nextAtMs, nowMs, {
      reason,
      tell: order.failures + 1 === TELL_AFTER_FAILURES ? 'problem' : undefined,
    })
  }
}

/** Why this is not the answer to what was asked, if so. */
function mistakeOf(
  signed: SignedQuote,
  asked: OrderWork,
  mandate: UsableMandate,
  chain: Chain,
  nowSeconds: number,
): string | undefined {
  const { quote } = signed
  if (quote.orderId !== asked.orderId || quote.attempt !== asked.attempt) return 'it is for another order.'
  if (gtin14(quote.gtin) !== gtin14(asked.gtin) || quote.quantity !== asked.quantity) return 'it is for other goods.'
  const offer = offerFor(mandate.file, quote)
  if (offer !== undefined && offer.packSize !== quote.packSize) {
    return `its pack holds ${quote.packSize}, the mandate says ${offer.packSize}.`
  }
  if (quote.buyer !== mandate.file.mandate.payer) return 'it is for another buyer.'
  if (quote.token !== chain.facts.token.address) return `it wants another token, ${quote.token}.`
  if (!mandate.file.offers.some(({ seller }) => seller === quote.seller))
    return `the mandate does not name ${quote.seller}.`
  if (chain.quoteSigner(signed) !== quote.seller) return 'its signature is not the seller’s.'
  const lifeSeconds = quote.validBeforeSeconds - nowSeconds
  if (lifeSeconds < LEAST_QUOTE_LIFE_SECONDS) return 'it has expired or is about to.'
  if (lifeSeconds > MOST_QUOTE_LIFE_SECONDS) return 'it binds for more than an hour.'
  if (quote.shipWithinSeconds < LEAST_SHIP_WITHIN_SECONDS) return 'it leaves less than an hour to ship.'
  if (quote.totalMinorUnits === 0n) return 'it costs nothing, which the escrow does not take.'
  return undefined
}

/** The sentence for the homeowner when a price is above what the mandate allows, before anything is signed. */
function excessOf(quote: Quote, mandate: UsableMandate, chain: Chain): string | undefined {
  const offer = offerFor(mandate.file, quote)
  if (offer === undefined) return `the mandate does not name GTIN ${quote.gtin}.`
  const money = (minorUnits: bigint) => formatMoney(minorUnits, chain.facts.token)
  const caps = [offer.maxUnitPrice * BigInt(quote.quantity), mandate.file.mandate.maxPerOrder]
  const cap = caps.reduce((least, next) => (next < least ? next : least))
  if (quote.totalMinorUnits <= cap) return undefined
  return `the seller asks ${money(quote.totalMinorUnits)}, your mandate allows ${money(cap)}. Sign a new mandate or buy it yourself.`
}

/** Asks the homeowner, who sees the full price; also when the price rose above what was agreed to. */
export function askForConsent(
  order: OrderWork & { state: 'quoted' },
  quote: Quote,
  parts: QuotingParts,
  nowMs: number,
  /** What it exceeds, as a sentence. */
  excess?: string,
) {
  const price = formatMoney(quote.totalMinorUnits, parts.chain.facts.token)
  const changed = order.consented === undefined ? '' : ' The offer changed since your last answer.'
  const because = excess === undefined ? '' : ` ${excess}`
  const text =
    `${order.deviceId} ${order.slot}: buy ${quote.quantity} × ${quote.productName} for ${price}?${changed}${because} ` +
    `Answer within 48 h with \`adept consent ${order.orderId} yes\` or \`no\`; without an answer nothing is bought.`
  const reason = `Waits for your consent to ${price}.${changed}${because}`
  return parts.store.move(order, 'awaiting-consent', nowMs, {
    reason,
    nextAtMs: nowMs + CONSENT_WAIT_MS,
    tell: { kind: 'consent-wanted', text },
  })
}

/** A yes holds for the same seller, product and quantity at no more than the total that was shown (DOMAIN.md). */
export function isConsented(quote: Quote, consented: Quote | undefined): boolean {
  return (
    consented !== undefined &&
    consented.seller === quote.seller &&
    gtin14(consented.gtin) === gtin14(quote.gtin) &&
    consented.quantity === quote.quantity &&
    quote.totalMinorUnits <= consented.totalMinorUnits
  )
}

function restMs(failures: number): number {
  if (failures < OFTEN_FAILURES) return backoffMs(failures, FIRST_RETRY_MS, OFTEN_RETRY_MS)
  return backoffMs(failures - OFTEN_FAILURES, OFTEN_RETRY_MS, LONGEST_RETRY_MS)
}
