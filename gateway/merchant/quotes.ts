import { gtin14 } from '../domain/identifiers.ts'
import type { Quote, QuoteRefusal, QuoteRequest, SignedQuote } from '../domain/quote.ts'
import { QUOTE_VALID_MS, SHIP_WITHIN_MS } from '../domain/timers.ts'
import type { Clock } from '../ports/clock.ts'
import type { QuoteBook, SellerChain, SellerOrderStore } from '../ports/merchant.ts'
import { type Catalogue, findProduct } from './catalogue.ts'
import { chainNowSeconds } from './time.ts'

export type QuoteAnswer = { kind: 'quoted'; signed: SignedQuote } | { kind: 'refused'; refusal: QuoteRefusal }

/**
 * Signs a price for one attempt of one order. Asked again before it expires, the same quote is given; it is on disk before
 * anybody sees it, so that this shop never signs two prices for one attempt. Throws when the chain cannot be asked.
 */
export async function answerQuote(
  request: QuoteRequest,
  parts: {
    clock: Clock
    chain: Pick<SellerChain, 'address' | 'facts' | 'head' | 'signQuote'>
    quotes: QuoteBook
    orders: Pick<SellerOrderStore, 'promisedPacks'>
    catalogue: Catalogue
  },
): Promise<QuoteAnswer> {
  const { chain, quotes, catalogue } = parts
  const nowSeconds = await chainNowSeconds(chain, parts.clock)
  const earlier = await quotes.find(request, nowSeconds)
  if (earlier !== undefined) return answerWith(earlier, request)

  const product = findProduct(catalogue, request.gtin)
  if (product === undefined) return refuse(`${catalogue.name} does not sell the product ${request.gtin}.`, false)
  if (product.stock !== undefined) {
    const left = Math.max(0, product.stock - (await parts.orders.promisedPacks(product.gtin)))
    if (left < request.quantity) {
      return refuse(
        `${product.name} is out of stock: ${left} packs are left, ${request.quantity} were asked for.`,
        true,
      )
    }
  }
  const quote: Quote = {
    orderId: request.orderId,
    attempt: request.attempt,
    buyer: request.buyer,
    seller: chain.address,
    token: chain.facts.token.address,
    gtin: request.gtin,
    productName: product.name,
    packSize: product.packSize,
    contentUnit: product.contentUnit,
    quantity: request.quantity,
    totalMinorUnits: product.priceMinorUnits * BigInt(request.quantity),
    validBeforeSeconds: nowSeconds + QUOTE_VALID_MS / 1000,
    shipWithinSeconds: SHIP_WITHIN_MS / 1000,
  }
  const kept = await quotes.keep({ quote, signature: await chain.signQuote(quote) }, nowSeconds)
  if (kept.kind === 'full') return refuse('This shop has too many open quotes; ask again in a few minutes.', true)
  return answerWith(kept.signed, request)
}

function answerWith(signed: SignedQuote, request: QuoteRequest): QuoteAnswer {
  const { quote } = signed
  if (gtin14(quote.gtin) === gtin14(request.gtin) && quote.quantity === request.quantity)
    return { kind: 'quoted', signed }
  return refuse(
    `Attempt ${quote.attempt} of order ${quote.orderId} already has a quote for ${quote.quantity} × ${quote.gtin}; ` +
      'ask with the next attempt number.',
    false,
  )
}

function refuse(reason: string, retry: boolean): QuoteAnswer {
  return { kind: 'refused', refusal: { reason: reason.slice(0, 300), retry } }
}
