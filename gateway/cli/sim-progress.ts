import type { RunProgress } from '../../device-sim/run/result.ts'

const BAR_CELLS = 24
/** A terminal is drawn at most so often; a log gets a line at most so often. */
const DRAWN_EVERY_MS = 200
const LOGGED_EVERY_MS = 10_000
/** Before this share is done, nothing can be said of the rest. */
const GUESS_FROM_SHARE = 0.02

/** Shows how far a run is, on standard error: one line that changes on a terminal, now and then a line elsewhere. */
export class SimProgress {
  readonly #isTerminal = process.stderr.isTTY === true
  readonly #startedAtMs = performance.now()
  #shownAtMs = Number.NEGATIVE_INFINITY
  #phase = ''
  #isDrawn = false

  show(progress: RunProgress): void {
    const nowMs = performance.now()
    const everyMs = this.#isTerminal ? DRAWN_EVERY_MS : LOGGED_EVERY_MS
    if (progress.phase === this.#phase && nowMs - this.#shownAtMs < everyMs) return
    this.#phase = progress.phase
    this.#shownAtMs = nowMs
    this.#write(this.#text(progress, (nowMs - this.#startedAtMs) / 1000))
  }

  /** Some other long work. */
  say(text: string): void {
    this.#write(text)
  }

  /** Leaves the terminal as it was. */
  end(): void {
    if (this.#isDrawn) process.stderr.write('\r\u001b[K')
    this.#isDrawn = false
  }

  #write(text: string): void {
    this.#isDrawn = this.#isTerminal
    process.stderr.write(
      this.#isTerminal ? `\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}` : `${text}\n`,
    )
  }

  #text({ phase, day, ofDays, reports, orders }: RunProgress, seconds: number): string {
    if (phase !== 'day') return `${phase} … ${clock(seconds)}`
    const share = Math.min(1, day / ofDays)
    const full = Math.round(share * BAR_CELLS)
    const left = share < GUESS_FROM_SHARE ? '' : `, about ${clock((seconds / share) * (1 - share))} left`
    return `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} day ${Math.floor(day)} of ${ofDays} · ${count(orders)} orders · ${count(reports)} reports · ${clock(seconds)}${left}`
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`
}
