/** The policy under test, which is the product's code, and the rules that it must beat. */
import { type Forecast, forecast } from '../../../gateway/domain/forecast.ts'
import { leadTimeOf, replenishment } from '../../../gateway/domain/need.ts'
import { WARM_UP_DAYS } from './homes.ts'
import { DAY_MS, type Evening, type Policy } from './simulate.ts'

const NOTHING = { packs: 0, ask: false }

/** The gateway: it observes each reading and cycle, and decides each evening. */
export function productPolicy(packMl: number, stockoutPriceDays?: number): Policy {
  const leads: number[] = []
  let lead = leadTimeOf(leads)
  let wantedBlindMs = Number.NEGATIVE_INFINITY
  let lastBlindOrderMs = Number.NEGATIVE_INFINITY
  return {
    evening({ usage, waiting, atMs, onHandMl }) {
      if (usage === undefined || waiting) return NOTHING
      const told: Forecast = forecast(usage, atMs)
      const { packs, ask } = replenishment({
        forecast: told,
        onHand: onHandMl,
        inFlight: 0,
        leadTime: lead,
        reviewDays: 1,
        consentDelayDays: 0,
        packSize: packMl,
        minimumPacks: 1,
        storageLimit: undefined,
        orderedBlind: told.blindSinceMs !== undefined && lastBlindOrderMs >= told.blindSinceMs,
        ...(stockoutPriceDays === undefined ? {} : { stockoutPriceDays }),
      })
      if (packs > 0) wantedBlindMs = told.blindSinceMs === undefined ? Number.NEGATIVE_INFINITY : atMs
      return { packs, ask }
    },
    arrived(leadDays) {
      // Only now is it known that the question was answered with yes.
      lastBlindOrderMs = Math.max(lastBlindOrderMs, wantedBlindMs)
      leads.push(leadDays)
      lead = leadTimeOf(leads.slice(-20))
    },
  }
}

/** Dash: one pack whenever the level is below a share of the pack. */
export function thresholdPolicy(packMl: number, share: number): Policy {
  let left = Number.POSITIVE_INFINITY
  return {
    evening({ levelMl, onHandMl, waiting }) {
      if (!Number.isNaN(levelMl)) left = levelMl
      return !waiting && left + onHandMl < share * packMl ? { packs: 1, ask: false } : NOTHING
    },
    arrived() {},
  }
}

/** A subscription: one pack every so many days, as the use in the warm-up says, times a factor. */
export function calendarPolicy(packMl: number, factor: number): Policy {
  const start = smoothedUse(0.02)
  let nextDay = Number.POSITIVE_INFINITY
  return {
    evening(evening) {
      const { day, waiting } = evening
      if (day < WARM_UP_DAYS) {
        start.observe(evening)
        nextDay = day + 1
        return !waiting && start.left + evening.onHandMl < 0.3 * packMl ? { packs: 1, ask: false } : NOTHING
      }
      if (waiting || day < nextDay) return NOTHING
      nextDay = Math.max(nextDay, day - 7) + (factor * packMl) / start.ratePerDay
      return { packs: 1, ask: false }
    },
    arrived() {},
  }
}

/** Days left by exponential smoothing of the daily use: one pack when they are fewer than `orderAtDays`. */
export function daysLeftPolicy(packMl: number, alpha: number, orderAtDays: number): Policy {
  const use = smoothedUse(alpha)
  return {
    evening(evening) {
      use.observe(evening)
      const days = (use.left + evening.onHandMl) / use.ratePerDay
      return !evening.waiting && days < orderAtDays
        ? { packs: Math.max(1, Math.ceil(((orderAtDays / 2) * use.ratePerDay) / packMl)), ask: false }
        : NOTHING
    },
    arrived() {},
  }
}

/** Daily use by exponential smoothing, from level to level; the first three weeks count evenly. */
function smoothedUse(alpha: number) {
  let atMs = Number.NaN
  let seenDays = 0
  const use = {
    left: Number.POSITIVE_INFINITY,
    ratePerDay: 1e-6,
    observe(evening: Evening): void {
      if (Number.isNaN(evening.levelMl)) return
      if (!Number.isNaN(atMs) && !evening.refill) {
        const days = (evening.atMs - atMs) / DAY_MS
        seenDays += days
        const weight = Math.max(1 - (1 - alpha) ** days, (days / Math.max(seenDays, 1e-9)) * (seenDays < 21 ? 1 : 0))
        use.ratePerDay = Math.max(
          1e-6,
          use.ratePerDay + weight * ((use.left - evening.levelMl) / days - use.ratePerDay),
        )
      }
      use.left = evening.levelMl
      atMs = evening.atMs
    },
  }
  return use
}
