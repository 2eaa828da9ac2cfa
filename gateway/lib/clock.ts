/** Our time in ms since 1970. */
export const systemClock = { nowMs: () => Date.now() }

/** A clock that stands still until it is set: tests, and processes that follow the simulator's time. */
export class ManualClock {
  #nowMs: number
  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }
  nowMs(): number {
    return this.#nowMs
  }
  /** Time never goes back. */
  set(nowMs: number): void {
    if (nowMs < this.#nowMs)
      throw new RangeError(`The clock stands at ${this.#nowMs} ms and cannot go back to ${nowMs} ms.`)
    this.#nowMs = nowMs
  }
}
