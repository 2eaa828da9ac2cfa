import { type Forecast, forecast } from './forecast.ts'
import type { Usage } from './forecast-model.ts'

/** Days from the decision's order to the goods in the home. */
export type LeadTime = { meanDays: number; sdDays: number }

export type Supply = {
  forecast: Forecast
  /** Bought and delivered, not yet poured in; and ordered, not yet delivered. In the slot's unit. */
  onHand: number
  inFlight: number
  leadTime: LeadTime
  /** Until the slot is looked at again: a reading a day is 1. */
  reviewDays: number
  /** Added to the lead time: a person's yes, the cooling off. */
  consentDelayDays: number
  /** Content of one pack in the slot's unit. */
  packSize: number
  minimumPacks: number
  /** The most that the home wants to hold, slot and shelf together, in the slot's unit. */
  storageLimit: number | undefined
  /** An order was already made since the level is blind. */
  orderedBlind: boolean
  /** The price of one stock-out day in days of stock held: what the homeowner fears more, boxes or an empty drawer. */
  stockoutPriceDays?: number
}

export type Replenishment = {
  /** Packs to buy now; 0 is none. */
  packs: number
  /** Forecast use over lead time and review + safety stock − in device − on hand − in flight, in the slot's unit; below 0 is a surplus. */
  need: number
  safetyStock: number
  /** The level is blind: ask the homeowner instead of buying alone. */
  ask: boolean
  reasons: string[]
  /** When the answer may be another one without any news. */
  lookAgainAtMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/**
 * Who must never run out: about one stock-out day in ten years, and less than a quarter of one after use has doubled (seeds
 * 1–500 of `npm run bench:need`). Twice the price holds three days more of stock and saves nothing then; half a day a year
 * would be 1,300 and eight days less of stock.
 */
const STOCKOUT_PRICE_DAYS = 10_000
/** People stay away, and guests stay, for days: use over a lead time varies more than days of their own would. */
const DAYS_ALIKE = 1.2
/** Of a stock-out before the next chance, whatever the price. */
const MAX_RISK = 0.5
const MIN_RISK = 1e-4
const LOOK_AGAIN_DAYS = 7
const LOOK_AGAIN_BLIND_DAYS = 1

/** The guess of a lead time that nobody has seen yet. Its mean weighs like so many orders… */
const PRIOR_LEAD: LeadTime = { meanDays: 4, sdDays: 2 }
const PRIOR_MEAN_ORDERS = 3
/** …its spread like more: sellers differ in their mean, parcels stray alike, and a few that came in time prove little. */
const PRIOR_SPREAD_ORDERS = 12

/** What came was poured in or is gone when the slot had room for it for so many days… */
const POURED_WITHIN_DAYS = 7
/** …that is, when a pack fits, or at most this share of the capacity is left; the level is surely below it by so many deviations. */
const ROOM_SHARE = 0.25
const ROOM_DEVIATIONS = 3
/** Or when next to nothing of that is left, and it came this long ago. */
const NEXT_TO_NOTHING_SHARE = 0.2
const POURED_AT_LEAST_DAYS = 4

/** The lead time that past orders tell, in days from order to arrival; with none it is a guess of 4 ± 2 days. */
export function leadTimeOf(pastDays: readonly number[]): LeadTime {
  const orders = pastDays.length
  const meanDays = (sum(pastDays) + PRIOR_LEAD.meanDays * PRIOR_MEAN_ORDERS) / (orders + PRIOR_MEAN_ORDERS)
  const squares = sum(pastDays.map((days) => (days - meanDays) ** 2))
  const prior = PRIOR_LEAD.sdDays ** 2 * PRIOR_SPREAD_ORDERS
  return { meanDays, sdDays: Math.sqrt((squares + prior) / (orders + PRIOR_SPREAD_ORDERS)) }
}

/** What is still on hand after a refill: whole packs were poured in, at least one. */
export function onHandAfterRefill(onHand: number, poured: number, packSize: number): number {
  return Math.max(0, onHand - packSize * Math.max(1, Math.round(poured / packSize)))
}

/**
 * What is still on hand after a level; `sinceMs` is when the last of it came. Besides refills: nobody lets a slot run empty
 * with goods at hand. When it had room for long they were poured in unseen or are gone, and counted on they would keep the
 * slot from ever being filled again.
 */
export function onHandAfterLevel(
  { onHand, sinceMs, packSize }: { onHand: number; sinceMs: number; packSize: number },
  usage: Usage,
): number {
  const { readAtMs, sameSinceMs, refill, capacity } = usage
  if (refill?.atMs === readAtMs) return onHandAfterRefill(onHand, refill.amount, packSize)
  const { trust, left, ratePerDay } = forecast(usage, readAtMs)
  // A level that has not moved since the goods came says nothing of them.
  if (trust !== 'measured' || sameSinceMs <= sinceMs || readAtMs - sinceMs < POURED_AT_LEAST_DAYS * DAY_MS)
    return onHand
  const room = Math.max(capacity - packSize, capacity * ROOM_SHARE)
  const roomDays = (room - left.mean - ROOM_DEVIATIONS * left.sd) / ratePerDay.mean
  return roomDays > POURED_WITHIN_DAYS || left.mean < room * NEXT_TO_NOTHING_SHARE ? 0 : onHand
}

/**
 * How much to buy now (DOMAIN.md, need). A day's wait saves a day of stock for as long as a pack lasts, and risks one more
 * stock-out day: so it waits while the risk of running out is below (days that a pack lasts) ÷ (price of a stock-out day in
 * days of stock). A bigger pack is waited for less often and may take more risk each time.
 */
export function replenishment(supply: Supply): Replenishment {
  const { forecast, packSize } = supply
  const rate = forecast.ratePerDay.mean
  const waitDays = supply.leadTime.meanDays + supply.consentDelayDays
  const { use, reorderPoint } = reorderAt(supply, waitDays + supply.reviewDays)
  const position = Math.max(0, forecast.balance + supply.onHand) + supply.inFlight
  const need = reorderPoint - position
  const blind = forecast.trust !== 'measured'
  const lookAgainDays = clamp(-need / rate, HOUR_MS / DAY_MS, blind ? LOOK_AGAIN_BLIND_DAYS : LOOK_AGAIN_DAYS)
  const answer = (packs: number, reason: string): Replenishment => ({
    packs,
    need,
    safetyStock: reorderPoint - use,
    ask: packs > 0 && blind,
    reasons: [forecast.sentence, reason],
    lookAgainAtMs: forecast.atMs + Math.round(lookAgainDays * DAY_MS),
  })

  if (need <= 0) return answer(0, 'That is enough for now.')
  if (blind && supply.orderedBlind) {
    return answer(0, 'One order was made since the last true reading: a second one waits for the next.')
  }
  const least = Math.max(1, supply.minimumPacks)
  // One order at a time: what comes must last until the next can come. A new slot's rate may be off by far.
  const wanted = forecast.isNew ? least : Math.max(least, Math.ceil((need + rate * waitDays) / packSize))
  const { storageLimit = Number.POSITIVE_INFINITY } = supply
  const packs = Math.min(wanted, Math.floor((storageLimit - position) / packSize))
  if (packs < least) return answer(0, `The storage limit leaves no room for ${packsText(least)} more.`)
  return answer(packs, `New goods need about ${Math.round(waitDays)} days to come: time to buy ${packsText(packs)}.`)
}

/** The use that is expected until goods can be here, and the stock that covers it at the risk of the price. */
export function reorderAt(
  {
    forecast,
    leadTime,
    packSize,
    stockoutPriceDays,
  }: Pick<Supply, 'leadTime' | 'packSize' | 'stockoutPriceDays'> & {
    forecast: Pick<Forecast, 'ratePerDay' | 'left' | 'dayVariance' | 'trust'>
  },
  coveredDays: number,
) {
  const { ratePerDay, left, dayVariance, trust } = forecast
  const use = ratePerDay.mean * coveredDays
  const variance =
    // While the level is measured the next reading settles this doubt: an order for it alone comes too early.
    (trust === 'measured' ? 0 : left.sd ** 2) +
    dayVariance * coveredDays * DAYS_ALIKE +
    (ratePerDay.sd * coveredDays) ** 2 +
    (ratePerDay.mean * leadTime.sdDays) ** 2
  const packDays = packSize / ratePerDay.mean
  const risk = clamp(packDays / (stockoutPriceDays ?? STOCKOUT_PRICE_DAYS), MIN_RISK, MAX_RISK)
  return { use, reorderPoint: gammaQuantile(use, variance, risk) }
}

/** Beyond this variance ÷ (9 × mean²) the formula below bends back: more doubt would buy less. */
const MAX_NINTH = 0.2

/** The amount that a gamma-distributed use exceeds with probability `risk` (Wilson and Hilferty 1931). */
export function gammaQuantile(mean: number, variance: number, risk: number): number {
  const ninth = Math.min(variance / (9 * mean * mean), MAX_NINTH)
  return mean * Math.max(0, 1 - ninth + normalQuantile(risk) * Math.sqrt(ninth)) ** 3
}

/** The z that a standard normal exceeds with probability `risk` ≤ 0.5; error < 4.5e-4 (Abramowitz and Stegun 26.2.23). */
function normalQuantile(risk: number): number {
  const t = Math.sqrt(-2 * Math.log(risk))
  return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
}

function packsText(packs: number): string {
  return packs === 1 ? '1 pack' : `${packs} packs`
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
