import type { OrderState } from '../gateway/domain/order.ts'
import type { OrderMessage } from '../gateway/wire/messages.ts'

/** The goods are on their way, or there and not yet poured in. */
const LIT: ReadonlySet<OrderState> = new Set(['shipped', 'delivered'])

/** What the order lamp of a board shows: on while an order for one of its slots is on its way. */
export class OrderLamp {
  readonly #lit = new Set<string>()

  /** Takes the state of one order. */
  take({ slot, state }: OrderMessage): void {
    if (LIT.has(state)) this.#lit.add(slot)
    else this.#lit.delete(slot)
  }

  get isOn(): boolean {
    return this.#lit.size > 0
  }
}
