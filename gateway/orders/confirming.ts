import type { Hex32 } from '../domain/identifiers.ts'
import type { DeviceSigner } from '../ports/chain.ts'
import type { OrderStore, OrderWork } from '../ports/orders.ts'

/** An order whose goods are here and were looked at. */
export type ArrivedOrder = OrderWork & {
  state: 'delivered'
  authorization: NonNullable<OrderWork['authorization']> & { shipment: Hex32 }
  /** What the seller has not taken by then goes back to the payer. */
  givenUpAtMs: number
}

/** Orders of one parcel, as far as one signature can confirm them: those of one mandate. */
export function parcelsOf(orders: ArrivedOrder[]): ArrivedOrder[][] {
  const keyOf = ({ deviceId, authorization: { terms, shipment } }: ArrivedOrder) =>
    [deviceId, terms.mandateHash, terms.seller, shipment].join()
  return [...Map.groupBy(orders, keyOf).values()]
}

/**
 * The device's key signs, once for the parcel, that the goods are here. The seller is told of each order until it
 * acknowledges it; an order that was moved meanwhile does not keep the others.
 */
export async function confirmParcel(
  parcel: ArrivedOrder[],
  parts: { store: OrderStore; signer: DeviceSigner },
  nowMs: number,
): Promise<void> {
  const { deviceId, authorization } = parcel[0]!
  const { shipment } = authorization
  const deliveries = parcel.map(({ authorization: { authorizationId, terms } }) => ({
    authorizationId,
    amount: terms.amount,
  }))
  const signature = await parts.signer.confirmation(deviceId, { shipment, deliveries })
  for (const order of parcel) {
    const { authorizationId } = order.authorization
    const message = { kind: 'confirmation' as const, authorizationId, shipment, deliveries, signature }
    await parts.store.saveConfirmation(order, message, order.givenUpAtMs + 1000, nowMs)
  }
}
