import type { PlannedScenario } from '../models/home.ts'
import { priceSharesOf, shopProducts } from '../models/shop.ts'
import { maxPacksAt, maxUnitPriceAt } from './terms.ts'

const DAY_MS = 86_400_000
const MONTH_MS = 30 * DAY_MS
/** `dearestShare`: what a pack may cost, of its price in the first month; `priceShares`: what it costs, month by month. */
type Shelf = { left: number; maxPacks: number; dearestShare: number; priceShares: number[] }

/** The seller of a pure run: what is left on its shelves, its prices, and whether it answers. */
export class PureShop {
  isAway = false
  readonly #startMs: number
  readonly #shelves: Map<string, Shelf>

  constructor(scenario: PlannedScenario & { days: number }, startMs: number) {
    const months = Math.ceil((scenario.days * DAY_MS) / MONTH_MS) + 1
    this.#startMs = startMs
    this.#shelves = new Map(
      shopProducts(scenario).map(({ gtin, priceMinorUnits, stock = Number.POSITIVE_INFINITY }) => {
        const priceShares = priceSharesOf(gtin, months, scenario)
        const shelf = { left: stock, maxPacks: maxPacksAt(priceMinorUnits), priceShares }
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
    if (shelf.priceShares[month]! > shelf.dearestShare) return 'too-dear'
    shelf.left -= packs
    return 'sold'
  }

  #shelf(gtin: string): Shelf {
    const shelf = this.#shelves.get(gtin)
    if (shelf === undefined) throw new Error(`No simulated shop sells the product ${gtin}.`)
    return shelf
  }
}
