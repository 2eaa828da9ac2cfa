import { stringify } from 'yaml'
import type { Unit } from '../../gateway/domain/level.ts'
import { keyOf, uniform } from './dice.ts'
import type { PlannedScenario } from './home.ts'
import { APPLIANCES } from './registry.ts'

export type ShopProduct = {
  sku: string
  gtin: string
  name: string
  packSize: number
  contentUnit: Unit
  /** In the first month. */
  priceMinorUnits: bigint
  /** Packs that it can sell in all; absent: no end. */
  stock?: number
}

/** A shop is up to this much dearer or cheaper than usual, product by product. */
const PRICE_SPREAD = 0.15
const CENT = 10_000

/** What the shop of a scenario sells: everything that the appliances take, at prices of its own. */
export function shopProducts({ population, seed }: PlannedScenario): ShopProduct[] {
  const { stockPacks } = population.shop
  const kinds = Object.values(APPLIANCES)
    .flatMap(({ slots }) => slots)
    .flatMap(({ products }) => products)
  return kinds.map(({ priceMinorUnits, ...product }) => {
    const share = 1 + PRICE_SPREAD * (2 * uniform(keyOf(`shop ${seed} ${product.gtin}`), 0) - 1)
    const price = BigInt(Math.round((priceMinorUnits * share) / CENT) * CENT)
    return { ...product, priceMinorUnits: price, ...(stockPacks !== undefined && { stock: stockPacks }) }
  })
}

/** The same as a catalogue file of the merchant agent. */
export function catalogueText(scenario: PlannedScenario): string {
  const products = shopProducts(scenario).map((product) => {
    return { ...product, priceMinorUnits: product.priceMinorUnits.toString() }
  })
  return stringify({ name: 'Simulated drugstore', products })
}

/** What a product costs in each month of a run, as a share of its price in the first: it moves by up to `monthlyPriceChange`. */
export function priceSharesOf(gtin: string, months: number, { population, seed }: PlannedScenario): number[] {
  const key = keyOf(`price ${seed} ${gtin}`)
  const shares = [1]
  for (let month = 1; month < months; month++) {
    shares.push(shares[month - 1]! * (1 + population.shop.monthlyPriceChange * (2 * uniform(key, month) - 1)))
  }
  return shares
}
