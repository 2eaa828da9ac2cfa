import { formatMoney } from '../domain/money.ts'
import { DECISION_MS } from '../domain/timers.ts'
import { localTime } from '../lib/local-time.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Chain } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderWork, SellersOfferStore } from '../ports/orders.ts'
import type { Seller } from '../ports/seller.ts'
import { lookAtSettlement } from './settling.ts'

/** A seller cannot call the gateway: it is asked, each hour about money that is frozen, twice a day about other held money. */
const DISPUTED_POLL_MS = 3_600_000
const HELD_POLL_MS = 12 * 3_600_000
/** Asked in one round, all together, disputed ones first: of a home with more, the newest wait for the others to end. */
const ORDERS_PER_ROUND = 32
const NO_ARBITER = /^0x0+$/

/** Tells the homeowner, once, of each split that a seller has signed: what it is, how to agree, and what happens otherwise. */
export function sellersOfferWorker(parts: {
  store: SellersOfferStore
  chain: Chain
  seller: Pick<Seller, 'offered'>
  clock: Clock
}): Worker {
  let nextAtMs = 0
  let nextOfAllAtMs = 0
  let nextDueAtMs: number | undefined
  return {
    name: 'sellers-offers',
    async step() {
      const nowMs = parts.clock.nowMs()
      if (nowMs < nextAtMs) return { worked: false, nextDueAtMs }
      const isOfAll = nowMs >= nextOfAllAtMs
      const orders = await parts.store.held({ isDisputedOnly: !isOfAll, limit: ORDERS_PER_ROUND })
      nextAtMs = nowMs + DISPUTED_POLL_MS
      if (isOfAll) nextOfAllAtMs = nowMs + HELD_POLL_MS
      nextDueAtMs = orders.some(({ state }) => state === 'disputed') ? nextAtMs : Math.max(nextAtMs, nextOfAllAtMs)
      const outcomes = await Promise.allSettled(orders.map((order) => tellOffer(order, parts, nowMs)))
      const fault = outcomes.find((outcome) => outcome.status === 'rejected')
      if (fault !== undefined) throw fault.reason
      return { worked: outcomes.some((outcome) => outcome.status === 'fulfilled' && outcome.value), nextDueAtMs }
    },
  }
}

async function tellOffer(
  order: OrderWork & { timeZone: string },
  parts: { store: SellersOfferStore; chain: Chain; seller: Pick<Seller, 'offered'>; clock: Clock },
  nowMs: number,
): Promise<boolean> {
  const view = await lookAtSettlement(order, {}, parts)
  if (!view.ok || view.sellersOffer === undefined) return false
  const { toSeller, validBefore } = view.sellersOffer
  const money = (minorUnits: bigint) => formatMoney(minorUnits, parts.chain.facts.token)
  const product = order.quote?.signed.quote.productName ?? order.gtin
  const text =
    `${order.quantity} × ${product} for ${order.deviceId} ${order.slot}: the seller offers to settle: ${money(toSeller)} to the ` +
    `seller, ${money(view.heldMinorUnits - toSeller)} back to you. To agree, say \`adept order settle ${order.orderId} ` +
    `--to-seller ${money(toSeller).split(' ')[0]}\` before ${localTime(validBefore * 1000, order.timeZone)}. ${otherwise(order)}`
  return parts.store.tellOnce(order, text, nowMs)
}

/** What happens to the money when nobody agrees. */
function otherwise(order: OrderWork & { timeZone: string }): string {
  if (order.state !== 'disputed') return 'If you do nothing, the order goes on as before.'
  const back = `all of it comes back to you after ${localTime(order.stateChangedAtMs + DECISION_MS, order.timeZone)}`
  const hasArbiter = !NO_ARBITER.test(order.authorization?.terms.arbiter ?? '')
  return hasArbiter ? `If you do nothing, the arbiter decides, or ${back}.` : `If you do nothing, ${back}.`
}
