import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { HexBytes, OrderId } from '../domain/identifiers.ts'
import { formatMoney, MinorUnits } from '../domain/money.ts'
import { Settlement } from '../domain/settlement.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { ActionResult, OrderActions, OrderView, Refused } from '../ports/orders.ts'
import { orderAnswer, queryNumber, type TokenFormat } from './answers.ts'

/** An order's UUID or its first characters. */
const OrderName = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f-]{4,36}$/, 'give the id or its first 4 or more characters, as `adept orders` shows them')
type OrderParams = { Params: { orderId: string } }
type OrderRequest = { homeId: string; params: OrderParams['Params'] }
const ListQuery = z.object({ limit: queryNumber({ min: 1, max: 1000, default: 50 }) })
const Who = z.string().min(1).max(64).default('owner')
const ActionBody = z.strictObject({ who: Who }).prefault({})
/** With the payer's signature, where its wallet acts and not the device's key. */
const SignedActionBody = z.strictObject({ who: Who, signature: HexBytes.optional() }).prefault({})
const Split = { toSeller: MinorUnits, validBefore: Settlement.shape.validBefore.optional() }
const TypedDataBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['Cancellation', 'Dispute']) }),
  z.strictObject({ kind: z.literal('Settlement'), ...Split }),
])
const SettleBody = z
  .strictObject({ who: Who, ...Split, signature: HexBytes.optional(), useGatewayWallet: z.literal(true).optional() })
  .refine(
    (body) => (body.signature === undefined) !== (body.useGatewayWallet === undefined),
    'give either the payer\'s "signature" or "useGatewayWallet": true',
  )
const ConsentBody = z.strictObject({ answer: z.enum(['yes', 'no']), who: Who, seenMinorUnits: MinorUnits.optional() })

/** An abbreviated id is looked for among this many newest orders. */
const NEWEST_ORDERS = 1000

export function orderRoutes(
  app: FastifyInstance,
  ports: { orders: OrderActions; onChanged(): void },
  token: TokenFormat,
): void {
  const { orders } = ports

  app.get('/v1/orders', async (request) => {
    const { limit } = parseInput(ListQuery, request.query, 'a query')
    return { orders: (await orders.list(request.homeId, limit)).map((order) => orderAnswer(order, token)) }
  })

  app.get<OrderParams>('/v1/orders/:orderId', async (request) => {
    return { order: orderAnswer(await findOrder(request), token) }
  })

  app.post<OrderParams>('/v1/orders/:orderId/received', async (request) => {
    const { who } = parseInput(ActionBody, request.body, 'an action')
    return act(request, (orderId) => orders.received(request.homeId, orderId, who))
  })

  app.post<OrderParams>('/v1/orders/:orderId/cancel', async (request) => {
    const { who, signature } = parseInput(SignedActionBody, request.body, 'an action')
    return act(request, (orderId) => orders.cancel(request.homeId, orderId, who, signature))
  })

  app.post<OrderParams>('/v1/orders/:orderId/dispute', async (request) => {
    const { who, signature } = parseInput(SignedActionBody, request.body, 'an action')
    return act(request, (orderId) => orders.dispute(request.homeId, orderId, who, signature))
  })

  app.post<OrderParams>('/v1/orders/:orderId/typed-data', async (request) => {
    const { homeId } = request
    const wanted = parseInput(TypedDataBody, request.body, 'what the wallet is to sign')
    const { orderId } = await findOrder(request)
    const { kind, ...split } = wanted
    const settlement =
      kind === 'Settlement' ? checked(await orders.settlement(homeId, orderId, split)).settlement : undefined
    const word = settlement === undefined ? { kind: kind as 'Dispute' } : { kind: 'Settlement' as const, settlement }
    return { typedData: checked(await orders.typedData(homeId, orderId, word)).typedData, settlement }
  })

  app.get<OrderParams>('/v1/orders/:orderId/settlement', async (request) => {
    const { orderId } = await findOrder(request)
    const view = checked(await orders.settlement(request.homeId, orderId, {}))
    const { heldMinorUnits, sellersOffer, sellerSays } = view
    const offer = sellersOffer && {
      ...sellersOffer,
      toSellerText: formatMoney(sellersOffer.toSeller, token),
      toPayerText: formatMoney(heldMinorUnits - sellersOffer.toSeller, token),
    }
    return { orderId, heldMinorUnits, held: formatMoney(heldMinorUnits, token), sellersOffer: offer, sellerSays }
  })

  app.post<OrderParams>('/v1/orders/:orderId/settle', async (request) => {
    const { useGatewayWallet: _, signature, ...body } = parseInput(SettleBody, request.body, 'a settlement')
    const by = signature ?? 'gateway-wallet'
    return act(request, (orderId) => orders.settle(request.homeId, orderId, { ...body, by }))
  })

  app.post<OrderParams>('/v1/orders/:orderId/consent', async (request) => {
    const { answer, who, seenMinorUnits } = parseInput(ConsentBody, request.body, 'a consent')
    return act(request, (orderId) => orders.consent(request.homeId, orderId, answer, who, seenMinorUnits))
  })

  async function act(request: OrderRequest, action: (orderId: string) => Promise<ActionResult>) {
    const { orderId } = await findOrder(request)
    const { sentence } = checked(await action(orderId))
    ports.onChanged()
    return { orderId, sentence }
  }

  async function findOrder({ homeId, params }: OrderRequest): Promise<OrderView> {
    const orderId = parseInput(OrderName, params.orderId, 'an order id')
    const order = OrderId.safeParse(orderId).success
      ? await orders.get(homeId, orderId)
      : await findByPrefix(homeId, orderId)
    if (order === undefined) throw new HttpError(404, `There is no order ${orderId}. See all with \`adept orders\`.`)
    return order
  }

  async function findByPrefix(homeId: string, prefix: string): Promise<OrderView | undefined> {
    const matching = (await orders.list(homeId, NEWEST_ORDERS)).filter((order) => order.orderId.startsWith(prefix))
    if (matching.length > 1) {
      const some = matching.slice(0, 3).map((order) => order.orderId)
      throw new HttpError(
        409,
        `${matching.length} orders begin with ${prefix}, such as ${some.join(', ')}. Give more characters.`,
      )
    }
    return matching[0] && orders.get(homeId, matching[0].orderId)
  }
}

/** A refusal is answered with its sentence. */
function checked<Result extends { ok: true } | Refused>(result: Result): Exclude<Result, Refused> {
  if (!result.ok) throw new HttpError(409, result.sentence)
  return result as Exclude<Result, Refused>
}
