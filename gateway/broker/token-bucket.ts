/**
 * A token bucket that may go into debt: what has arrived is taken in any case and paid for by waiting, so that over any time
 * no more than `burst + perSecond × seconds` is taken, and one chunk. It starts full. No timers: it is refilled when asked.
 */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Takes `count`; returns the time in ms until the debt is paid, 0 without one. */
  take(count: number, nowMs: number): number {
    this.#refill(nowMs)
    this.#tokens -= count
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#tokens === this.#burst
  }

  #refill(nowMs: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
  }
}
