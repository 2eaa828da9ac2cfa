import type { SellerOrder } from '../ports/merchant.ts'

/** The shipping notice of one parcel, as the text whose keccak256 is the `shipment` on chain. */
export function shippingNotice(
  orders: readonly Pick<SellerOrder, 'quote' | 'terms'>[],
  parcel: { carrier: string; sscc: string },
  packedAtMs: number,
): string {
  return JSON.stringify({
    type: 'shipping-notice',
    version: 2,
    seller: orders[0]!.terms.seller,
    carrier: parcel.carrier,
    sscc: parcel.sscc,
    orders: orders.map(({ quote, terms }) => ({
      authorizationId: terms.authorizationId,
      orderId: quote.orderId,
      attempt: quote.attempt,
      lines: [{ gtin: quote.gtin, quantity: quote.quantity }],
    })),
    packedAtMs,
  })
}
