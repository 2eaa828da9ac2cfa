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
    const older = this.#known.findIndex((known) => known.createdAtMs < createdAtMs)
    this.#known.splice(older === -1 ? this.#known.length : older, 0, { createdAtMs, days })
    if (this.#known.length > LEAD_TIMES) this.#known.pop()
    this.now = leadTimeOf(this.#known.map((known) => known.days))
  }
}
