import { z } from 'zod'
import { MinorUnits } from '../gateway/domain/money.ts'
import type { Story } from './story.ts'

/** What the story needs of an order as `GET /v1/orders` tells it; the newest first. */
export const OrdersAnswer = z.object({
  orders: z.array(
    z.object({
      orderId: z.string(),
      gtin: z.string(),
      quantity: z.number(),
      state: z.string(),
      reasons: z.array(z.string()),
      quote: z
        .object({
          productName: z.string(),
          packSize: z.number(),
          quantity: z.number(),
          totalMinorUnits: MinorUnits,
          total: z.string(),
        })
        .optional(),
      steps: z.array(
        z.object({ toState: z.string(), atMs: z.number(), reason: z.string(), txHash: z.string().optional() }),
      ),
    }),
  ),
})
export type OrderAnswer = z.infer<typeof OrdersAnswer>['orders'][number]

/** What a person would call each arrow of an order. */
const WORDS: Record<string, string> = {
  needed: 'decision',
  quoted: 'quote',
  'awaiting-consent': 'asks you',
  authorized: 'funds held',
  due: 'cooling off over',
  shipped: 'shipped',
  delivered: 'delivered',
  completed: 'paid',
}

/** Tells every step of every order once, in the order of the line. */
export class OrderStory {
  readonly #story: Story
  readonly #told = new Map<string, number>()

  constructor(story: Story) {
    this.#story = story
  }

  /** Takes these as told. */
  skip(orders: OrderAnswer[]): void {
    for (const order of orders) this.#told.set(order.orderId, order.steps.length)
  }

  tell(orders: OrderAnswer[]): void {
    for (const order of orders.toReversed()) {
      const told = this.#told.get(order.orderId) ?? 0
      const steps = order.steps.slice(told)
      for (const [index, step] of steps.entries()) this.#tellStep(order, step, told + index > 0)
      this.#told.set(order.orderId, order.steps.length)
    }
  }

  #tellStep(order: OrderAnswer, step: OrderAnswer['steps'][number], again: boolean): void {
    const { toState, atMs, reason, txHash } = step
    const what = WORDS[toState] ?? toState
    if (toState === 'needed' && !again) {
      for (const because of order.reasons) this.#story.line(atMs, what, because)
      return
    }
    const { quote } = order
    const price =
      toState === 'quoted' && quote !== undefined ? `${quote.quantity} × ${quote.productName}: ${quote.total}. ` : ''
    this.#story.line(atMs, what, `${price}${reason}`)
    if (txHash !== undefined) this.#story.line(undefined, '', `transaction ${txHash}`)
  }
}
