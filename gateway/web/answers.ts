import { z } from 'zod'
import { formatMoney } from '../domain/money.ts'
import type { Notification } from '../domain/notification.ts'
import type { OrderView } from '../ports/orders.ts'

/** A number in a query string, within bounds. */
export function queryNumber(bounds: { min: number; max: number; default: number }) {
  return z.coerce.number().int().min(bounds.min).max(bounds.max).default(bounds.default)
}

export type TokenFormat = { symbol: string; decimals: number }

/** An order for the wire; amounts also as a person reads them. */
export function orderAnswer(order: OrderView, token: TokenFormat) {
  return {
    ...order,
    quote: order.quote && { ...order.quote, total: formatMoney(order.quote.totalMinorUnits, token) },
    steps: order.steps.map((step) => ({ ...step, amount: moneyText(step.amountMinorUnits, token) })),
  }
}

/** A feed entry for the wire. */
export function feedAnswer(entry: Notification, token: TokenFormat) {
  return { ...entry, amount: moneyText(entry.amountMinorUnits, token) }
}

function moneyText(minorUnits: bigint | undefined, token: TokenFormat): string | undefined {
  return minorUnits === undefined ? undefined : formatMoney(minorUnits, token)
}
