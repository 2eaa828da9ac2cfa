import { forecast, observe } from '../../gateway/domain/forecast.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import { type LeadTime, onHandAfterLevel, onHandAfterRefill, replenishment } from '../../gateway/domain/need.ts'
import { assessLevel, historyAfter, type SlotHistory } from '../../gateway/domain/plausibility.ts'
import { afterReading, newSlotState, refilledBetween, type SlotState } from '../../gateway/domain/slot-state.ts'

const DAY_MS = 86_400_000
/** As in gateway/rules/outlook.ts and evaluate.ts, for the built-in rules. */
const REVIEW_DAYS = 1
const CONSENT_DAYS = 1
const RETRY_AFTER_DAYS = 1
const ASK_AGAIN_AFTER_DAYS = 3

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
  /** Shipped and not yet poured in, in the slot's unit; and of that what is still under way. */
  #reserve = 0
  #underWay = 0
  #arrivedAtMs = 0
  #lastOrderAtMs = Number.NEGATIVE_INFINITY
  #endedWithoutGoodsAtMs = Number.NEGATIVE_INFINITY

  constructor(description: SlotDescription, product: Buyable) {
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
    this.state = { ...this.state, usage: observe(this.state.usage, { kind: 'cycle', atMs, dose }, this.description) }
  }

  /**
   * Something else happened in the device. The gateway decides again then; it matters only when the level has been silent,
   * which this shows sooner than the time that was set: else nothing changed since the last decision but the time.
   */
  takeEvent(nowMs: number): void {
    if (nowMs - (this.state.usage?.readAtMs ?? nowMs) > DAY_MS) this.hasNews = true
  }

  /** What to buy now, as the built-in rules have it; undefined: nothing. */
  decide(nowMs: number, leadTime: LeadTime, hasOpenOrder: boolean): Wish | undefined {
    this.hasNews = false
    this.dueAtMs = Number.POSITIVE_INFINITY
    const { usage, level } = this.state
    this.#noteUse()
    if (usage === undefined || level === undefined) return undefined
    const outlook = forecast(usage, nowMs)
    const isMeasured = outlook.trust === 'measured'
    if (level.mark !== 'verified' && isMeasured) {
      this.dueAtMs = nowMs + DAY_MS
      return undefined
    }
    const orderedBlind = outlook.blindSinceMs !== undefined && this.#lastOrderAtMs >= outlook.blindSinceMs
    const { product } = this
    const { packs, lookAgainAtMs } = replenishment({
      forecast: outlook,
      onHand: Math.max(0, this.#reserve - this.#underWay),
      inFlight: this.#underWay,
      leadTime,
      reviewDays: REVIEW_DAYS,
      consentDelayDays: product.coolingOffDays + (isMeasured ? 0 : CONSENT_DAYS),
      packSize: product.packContent,
      minimumPacks: 1,
      storageLimit: undefined,
      orderedBlind,
    })
    if (!isMeasured) this.#markBlind(outlook.trust === 'stuck')
    this.dueAtMs = Math.ceil(lookAgainAtMs)
    if (packs === 0 || hasOpenOrder || orderedBlind) return undefined
    const restDays = isMeasured ? RETRY_AFTER_DAYS : ASK_AGAIN_AFTER_DAYS
    const restEndsAtMs = this.#endedWithoutGoodsAtMs + restDays * DAY_MS
    if (nowMs < restEndsAtMs) {
      this.dueAtMs = restEndsAtMs
      return undefined
    }
    return { packs: Math.min(packs, product.maxPacks), asks: !isMeasured }
  }

  ordered(atMs: number): void {
    this.#lastOrderAtMs = atMs
  }

  shipped(packs: number): void {
    this.#underWay = packs * this.product.packContent
    this.#reserve += this.#underWay
  }

  completed(atMs: number): void {
    this.#underWay = 0
    this.#arrivedAtMs = atMs
    this.hasNews = true
  }

  /** Dropped, or taken back after it was shipped; an order that came to nothing is no order. */
  endedWithoutGoods(atMs: number, lastOrderAtMs: number): void {
    this.#reserve = Math.max(0, this.#reserve - this.#underWay)
    this.#underWay = 0
    this.#endedWithoutGoodsAtMs = atMs
    this.#lastOrderAtMs = lastOrderAtMs
    this.hasNews = true
  }

  get lastOrderAtMs(): number {
    return this.#lastOrderAtMs
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
