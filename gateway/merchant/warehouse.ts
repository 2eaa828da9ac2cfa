import type { Gtin } from '../domain/identifiers.ts'
import { ssccCheckDigit } from '../domain/seller-order.ts'
import type { Fulfilment } from '../ports/merchant.ts'

/** A company prefix of GS1's range for demonstrations (952); extension digit 0. */
const SSCC_PREFIX = '09521234'
const CARRIER = 'Demo Parcel'

/**
 * The warehouse of the demo: packs at once while there is stock. It remembers nothing: the label is made of the order's
 * number, so the same order gets the same SSCC however often it is asked for.
 */
export function demoWarehouse(shelf: {
  /** Packs that the shop can sell in all; undefined: unlimited. */
  stockOf(gtin: Gtin): number | undefined
  /** Packs in all orders that have not ended without goods, this one included. */
  promisedPacks(gtin: Gtin): Promise<number>
}): Fulfilment {
  return {
    async dispatch({ orderNumber, quote }) {
      const stock = shelf.stockOf(quote.gtin)
      if (stock !== undefined && (await shelf.promisedPacks(quote.gtin)) > stock) return { kind: 'out-of-stock' }
      return { kind: 'packed', carrier: CARRIER, sscc: ssccOf(orderNumber) }
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
