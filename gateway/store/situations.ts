import { gtin14 } from '../domain/identifiers.ts'
import { SlotDescription } from '../domain/level.ts'
import { MandateFile } from '../domain/mandate.ts'
import { type LeadTime, leadTimeOf, onHandAfterLevel } from '../domain/need.ts'
import { ENDED_STATES, type Mode, type OrderState } from '../domain/order.ts'
import { Quote } from '../domain/quote.ts'
import type { SlotState } from '../domain/slot-state.ts'
import { memo } from '../lib/memo.ts'
import type { BuyableProduct, Situation } from '../ports/rules.ts'
import type { Db } from './database.ts'
import { type MovableStock, reserves } from './reserves.ts'

export type SlotRow = {
  home_id: string
  time_zone: string
  device_id: string
  slot: string
  description: string | null
  mode: Mode
  confirmed_at_ms: number | null
  suspended_reason: string
  low_told: number
  state: string | null
  acted: string | null
  blind_told: number | null
}
type OrderRow = {
  order_id: string
  state: OrderState
  state_changed_at_ms: number
  created_at_ms: number
  gtin: string
  quantity: number
  quote: string | null
  moves: string | null
}
type Granted = { file: MandateFile; sellerUrl: string; createdAtMs: number }

export const SLOT_COLUMNS = `slots.device_id, slots.slot, slots.description, mode, confirmed_at_ms, suspended_reason, low_told,
  devices.home_id, time_zone, state, acted, blind_told`
export const SLOT_TABLES =
  'slots JOIN devices USING (device_id) JOIN homes USING (home_id) LEFT JOIN slot_needs USING (device_id, slot)'

const DAY_SECONDS = 86_400
const DAY_MS = 86_400_000
/** Orders of a slot that a decision looks at: more than are ever open, resting or on a shelf. */
const NEWEST_ORDERS = 20
/** Of one seller, for its lead time. */
const LEAD_TIMES = 20
/** The slot rests after these: no goods, or a quarrel about them. */
const WITHOUT_GOODS: readonly OrderState[] = ['dropped', 'cancelled', 'reclaimed', 'refunded', 'settled', 'decided']
/** The seller has the goods again. After a settlement they may be anywhere: the level tells (`onHandAfterLevel`). */
const RETURNED: readonly OrderState[] = ['dropped', 'cancelled', 'reclaimed', 'refunded']
const SENT: readonly OrderState[] = ['shipped', 'delivered', 'completed', 'disputed']

