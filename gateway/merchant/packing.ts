import { z } from 'zod'
import { Hex32 } from '../domain/identifiers.ts'
import { Sscc } from '../domain/seller-order.ts'
import { shippingNotice } from './notice.ts'
import { type SellerParts, sentenceOf } from './sending.ts'
import { failAll, giveUp, type Turn } from './turn.ts'

const Dispatched = z.object({
  parcel: z.object({ carrier: z.string().min(1).max(80), sscc: Sscc }).optional(),
  outOfStock: z.array(Hex32),
})

/** Orders of one payer leave in one parcel; one that failed before leaves alone, so that it holds up no other. */
export function parcelsOf(turns: Turn[]): Turn[][] {
  const alone = ({ order }: Turn) => (order.failures > 0 ? order.terms.authorizationId : '')
  return [...Map.groupBy(turns, (turn) => turn.order.terms.payer + alone(turn)).values()]
}

/** Packs what is in stock as one parcel and refuses the rest; the label is committed before `ship` is signed. */
export async function pack(turns: Turn[], parts: SellerParts): Promise<void> {
  const orders = turns.map(({ order }) => order)
  let answer: z.infer<typeof Dispatched>
  try {
    answer = Dispatched.parse(await parts.fulfilment.dispatch(orders))
  } catch (error) {
    return failAll(turns, parts, `the warehouse failed: ${sentenceOf(error)}`)
  }
  const isMissing = ({ order }: Turn) => answer.outOfStock.includes(order.terms.authorizationId)
  for (const turn of turns.filter(isMissing)) {
    await giveUp(turn, parts, `${turn.order.quote.productName} is out of stock`)
  }
  const packed = turns.filter((turn) => !isMissing(turn))
  if (packed.length === 0) return
  if (answer.parcel === undefined) {
    return failAll(packed, parts, 'the warehouse made no parcel of what it has in stock')
  }
  const nowMs = parts.clock.nowMs()
  const notice = shippingNotice(
    packed.map(({ order }) => order),
    answer.parcel,
    nowMs,
  )
  await parts.orders.pack(
    packed.map(({ order }) => order.terms.authorizationId),
    { ...answer.parcel, notice, shipment: parts.chain.shipmentHash(notice) },
    nowMs,
  )
}
