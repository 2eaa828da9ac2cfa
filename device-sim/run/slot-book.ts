import { type Forecast, forecast, observe } from '../../gateway/domain/forecast.ts'
import { dayVarianceOf, rateOf, type Usage } from '../../gateway/domain/forecast-model.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import {
  type LeadTime,
  leadTimeOf,
  onHandAfterLevel,
  onHandAfterRefill,
  type Replenishment,
  reorderAt,
  replenishment,
} from '../../gateway/domain/need.ts'
import { assessLevel, historyAfter, type SlotHistory } from '../../gateway/domain/plausibility.ts'
import { afterReading, newSlotState, refilledBetween, type SlotState } from '../../gateway/domain/slot-state.ts'

const DAY_MS = 86_400_000
/** As in gateway/rules/outlook.ts and evaluate.ts, for the built-in rules. */
const REVIEW_DAYS = 1
const CONSENT_DAYS = 1
const RETRY_AFTER_DAYS = 1
const ASK_AGAIN_AFTER_DAYS = 3

/** A decision that is put off is made after so many days at the latest; a slot is silent after 2. */
const PUT_OFF_DAYS = 1.5
/** A slot of which nothing was read for longer may be silent. */
const SILENT_MS = 2 * DAY_MS
/** When a decision is put off, its level is no older than this. */
const FRESH_DAYS = 0.25

/** `always`: at every news, as the gateway does; else only where it can matter, which comes to the same. */
export type Deciding = 'always' | 'where it can matter'
/** What the home may buy for a slot. */
export type Buyable = { gtin: string; packContent: number; maxPacks: number; coolingOffDays: number }
export type Wish = { packs: number; asks: boolean }

/**
 * What the gateway knows of one slot: its readings judged by plausibility, its use by the forecast, the goods beside it.
 * The functions of gateway/domain decide; what the gateway keeps in rows (gateway/store/situations.ts) is kept here.
 */
export class SlotBook {
  readonly description: SlotDescription
  readonly product: Buyable
  history: SlotHistory = { latest: undefined, verified: undefined, lowest: undefined }
  state: SlotState
  /** Something to decide on came since the last decision; and when there is, even without. */
  hasNews = false
  dueAtMs = Number.POSITIVE_INFINITY
  lastOrderAtMs = Number.NEGATIVE_INFINITY
  /** Shipped and not yet poured in, in the slot's unit; and of that what is still under way. */
  #reserve = 0
  #underWay = 0
  /** Of the open order, shipped or not. */
  #inFlight = 0
  #arrivedAtMs = 0
  #endedWithoutGoodsAtMs = Number.NEGATIVE_INFINITY

  readonly #deciding: Deciding
  #isBlind = false
  #decidedBy: LeadTime = leadTimeOf([])
  /** The newest news on which nothing was decided, because nothing can have come of it; NaN: none. */
  #putOffAtMs = Number.NaN

  constructor(description: SlotDescription, product: Buyable, deciding: Deciding) {
    this.#deciding = deciding
    this.description = description
    this.product = product
    this.state = newSlotState(description)
  }

  /** Whether the level shows that somebody filled the slot. */
  takeLevel(measuredAtMs: number, remaining: number, nowMs: number): boolean {
    const report = { remaining, unit: this.description.unit, measuredAtMs }
    const assessment = assessLevel(this.history, report, this.description, nowMs)
    this.history = historyAfter(this.history, report, assessment, this.description)
    const before = this.state
    this.state = afterReading(before, {
      kind: 'level',
      readingId: 0,
      measuredAtMs: assessment.measuredAtMs,
      remaining,
      mark: assessment.mark,
      markReason: assessment.reason,
    })
    this.hasNews = true
    if (this.#reserve > 0) {
      const refilled = refilledBetween(before, this.state)
      if (refilled > 0) this.#reserve = onHandAfterRefill(this.#reserve, refilled, this.product.packContent)
    }
    return assessment.refill
  }

  /** A finished cycle that says what it took of this slot. */
  takeDose(atMs: number, dose: number): void {
    this.hasNews = true
    this.state.usage = observe(this.state.usage, { kind: 'cycle', atMs, dose }, this.description)
  }

