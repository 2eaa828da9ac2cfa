import type { Forecast } from './forecast.ts'

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
/** Tuned on the seeds 1–500 of `npm run bench:need` to half a stock-out day a year. */
const DEFAULT_STOCKOUT_PRICE_DAYS = 1000
const MAX_RISK = 0.5
const MIN_RISK = 1e-4

/** How many days a seller takes, from what was seen of it and a prior of so many orders. */
const PRIOR_LEAD: LeadTime = { meanDays: 4, sdDays: 2 }
const PRIOR_LEAD_ORDERS = 3

/** The lead time that past orders tell, in days from order to arrival; with none it is a guess of 4 ± 2 days. */
export function leadTimeOf(pastDays: readonly number[]): LeadTime {
  const weight = pastDays.length + PRIOR_LEAD_ORDERS
  const meanDays = (sum(pastDays) + PRIOR_LEAD.meanDays * PRIOR_LEAD_ORDERS) / weight
  const squares = sum(pastDays.map((days) => (days - meanDays) ** 2))
  const prior = (PRIOR_LEAD.sdDays ** 2 + (PRIOR_LEAD.meanDays - meanDays) ** 2) * PRIOR_LEAD_ORDERS
  return { meanDays, sdDays: Math.sqrt((squares + prior) / weight) }
}

/**
 * How much to buy now (DOMAIN.md, need). It waits as long as the risk of a stock-out before the next chance allows; the
 * risk taken per order grows with the days that a pack lasts, because a bigger pack is waited for less often.
 */
export function replenishment(supply: Supply): Replenishment {
  const { forecast, packSize, leadTime } = supply
  const rate = forecast.ratePerDay.mean
  const coveredDays = leadTime.meanDays + supply.consentDelayDays + supply.reviewDays
  const use = rate * coveredDays
  const variance =
    forecast.left.sd ** 2 +
    forecast.dayVariance * coveredDays +
    (forecast.ratePerDay.sd * coveredDays) ** 2 +
    (rate * leadTime.sdDays) ** 2
  const packDays = packSize / rate
  const price = supply.stockoutPriceDays ?? DEFAULT_STOCKOUT_PRICE_DAYS
  const risk = Math.min(MAX_RISK, Math.max(MIN_RISK, packDays / price))
  const reorderPoint = gammaQuantile(use, variance, risk)
  const position = Math.max(0, forecast.balance + supply.onHand) + supply.inFlight
  const need = reorderPoint - position
  const blind = forecast.trust !== 'measured'
  const wait = Math.min(Math.max((-need / rate) * DAY_MS, HOUR_MS), (blind ? 1 : 7) * DAY_MS)
  const common = { need, safetyStock: reorderPoint - use, lookAgainAtMs: forecast.atMs + wait }
  const reasons = [forecast.sentence]
  if (need <= 0) return { ...common, packs: 0, ask: false, reasons: [...reasons, 'That is enough for now.'] }
  if (blind && supply.orderedBlind) {
    return {
      ...common,
      packs: 0,
      ask: false,
      reasons: [...reasons, 'One order was made since the last reading: no second one without it.'],
    }
  }

  const wanted = Math.max(
    1,
    supply.minimumPacks,
    Math.ceil((need + rate * (coveredDays - supply.reviewDays)) / packSize),
  )
  const room = supply.storageLimit === undefined ? wanted : Math.floor((supply.storageLimit - position) / packSize)
  const packs = Math.min(wanted, room)
  if (packs < Math.max(1, supply.minimumPacks)) {
    return {
      ...common,
      packs: 0,
      ask: false,
      reasons: [...reasons, 'The storage limit leaves no room for what the seller sells at least.'],
    }
  }
  return {
    ...common,
    packs,
    ask: blind,
    reasons: [
      ...reasons,
      `New goods need about ${Math.round(coveredDays)} days: ${packs === 1 ? '1 pack is' : `${packs} packs are`} wanted now.`,
    ],
  }
}

/** The amount that a gamma-distributed use exceeds with probability `risk` (Wilson and Hilferty 1931). */
export function gammaQuantile(mean: number, variance: number, risk: number): number {
  const ninth = variance / (9 * mean * mean)
  return mean * Math.max(0, 1 - ninth + normalQuantile(risk) * Math.sqrt(ninth)) ** 3
}

/** The z that a standard normal exceeds with probability `risk` ≤ 0.5; error < 4.5e-4 (Abramowitz and Stegun 26.2.23). */
function normalQuantile(risk: number): number {
  const t = Math.sqrt(-2 * Math.log(risk))
  return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
