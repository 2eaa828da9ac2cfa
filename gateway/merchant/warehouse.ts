import { type Gtin, gtin14, type Hex32 } from '../domain/identifiers.ts'
import { ssccCheckDigit } from '../domain/seller-order.ts'
import type { Fulfilment } from '../ports/merchant.ts'

/** A company prefix of GS1's range for demonstrations (952); extension digit 0. */
const SSCC_PREFIX = '09521234'
const CARRIER = 'Demo Parcel'

/**
 * The warehouse of the demo: packs at once while there is stock. It remembers nothing: the label is made of the lowest
 * number of the orders in the parcel, so the same orders get the same SSCC however often it is asked for.
 */
export function demoWarehouse(shelf: {
  /** Packs that the shop can sell in all; undefined: unlimited. */
  stockOf(gtin: Gtin): number | undefined
  /** Packs in all orders that have not ended without goods, those asked about included. */
  promisedPacks(gtin: Gtin): Promise<number>
}): Fulfilment {
  return {
    async dispatch(orders) {
      const packed: number[] = []
      const outOfStock: Hex32[] = []
      /** Packs of this very call that are promised still and will not be sent. */
      const leftOut = new Map<Gtin, number>()
      for (const { orderNumber, quote, terms } of orders) {
        const stock = shelf.stockOf(quote.gtin)
        const dropped = leftOut.get(gtin14(quote.gtin)) ?? 0
        if (stock === undefined || (await shelf.promisedPacks(quote.gtin)) - dropped <= stock) packed.push(orderNumber)
        else {
          outOfStock.push(terms.authorizationId)
          leftOut.set(gtin14(quote.gtin), dropped + quote.quantity)
        }
      }
      const parcel = packed.length === 0 ? undefined : { carrier: CARRIER, sscc: ssccOf(Math.min(...packed)) }
      return { parcel, outOfStock }
    },
    async handOver() {},
    async putBack() {},
  }
}

/** The SSCC of a parcel by its serial number, 1 to 999,999,999. */
export function ssccOf(serial: number): string {
  const digits = SSCC_PREFIX + String(serial).padStart(9, '0')
  if (digits.length !== 17) throw new RangeError(`There is no SSCC for the serial number ${serial}.`)
  return digits + ssccCheckDigit(digits)
}
