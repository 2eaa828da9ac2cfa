import type { PlannedScenario } from '../models/home.ts'
import { priceShareIn, shopProducts } from '../models/shop.ts'
import { maxPacksAt, maxUnitPriceAt } from './terms.ts'

const MONTH_MS = 30 * 86_400_000
/** `dearestShare`: what a pack may cost, of its price in the first month. */
type Shelf = { left: number; maxPacks: number; dearestShare: number }

/** The seller of a pure run: what is left on its shelves, its prices, and whether it answers. */
export class PureShop {
  isAway = false
  readonly #scenario: PlannedScenario
  readonly #startMs: number
  readonly #shelves: Map<string, Shelf>

  constructor(scenario: PlannedScenario, startMs: number) {
    this.#scenario = scenario
    this.#startMs = startMs
    this.#shelves = new Map(
      shopProducts(scenario).map(({ gtin, priceMinorUnits, stock = Number.POSITIVE_INFINITY }) => {
        const shelf = { left: stock, maxPacks: maxPacksAt(priceMinorUnits) }
        return [gtin, { ...shelf, dearestShare: Number(maxUnitPriceAt(priceMinorUnits)) / Number(priceMinorUnits) }]
      }),
    )
  }

  /** What a mandate pays for at once. */
  maxPacks(gtin: string): number {
    return this.#shelf(gtin).maxPacks
  }

  /** Sells, or says to ask later, or costs more than the mandate allows. */
  sell(gtin: string, packs: number, atMs: number): 'sold' | 'later' | 'too-dear' {
    const shelf = this.#shelf(gtin)
    if (this.isAway || shelf.left < packs) return 'later'
    const month = Math.floor((atMs - this.#startMs) / MONTH_MS)
    if (priceShareIn(month, gtin, this.#scenario) > shelf.dearestShare) return 'too-dear'
    shelf.left -= packs
    return 'sold'
  }

  #shelf(gtin: string): Shelf {
    const shelf = this.#shelves.get(gtin)
    if (shelf === undefined) throw new Error(`No simulated shop sells the product ${gtin}.`)
    return shelf
  }
}
