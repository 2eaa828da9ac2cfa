import { z } from 'zod'
import { Hex32, HexBytes } from './identifiers.ts'
import { Terms } from './mandate.ts'
import { MinorUnits } from './money.ts'
import { SignedQuote } from './quote.ts'

/**
 * Every legal arrow of an order as the seller sees it. `shipping`, `capturing`, `declining` and `refunding` have a signed
 * transaction on its way; the arrow back from them is for one that reverted, and `packed → shipped` and `confirmed → paid`
 * for one that a reorg then included after all. A reorg may also take back what was done: then it is done again, or it finds
 * that the funds are gone. `returning` waits for the refund to be sent.
 */
export const SELLER_ORDER_TRANSITIONS = {
  accepted: ['packed', 'refusing', 'cancelled', 'reclaimed', 'settled'],
  packed: ['shipping', 'shipped', 'refusing', 'cancelled', 'reclaimed', 'settled'],
  shipping: ['shipped', 'packed', 'cancelled', 'reclaimed', 'settled'],
  shipped: ['confirmed', 'packed', 'cancelled', 'reclaimed', 'disputed', 'settled'],
  confirmed: ['capturing', 'paid', 'packed', 'cancelled', 'reclaimed', 'disputed', 'settled'],
  capturing: ['paid', 'confirmed', 'cancelled', 'reclaimed', 'disputed', 'settled'],
  disputed: ['settled', 'decided', 'reclaimed'],
  refusing: ['declining', 'declined', 'cancelled', 'reclaimed', 'settled'],
  declining: ['declined', 'refusing', 'cancelled', 'reclaimed', 'settled'],
  paid: ['returning', 'confirmed', 'packed', 'cancelled', 'reclaimed', 'disputed'],
  returning: ['refunding', 'paid'],
  refunding: ['paid', 'refunded', 'returning'],
  refunded: ['returning'],
  settled: [],
  decided: [],
  declined: ['refusing', 'cancelled', 'reclaimed'],
  cancelled: [],
  reclaimed: [],
} as const satisfies Record<string, readonly string[]>

export type SellerOrderState = keyof typeof SELLER_ORDER_TRANSITIONS
export type NextSellerState<S extends SellerOrderState> = (typeof SELLER_ORDER_TRANSITIONS)[S][number]

/** `POST /v1/orders`: the buyer says that funds are held for a quote of this seller. */
export const OrderMessage = z.strictObject({ signedQuote: SignedQuote, terms: Terms })
export type OrderMessage = z.infer<typeof OrderMessage>

/** Orders that one confirmation may name: as many as one transaction carries. */
export const MAX_PARCEL_ORDERS = 50

/** An order of a parcel that has arrived, and what of its money is the seller's. */
export const Delivery = z.strictObject({ authorizationId: Hex32, amount: MinorUnits })
export type Delivery = z.infer<typeof Delivery>

/**
 * `POST /v1/orders/:authorizationId/confirmation`: the buyer signed that the goods arrived. One signature covers all orders
 * of a parcel that are confirmed together; they are of one mandate.
 */
export const ConfirmationMessage = z.strictObject({
  shipment: Hex32,
  deliveries: z.array(Delivery).min(1).max(MAX_PARCEL_ORDERS),
  signature: HexBytes,
})
export type ConfirmationMessage = z.infer<typeof ConfirmationMessage>

/** A Serial Shipping Container Code: 17 digits (extension, GS1 company prefix, serial) and their check digit. */
export const Sscc = z
  .string()
  .regex(/^\d{18}$/, 'an SSCC has 18 digits')
  .refine((digits) => ssccCheckDigit(digits.slice(0, 17)) === digits[17], 'the check digit of this SSCC is wrong')
export type Sscc = z.infer<typeof Sscc>

/** Check digit of the first 17 digits (GS1 General Specifications 7.9: from the right, weights 3 and 1). */
export function ssccCheckDigit(digits17: string): string {
  let sum = 0
  for (const [index, digit] of [...digits17].entries()) sum += Number(digit) * (index % 2 === 0 ? 3 : 1)
  return String((10 - (sum % 10)) % 10)
}
