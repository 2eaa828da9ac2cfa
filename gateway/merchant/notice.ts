import type { SellerOrder } from '../ports/merchant.ts'

/** The shipping notice of one order, as the text whose keccak256 is the `shipment` on chain. */
export function shippingNotice(
  { quote, terms }: Pick<SellerOrder, 'quote' | 'terms'>,
  parcel: { carrier: string; sscc: string },
  packedAtMs: number,
): string {
  return JSON.stringify({
    type: 'shipping-notice',
    version: 1,
    seller: terms.seller,
    authorizationId: terms.authorizationId,
    orderId: quote.orderId,
    attempt: quote.attempt,
    carrier: parcel.carrier,
    sscc: parcel.sscc,
    lines: [{ gtin: quote.gtin, quantity: quote.quantity }],
    packedAtMs,
  })
}
