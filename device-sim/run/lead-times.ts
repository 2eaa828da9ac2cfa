import { type LeadTime, leadTimeOf } from '../../gateway/domain/need.ts'

/** Of the newest so many orders (gateway/store/situations.ts). */
const LEAD_TIMES = 20

/** What a home knows of how long goods take. */
export class LeadTimes {
  /** Another object when something came to it. */
  now: LeadTime = leadTimeOf([])
  readonly #known: { createdAtMs: number; days: number }[] = []

  /** An order that was made then took so many days. */
  add(createdAtMs: number, days: number): void {
    this.#known.push({ createdAtMs, days })
    this.#known.sort((a, b) => b.createdAtMs - a.createdAtMs)
    this.#known.splice(LEAD_TIMES)
    this.now = leadTimeOf(this.#known.map((known) => known.days))
  }
}