/** Reads what a decision looks at; notes in the reserve what was shipped or came back since the last look. */
export function situations(db: Db) {
  const orders = db.prepare<[string, string], OrderRow>(
    `SELECT orders.order_id, state, state_changed_at_ms, created_at_ms, gtin, quantity, quote,
            (SELECT group_concat(kind) FROM stock_moves WHERE stock_moves.order_id = orders.order_id) AS moves
     FROM orders LEFT JOIN quotes ON quotes.order_id = orders.order_id AND quotes.attempt = orders.attempt
     WHERE device_id = ? AND slot = ? ORDER BY created_at_ms DESC LIMIT ${NEWEST_ORDERS}`,
  )
  const granted = db.prepare<[string], { mandate_hash: string; seller_url: string; created_at_ms: number }>(
    `SELECT mandate_hash, seller_url, created_at_ms FROM mandates WHERE device_id = ? AND state = 'granted' AND fault = ''
     ORDER BY created_at_ms DESC`,
  )
  const mandateFile = db.prepare<[string], { file: string }>('SELECT file FROM mandates WHERE mandate_hash = ?')
  const leadTimes = db.prepare<[string, string], { authorized: number; arrived: number; terms: string }>(
    `SELECT (SELECT min(at_ms) FROM order_steps AS steps
             WHERE steps.order_id = orders.order_id AND steps.attempt = orders.attempt AND to_state = 'authorized') AS authorized,
            (SELECT min(at_ms) FROM evidence WHERE evidence.order_id = orders.order_id) AS arrived, terms
     FROM orders JOIN quotes USING (order_id, attempt) JOIN authorizations USING (order_id, attempt)
     WHERE home_id = ? AND seller_url = ? AND orders.state IN ('delivered', 'completed')
     ORDER BY created_at_ms DESC LIMIT ${LEAD_TIMES}`,
  )
  const counted = db.prepare<[string, string], { at: number | null }>(
    `SELECT max(at_ms) AS at FROM stock_moves WHERE device_id = ? AND slot = ? AND kind = 'owner'`,
  )
  const stock = reserves(db)
  const descriptions = memo((json: string) => SlotDescription.parse(JSON.parse(json)))
  const mandates = memo((hash: string) => MandateFile.parse(JSON.parse(mandateFile.get(hash)!.file)))
  /** Of one step: orders arrive rarely, and every slot of a home asks. */
  let leads = new Map<string, LeadTime>()

  function leadTimeFrom(homeId: string, sellerUrl: string): LeadTime {
    const key = `${homeId} ${sellerUrl}`
    let lead = leads.get(key)
    if (lead === undefined) {
      const days = leadTimes.all(homeId, sellerUrl).flatMap(({ authorized, arrived, terms }) => {
        const coolingOffDays = (JSON.parse(terms) as { coolingOffSeconds: number }).coolingOffSeconds / DAY_SECONDS
        const took = (arrived - authorized) / DAY_MS - coolingOffDays
        return authorized !== null && arrived !== null ? [Math.max(0, took)] : []
      })
      lead = leadTimeOf(days)
      leads.set(key, lead)
    }
    return lead
  }

  /** In the order of the device's own list; the newest mandate that names a product. */
  function productsOf(
    row: SlotRow,
    description: SlotDescription,
    known: Granted[],
    past: OrderRow[],
  ): BuyableProduct[] {
    return description.replacementProducts.flatMap((product): BuyableProduct[] => {
      if (product.type === 'oem') return []
      const same = (gtin: string) => gtin14(gtin) === gtin14(product.value)
      const mandate = known.find(({ file }) => file.offers.some(({ gtin }) => same(gtin)))
      const named = mandate?.file.offers.find(({ gtin }) => same(gtin))
      if (mandate === undefined || named === undefined) return []
      const { maxPerOrder, coolingOffSeconds } = mandate.file.mandate
      const seen = past.find(({ gtin, quote }) => same(gtin) && quote !== null)
      const unit = seen?.quote === undefined || seen.quote === null ? undefined : quoteOf(seen.quote).contentUnit
      return [
        {
          gtin: product.value,
          packContent: packContent(named.packSize, unit, description),
          // A price may lie below the highest: one pack is always tried.
          maxPacks: named.maxUnitPrice === 0n ? 1 : Math.max(1, Number(maxPerOrder / named.maxUnitPrice)),
          coolingOffDays: coolingOffSeconds / DAY_SECONDS,
          leadTime: leadTimeFrom(row.home_id, mandate.sellerUrl),
        },
      ]
    })
  }

  /** Brings the reserve up to date with the orders; what of it is still on its way. */
  function noteOrders(
    row: SlotRow,
    past: (OrderRow & MovableStock)[],
    refilledAtMs: number | undefined,
    atMs: number,
  ): number {
    let inFlight = 0
    for (const order of past.toReversed()) {
      const isNoted = order.moves?.includes('shipped') ?? false
      if (SENT.includes(order.state) && !isNoted) {
        stock.shipped(row.device_id, row.slot, order, refilledAtMs, atMs)
      }
      if (RETURNED.includes(order.state) && isNoted && !order.moves?.includes('returned')) {
        stock.returned(row.device_id, row.slot, order, atMs)
      }
      const isHere = order.state === 'delivered' || order.state === 'disputed'
      if (!isHere && !(ENDED_STATES as readonly OrderState[]).includes(order.state)) inFlight += order.content
    }
    return inFlight
  }

  /** What the level tells of goods that nobody saw being poured in; a refill that was seen has been taken off already. */
  function noteUse(
    row: SlotRow,
    state: SlotState | undefined,
    past: OrderRow[],
    onTheWay: number,
    atMs: number,
  ): number {
    const { reserve, pack_content: packSize } = stock.of(row.device_id, row.slot)
    const onHand = reserve - onTheWay
    const usage = state?.usage
    if (onHand <= 0 || usage === undefined || usage.refill?.atMs === usage.readAtMs) return reserve
    const arrivals = past.filter(({ state: orderState }) => orderState === 'delivered' || orderState === 'completed')
    const countedAtMs = counted.get(row.device_id, row.slot)?.at ?? 0
    const sinceMs = Math.max(countedAtMs, ...arrivals.map((order) => order.state_changed_at_ms))
    const left = onHandAfterLevel({ onHand, sinceMs, packSize }, usage)
    if (left < onHand) stock.used(row.device_id, row.slot, onHand - left, atMs)
    return left + onTheWay
  }

  return {
    /** A new step: lead times are looked up again. */
    begin(): void {
      leads = new Map()
    },

    of(row: SlotRow, state: SlotState | undefined, atMs: number): Situation {
      const description = row.description === null ? undefined : descriptions(row.description)
      const past = orders.all(row.device_id, row.slot)
      const known = granted.all(row.device_id).map(({ mandate_hash, seller_url, created_at_ms }) => ({
        file: mandates(mandate_hash),
        sellerUrl: seller_url,
        createdAtMs: created_at_ms,
      }))
      const products = description === undefined ? [] : productsOf(row, description, known, past)
      const stocked = past.map((order) => ({ ...order, ...contentOf(order, products, description) }))
      const inFlight = noteOrders(row, stocked, state?.usage?.refill?.atMs, atMs)
      const shippedNotHere = stocked.find(({ state: orderState }) => orderState === 'shipped')?.content ?? 0
      const reserve = noteUse(row, state, past, shippedNotHere, atMs)
      const open = past.find(({ state: orderState }) => !(ENDED_STATES as readonly OrderState[]).includes(orderState))
      const lastWordAtMs = Math.max(row.confirmed_at_ms ?? 0, ...known.map(({ createdAtMs }) => createdAtMs))
      // An order that the homeowner's later word has not overtaken. In the same millisecond the order's end counts as
      // later: else it would be ordered again at once, and again.
      const ended = past
        .filter((order) => WITHOUT_GOODS.includes(order.state) && order.state_changed_at_ms >= lastWordAtMs)
        .map((order) => order.state_changed_at_ms)
      return {
        homeId: row.home_id,
        timeZone: row.time_zone,
        deviceId: row.device_id,
        slot: row.slot,
        description,
        mode: row.mode,
        suspendedReason: row.suspended_reason,
        level: state?.level,
        usage: state?.usage,
        events: state?.events ?? [],
        openOrder: open && { orderId: open.order_id, state: open.state },
        onHand: Math.max(0, reserve - shippedNotHere),
        inFlight: shippedNotHere > 0 ? Math.min(inFlight, reserve) : inFlight,
        products,
        lowTold: row.low_told === 1,
        blindTold: row.blind_told === 1,
        lastEndedWithoutGoodsAtMs: ended.length > 0 ? Math.max(...ended) : undefined,
        lastOrderAtMs: past.find(({ state: orderState }) => !WITHOUT_GOODS.includes(orderState))?.created_at_ms,
        actedAtMs: JSON.parse(row.acted ?? '{}') as Record<string, number>,
      }
    },
  }
}

function contentOf(
  order: OrderRow,
  products: BuyableProduct[],
  description: SlotDescription | undefined,
): MovableStock {
  const { order_id, state, gtin, quantity, quote } = order
  const product = products.find((each) => gtin14(each.gtin) === gtin14(gtin))
  const filling = product?.packContent ?? description?.capacity ?? 0
  const signed = quote === null || description === undefined ? undefined : quoteOf(quote)
  const pack = signed === undefined ? filling : packContent(signed.packSize, signed.contentUnit, description!)
  return { orderId: order_id, state, content: quantity * pack, packContent: pack }
}

/** A pack that is not measured in the slot's own unit counts as one filling. */
function packContent(packSize: number, unit: Quote['contentUnit'] | undefined, description: SlotDescription): number {
  const isSame = unit === undefined ? description.unit !== 'percent' : unit === description.unit
  return isSame ? packSize : description.capacity
}

const quoteOf = memo((json: string) => Quote.parse(JSON.parse(json)))
