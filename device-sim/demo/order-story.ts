import { z } from 'zod'
import { MinorUnits } from '../../gateway/domain/money.ts'
import type { Story } from './story.ts'

/** What the story needs of an order as `GET /v1/orders` tells it; the newest first. */
export const OrdersAnswer = z.object({
  orders: z.array(
    z.object({
      orderId: z.string(),
      state: z.string(),
      reasons: z.array(z.string()),
      quote: z
        .object({
          packSize: z.number(),
          quantity: z.number(),
          totalMinorUnits: MinorUnits,
          total: z.string(),
        })
        .optional(),
      steps: z.array(
        z.object({
          fromState: z.string().optional(),
          toState: z.string(),
          atMs: z.number(),
          reason: z.string(),
          txHash: z.string().optional(),
        }),
      ),
    }),
  ),
})
export type OrderAnswer = z.infer<typeof OrdersAnswer>['orders'][number]
type OrderStep = OrderAnswer['steps'][number]

/** What a person would call each arrow of an order. */
const WORDS: Record<string, string> = {
  needed: 'decision',
  quoted: 'quote',
  'awaiting-consent': 'consent',
  authorized: 'held',
  due: 'due',
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
      for (const step of order.steps.slice(told)) this.#tellStep(order, step)
      this.#told.set(order.orderId, order.steps.length)
    }
  }

  #tellStep({ reasons, quote }: OrderAnswer, { fromState, toState, atMs, reason, txHash }: OrderStep): void {
    const what = fromState === toState ? 'note' : (WORDS[toState] ?? toState)
    if (fromState === undefined) {
      for (const because of reasons) this.#story.line(atMs, what, because)
      return
    }
    const price = toState === 'quoted' && fromState !== toState && quote !== undefined ? `${quote.total}: ` : ''
    this.#story.line(atMs, what, price + reason)
    if (txHash !== undefined) this.#story.line(atMs, what, `transaction ${txHash}`)
  }
}