  /** Something else happened in the device. It matters while the level is blind or may turn out to be. */
  takeEvent(nowMs: number): void {
    const { usage, level } = this.state
    const mayBeBlind = usage !== undefined && (level?.mark !== 'verified' || nowMs - usage.readAtMs > SILENT_MS)
    if (this.#isBlind || mayBeBlind || this.#deciding === 'always') this.hasNews = true
    else this.#putOffAtMs = nowMs
  }

  /**
   * Whether to decide now. An event alone changes nothing but the time, for which there is `dueAtMs`; with it the slot
   * learns that another order of the home has come since.
   */
  mustDecide(nowMs: number, leadTime: LeadTime): boolean {
    if (this.#putOffAtMs === nowMs && leadTime !== this.#decidedBy) this.hasNews = true
    return this.hasNews || this.dueAtMs <= nowMs
  }

  /** What to buy now, as the built-in rules have it; undefined: nothing. */
  decide(nowMs: number, leadTime: LeadTime, hasOpenOrder: boolean): Wish | undefined {
    const isNews = this.hasNews
    const putOffAtMs = this.#putOffAtMs
    this.hasNews = false
    this.#putOffAtMs = Number.NaN
    const decidedBy = this.#decidedBy
    this.#decidedBy = leadTime
    const { usage, level } = this.state
    if (isNews && this.#deciding !== 'always' && this.#canWait(nowMs, leadTime, hasOpenOrder)) {
      this.#putOffAtMs = nowMs
      this.dueAtMs = nowMs + PUT_OFF_DAYS * DAY_MS
      return undefined
    }
    if (!isNews && putOffAtMs < nowMs && usage !== undefined) {
      // No news since: what would have been decided then, that is when to look again, holds.
      this.dueAtMs = Math.ceil(this.#need(forecast(usage, putOffAtMs), decidedBy, false).lookAgainAtMs)
      if (this.dueAtMs > nowMs) {
        this.#decidedBy = decidedBy
        return undefined
      }
    }
    this.dueAtMs = Number.POSITIVE_INFINITY
    this.#noteUse()
    if (usage === undefined || level === undefined) return undefined
    const outlook = forecast(usage, nowMs)
    const isMeasured = outlook.trust === 'measured'
    if (level.mark !== 'verified' && isMeasured) {
      this.dueAtMs = nowMs + DAY_MS
      return undefined
    }
    const orderedBlind = outlook.blindSinceMs !== undefined && this.lastOrderAtMs >= outlook.blindSinceMs
    const { packs, lookAgainAtMs } = this.#need(outlook, leadTime, orderedBlind)
    this.#isBlind = !isMeasured
    if (!isMeasured) this.#markBlind(outlook.trust === 'stuck')
    this.dueAtMs = Math.ceil(lookAgainAtMs)
    if (packs === 0 || hasOpenOrder || orderedBlind) return undefined
    const restDays = isMeasured ? RETRY_AFTER_DAYS : ASK_AGAIN_AFTER_DAYS
    const restEndsAtMs = this.#endedWithoutGoodsAtMs + restDays * DAY_MS
    if (nowMs < restEndsAtMs) {
      this.dueAtMs = restEndsAtMs
      return undefined
    }
    return { packs: Math.min(packs, this.product.maxPacks), asks: !isMeasured }
  }

  #need(outlook: Forecast, leadTime: LeadTime, orderedBlind: boolean): Replenishment {
    const { packContent, coolingOffDays } = this.product
    return replenishment({
      forecast: outlook,
      onHand: Math.max(0, this.#reserve - this.#underWay),
      inFlight: this.#underWay > 0 ? Math.min(this.#inFlight, this.#reserve) : this.#inFlight,
      leadTime,
      reviewDays: REVIEW_DAYS,
      consentDelayDays: coolingOffDays + (outlook.trust === 'measured' ? 0 : CONSENT_DAYS),
      packSize: packContent,
      minimumPacks: 1,
      storageLimit: undefined,
      orderedBlind,
    })
  }

  /**
   * Whether nothing can come of a decision, now and until `PUT_OFF_DAYS` have passed without news: the level is fresh and
   * moved when it was read last, so that it is measured and neither stuck nor silent; nothing on hand can turn out to be
   * used up; and either an order is open, or the level lies so far above the reorder point that the rate would not bring
   * it there.
   */
  #canWait(nowMs: number, leadTime: LeadTime, hasOpenOrder: boolean): boolean {
    const { usage, level } = this.state
    if (usage === undefined || level?.mark !== 'verified' || this.#reserve > this.#underWay) return false
    const { readAtMs, sameSinceMs, dosesSinceReading } = usage
    const unreadDays = (nowMs - readAtMs) / DAY_MS
    if (sameSinceMs !== readAtMs || dosesSinceReading > 0 || unreadDays > FRESH_DAYS) return false
    if (hasOpenOrder) return true
    return usage.content > this.#reorderPoint(usage, leadTime) + rateOf(usage) * (unreadDays + PUT_OFF_DAYS)
  }

  /** By gateway/domain/need.ts, while the level is measured. */
  #reorderPoint(usage: Usage, leadTime: LeadTime): number {
    const { packContent, coolingOffDays } = this.product
    const dayVariance = dayVarianceOf(usage)
    const ratePerDay = { mean: rateOf(usage), sd: Math.sqrt(dayVariance / usage.usedDays) }
    const forecast = { ratePerDay, dayVariance, left: { mean: 0, sd: 0 }, trust: 'measured' } as const
    const days = leadTime.meanDays + coolingOffDays + REVIEW_DAYS
    return reorderAt({ forecast, leadTime, packSize: packContent }, days).reorderPoint
  }

  ordered(packs: number, atMs: number): void {
    this.lastOrderAtMs = atMs
    this.#inFlight = packs * this.product.packContent
  }

  shipped(): void {
    this.#underWay = this.#inFlight
    this.#reserve += this.#underWay
  }

  completed(atMs: number): void {
    this.#inFlight = 0
    this.#underWay = 0
    this.#arrivedAtMs = atMs
    this.hasNews = true
  }

  /** Dropped, or taken back after it was shipped; an order that came to nothing is no order. */
  endedWithoutGoods(atMs: number, lastOrderAtMs: number): void {
    this.#reserve = Math.max(0, this.#reserve - this.#underWay)
    this.#inFlight = 0
    this.#underWay = 0
    this.#endedWithoutGoodsAtMs = atMs
    this.lastOrderAtMs = lastOrderAtMs
    this.hasNews = true
  }

  /** Goods that nobody saw being poured in. */
  #noteUse(): void {
    const onHand = this.#reserve - this.#underWay
    const { usage } = this.state
    if (onHand <= 0 || usage === undefined || usage.refill?.atMs === usage.readAtMs) return
    const stock = { onHand, sinceMs: this.#arrivedAtMs, packSize: this.product.packContent }
    this.#reserve = onHandAfterLevel(stock, usage) + this.#underWay
  }

  /** The next levels are judged by it; it ends with the first that differs. */
  #markBlind(isStuck: boolean): void {
    const { latest } = this.history
    if (latest === undefined) return
    this.history = {
      ...this.history,
      latest: { ...latest, mark: 'unverified' },
      stuckAt: isStuck ? this.state.level?.remaining : undefined,
    }
  }
}
