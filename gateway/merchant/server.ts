import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { Hex32 } from '../domain/identifiers.ts'
import { QuoteRequest, type SellerProfile } from '../domain/quote.ts'
import { ConfirmationMessage, OrderMessage } from '../domain/seller-order.ts'
import { SettlementOffer } from '../domain/settlement.ts'
import { HttpError, httpServer, parseInput } from '../lib/http.ts'
import type { Clock } from '../ports/clock.ts'
import type { QuoteBook, SellerChain, SellerOrder, SellerOrderStep, SellerOrderStore } from '../ports/merchant.ts'
import type { Catalogue } from './catalogue.ts'
import { type Answer, takeConfirmation, takeOrder } from './orders.ts'
import { answerQuote } from './quotes.ts'
import { ownOffer, takeSettlement } from './wishes.ts'

/** An order message with its quote and terms is about 2 kB. */
const BODY_LIMIT_BYTES = 16 * 1024
const MAX_LISTED_ORDERS = 200

const ByAuthorization = z.strictObject({ authorizationId: Hex32 })

/** The seller's HTTP API; `nudge` wakes the worker after something was committed. */
export function merchantServer(parts: {
  clock: Clock
  chain: SellerChain
  quotes: QuoteBook
  orders: SellerOrderStore
  catalogue: Catalogue
  shipAfterSeconds: number
  hostnames: readonly string[]
  nudge(): void
  /** Hears, as a sentence, what the shopkeeper should look at. */
  tell(sentence: string): void
  onFault(error: unknown): void
}): FastifyInstance {
  const { chain, orders, catalogue } = parts
  const app = httpServer({ hostnames: parts.hostnames, bodyLimitBytes: BODY_LIMIT_BYTES, onFault: parts.onFault })
  const profile: SellerProfile = {
    name: catalogue.name,
    address: chain.address,
    token: chain.facts.token.address,
    chainId: chain.facts.chainId,
    products: catalogue.products.map(({ stock: _, ...product }) => product),
  }

  app.get('/healthz', async () => ({ ok: true }))
  app.get('/v1/seller', async () => profile)

  app.post('/v1/quotes', async (request, reply) => {
    const answer = await asksChain(() => answerQuote(parseInput(QuoteRequest, request.body, 'a quote request'), parts))
    if (answer.kind === 'quoted') return answer.signed
    return reply.code(409).send(answer.refusal)
  })

  app.post('/v1/orders', async (request) => {
    const message = parseInput(OrderMessage, request.body, 'an order message')
    return acknowledge(await asksChain(() => takeOrder(message, parts)))
  })

  app.post('/v1/orders/:authorizationId/confirmation', async (request) => {
    const { authorizationId } = parseInput(ByAuthorization, request.params, 'an authorization id')
    const message = parseInput(ConfirmationMessage, request.body, 'a confirmation')
    return acknowledge(await takeConfirmation(authorizationId, message, parts))
  })

  app.post('/v1/orders/:authorizationId/settlement', async (request) => {
    const order = await orderOf(request.params)
    const offer = parseInput(SettlementOffer, request.body, 'an offer to settle')
    return acknowledge(await asksChain(() => takeSettlement(order, offer, parts)))
  })

  app.get('/v1/orders/:authorizationId/settlement', async (request) => {
    const order = await orderOf(request.params)
    return { offer: (await asksChain(() => ownOffer(order, parts))) ?? null }
  })

  app.get('/v1/orders', async () => ({ orders: (await orders.list(MAX_LISTED_ORDERS)).map(viewOf) }))

  app.get('/v1/orders/:authorizationId', async (request) => {
    const order = await orderOf(request.params)
    return {
      ...viewOf(order),
      notice: order.packed?.notice,
      steps: (await orders.steps(order.terms.authorizationId)).map(stepView),
    }
  })

  async function orderOf(params: unknown): Promise<SellerOrder> {
    const { authorizationId } = parseInput(ByAuthorization, params, 'an authorization id')
    const order = await orders.get(authorizationId)
    if (order === undefined) throw new HttpError(404, `There is no order ${authorizationId} here.`)
    return order
  }

  function acknowledge(answer: Answer): { acknowledged: true } {
    if (answer.kind !== 'acknowledged') throw new HttpError(STATUS_OF[answer.kind], answer.reason)
    parts.nudge()
    return { acknowledged: true }
  }

  /** Bad input keeps its own answer; any other fault here is the chain's, and may be over soon. */
  async function asksChain<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof HttpError) throw error
      parts.onFault(error)
      throw new HttpError(503, 'The chain or the store of this shop does not answer now; try again later.')
    }
  }
  return app
}

/** 503 tells the buyer to say it again later. */
const STATUS_OF = { refused: 409, later: 503, unknown: 404 } as const

function viewOf(order: SellerOrder) {
  const { quote, terms, packed } = order
  return {
    authorizationId: terms.authorizationId,
    orderNumber: order.orderNumber,
    orderId: quote.orderId,
    attempt: quote.attempt,
    state: order.state,
    problem: order.problem,
    gtin: quote.gtin,
    productName: quote.productName,
    quantity: quote.quantity,
    totalMinorUnits: quote.totalMinorUnits,
    offeredMinorUnits: order.offered?.toSeller,
    heldSinceSeconds: order.heldSinceSeconds,
    shipBySeconds: terms.shipBy,
    carrier: packed?.carrier,
    sscc: packed?.sscc,
    shipment: packed?.shipment,
    txHash: order.transaction?.txHash,
  }
}

function stepView({ fromState, toState, atMs, reason }: SellerOrderStep) {
  return { from: fromState, state: toState, atMs, reason }
}
