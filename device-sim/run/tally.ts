import type { DayRow, OrderLine, RunCounts, StockOut } from './result.ts'

const MAX_PROBLEMS = 100

/** What a pure run counts as it goes. */
export class Tally {
  readonly orders: OrderLine[] = []
  readonly stockOuts: StockOut[] = []
  readonly days: DayRow[]
  readonly problems: string[] = []
  readonly counts: RunCounts = { reports: 0, cycles: 0, deviceDays: 0, orders: 0, parcels: 0 }
  /** Of every number that was reported, device by device: equal runs have equal ones. */
  digest = 0
  /** Days on which a device had less than was wanted of it. */
  shortDays = 0
  readonly #lastShort = new Map<string, number>()
  #reportsBefore = 0
  #ordersBefore = 0

  constructor(days: number) {
    this.days = Array.from({ length: days }, (_, day) => ({ day, reports: 0, orders: 0, emptySlots: 0, realMs: 0 }))
  }

  problem(sentence: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(sentence)
  }

  /** `home` is its index in the population, and times of a device only ascend. */
  shortOn(day: number, home: number, device: number): void {
    const key = `${home} ${device}`
    if (this.#lastShort.get(key) === day) return
    this.#lastShort.set(key, day)
    this.shortDays++
  }

  /** A home has lived a day; what was counted since the last call was on it. */
  endDay(day: number, emptySlots: number): void {
    const row = this.days[day]!
    const { reports, orders } = this.counts
    row.reports += reports - this.#reportsBefore
    row.orders += orders - this.#ordersBefore
    row.emptySlots += emptySlots
    this.#reportsBefore = reports
    this.#ordersBefore = orders
  }
}
