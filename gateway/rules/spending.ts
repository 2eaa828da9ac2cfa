import type { HomeCalendar } from '../domain/home-calendar.ts'
import { formatMoney, parseMoney } from '../domain/money.ts'
import { type Budget, namesSlot } from '../domain/rules.ts'
import type { SpendingLimits, SpendingStore } from '../ports/rules.ts'
import type { RulesInForce } from './in-force.ts'

/**
 * What a price must not exceed without a person's yes: the rule's price and budget, and every budget that names the slot,
 * each by the calendar of the order's home. The mandate's caps come on top and know no yes.
 */
export function spendingLimits(parts: {
  store: SpendingStore
  rules: Pick<RulesInForce, 'current'>
  calendarOf(homeId: string): Promise<HomeCalendar>
  token: { decimals: number; symbol: string }
}): SpendingLimits {
  const { store, token } = parts
  const money = (amount: bigint) => formatMoney(amount, token)
  /** More decimals than the token has are no amount: then a person decides. */
  const parse = (text: string) => parseMoney(text, token.decimals)

  return {
    async exceeded(order, quote, nowMs) {
      const limits = await store.limitsOf(order.orderId)
      const total = quote.totalMinorUnits
      if (limits?.priceAtMost !== undefined) {
        const most = parse(limits.priceAtMost)
        if (most === undefined || total > most * BigInt(quote.quantity)) {
          return `It costs ${money(total)} for ${quote.quantity === 1 ? '1 pack' : `${quote.quantity} packs`}; the rule "${limits.rule}" allows ${limits.priceAtMost} each.`
        }
      }
      for (const budget of parts.rules.current().rules.budgets) {
        if (!namesSlot(budget.slots, order.deviceId, order.slot)) continue
        const spent = await spentOf(budget)
        const leaves = limits?.budget?.name === budget.name ? limits.budget.leaves : '0'
        const [limit, rest] = [parse(budget.limit), parse(leaves)]
        if (limit !== undefined && rest !== undefined && spent + total + rest <= limit) continue
        const left = rest === undefined || rest > 0n ? `, and ${leaves} must be left of it` : ''
        return `It costs ${money(total)}, and ${money(spent)} of the ${budget.limit} ${token.symbol} of your budget "${budget.name}" for this ${budget.period} are spent${left}.`
      }
      return undefined

      async function spentOf({ period, slots }: Budget): Promise<bigint> {
        const calendar = await parts.calendarOf(order.homeId)
        const orders = await store.spentSince(order, calendar.periodStartMs(period, nowMs))
        return orders
          .filter(({ deviceId, slot }) => namesSlot(slots, deviceId, slot))
          .reduce((sum, { totalMinorUnits }) => sum + totalMinorUnits, 0n)
      }
    },
  }
}
