import type { DayRow, OrderLine, RunCounts, StockOut } from './result.ts'

const MAX_PROBLEMS = 100

/** What a pure run counts as it goes. */
export class Tally {
  readonly orders: OrderLine[] = []
  readonly stockOuts: StockOut[] = []
  readonly days: DayRow[] = []
  readonly problems: string[] = []
  readonly counts: RunCounts = { reports: 0, cycles: 0, deviceDays: 0, orders: 0, parcels: 0 }
  emptySlots = 0
  /** Of every number that was reported, device by device: equal runs have equal ones. */
  digest = 0
  #reportsBefore = 0
  #ordersBefore = 0

  problem(sentence: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(sentence)
  }

  /** The end of a day, and what was reported and ordered on it. */
  endDay(day: number, realMs: number): void {
    const { reports, orders } = this.counts
    this.days.push({
      day,
      reports: reports - this.#reportsBefore,
      orders: orders - this.#ordersBefore,
      emptySlots: this.emptySlots,
      realMs,
    })
    this.#reportsBefore = reports
    this.#ordersBefore = orders
  }
}
