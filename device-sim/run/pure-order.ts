import { UNCONFIRMED_MS } from '../../gateway/domain/timers.ts'
import type { PureShop } from './pure-shop.ts'

const DAY_MS = 86_400_000
/** As the mandates of the fleet have it (terms.ts). */
export const COOLING_OFF_DAYS = 1
/** An order for which the seller gives no price for so long is dropped (gateway/orders/quoting.ts). */
const GIVE_UP_AFTER_MS = 2 * DAY_MS

/** What becomes of an order without a chain: the states that matter to the goods, by the same timers. */
export class PureOrder {
  readonly orderId: string
  readonly gtin: string
  readonly packs: number
  readonly createdAtMs: number
  /** When the order before this one was made: the last one again, should this come to nothing. */
  readonly lastOrderAtMs: number
  state: 'needed' | 'held' | 'shipped' = 'needed'
  /** When it came to this state. */
  sinceMs: number
  /** The two evidences of its arrival. */
  receivedAtMs: number | undefined
  refilledAtMs: number | undefined
  #heldAtMs = 0

  constructor(orderId: string, gtin: string, packs: number, nowMs: number, lastOrderAtMs: number) {
    this.orderId = orderId
    this.gtin = gtin
    this.packs = packs
    this.createdAtMs = nowMs
    this.sinceMs = nowMs
    this.lastOrderAtMs = lastOrderAtMs
  }

  /** Before this nothing but news of its goods moves it. */
  nextAtMs(): number {
    if (this.state === 'held') return this.sinceMs + COOLING_OFF_DAYS * DAY_MS
    const isHere = this.receivedAtMs !== undefined && this.refilledAtMs !== undefined
    return this.state === 'needed' || isHere ? this.sinceMs : this.sinceMs + UNCONFIRMED_MS + 1
  }

  /** Its next arrow, when it is time; undefined: nothing that others must know. */
  step(nowMs: number, shop: PureShop): 'shipped' | 'completed' | 'without-goods' | undefined {
    switch (this.state) {
      case 'needed': {
        const answer = shop.sell(this.gtin, this.packs, nowMs)
        if (answer === 'sold') {
          this.#move('held', nowMs)
          this.#heldAtMs = nowMs
          return undefined
        }
        return answer === 'too-dear' || nowMs - this.createdAtMs > GIVE_UP_AFTER_MS ? 'without-goods' : undefined
      }
      case 'held':
        if (nowMs < this.sinceMs + COOLING_OFF_DAYS * DAY_MS || shop.isAway) return undefined
        this.#move('shipped', nowMs)
        return 'shipped'
      case 'shipped':
        if (this.receivedAtMs !== undefined && this.refilledAtMs !== undefined) return 'completed'
        return nowMs > this.sinceMs + UNCONFIRMED_MS ? 'without-goods' : undefined
    }
  }

  /** Days from the money's hold to the first evidence, without the cooling off (gateway/store/situations.ts). */
  leadDays(): number {
    const arrivedAtMs = Math.min(this.receivedAtMs ?? this.sinceMs, this.refilledAtMs ?? this.sinceMs)
    return Math.max(0, (arrivedAtMs - this.#heldAtMs) / DAY_MS - COOLING_OFF_DAYS)
  }

  #move(state: PureOrder['state'], nowMs: number): void {
    this.state = state
    this.sinceMs = nowMs
  }
}
