/** Raw counts of the simulated load cell: a cell of 20 kg gives about 100 a gram, and never exactly 0 without a load. */
const COUNTS_PER_GRAM = 100
const COUNTS_OF_EMPTY = 8000
/** What a real one trembles by, in raw counts, one value after another. */
const TREMBLE = [0, 14, -9, 4, -16, 11, -3, 7]
const LOWEST = -0x800000
const HIGHEST = 0x7fffff
/** With its clock high for longer it sleeps (data sheet: 60 µs), and needs this long to settle again. */
const SLEEP_AFTER_SECONDS = 60e-6
const SETTLING_SECONDS = 0.4
const SAMPLE_SECONDS = 0.1

/**
 * The amplifier of a load cell, as its two pins see it: DOUT falls when a sample is there, each rising clock edge shifts out
 * one of 24 bits, one to three more pulses choose channel and gain and end it (HX711 data sheet, serial interface).
 */
export class Hx711 {
  grams = 0
  /** An unplugged amplifier leaves its data pin to the board's pull-up. */
  connected = true
  readonly #setData: (high: boolean) => void
  #sample = 0
  #samples = 0
  #pulses = 0
  #ready = false
  #clockRoseAt: number | undefined
  #nextSampleAt = SETTLING_SECONDS

  constructor(setData: (high: boolean) => void) {
    this.#setData = setData
    setData(true)
  }

  /** When `tick` is due, in seconds of simulated time. */
  get dueAt(): number {
    return this.#nextSampleAt
  }

  /** A conversion ends; one that is not being read is replaced by it. */
  tick(nowSeconds: number): void {
    this.#nextSampleAt = nowSeconds + SAMPLE_SECONDS
    const reading = this.#pulses > 0
    if (!this.connected || reading || this.#isAsleep(nowSeconds)) return
    const raw = COUNTS_OF_EMPTY + Math.round(this.grams * COUNTS_PER_GRAM) + TREMBLE[this.#samples++ % TREMBLE.length]!
    this.#sample = Math.min(HIGHEST, Math.max(LOWEST, raw))
    this.#ready = true
    this.#setData(false)
  }

  /** The board drives the clock pin. */
  clock(high: boolean, nowSeconds: number): void {
    if (!high) {
      if (this.#isAsleep(nowSeconds)) this.#wake(nowSeconds)
      this.#clockRoseAt = undefined
      if (this.#pulses === 25) this.#end()
      return
    }
    this.#clockRoseAt = nowSeconds
    if (!this.#ready) return
    this.#pulses += 1
    if (this.#pulses <= 24) this.#setData(((this.#sample >> (24 - this.#pulses)) & 1) === 1)
    else this.#setData(true)
  }

  #end(): void {
    this.#pulses = 0
    this.#ready = false
    this.#setData(true)
  }

  #isAsleep(nowSeconds: number): boolean {
    return this.#clockRoseAt !== undefined && nowSeconds - this.#clockRoseAt > SLEEP_AFTER_SECONDS
  }

  #wake(nowSeconds: number): void {
    this.#end()
    this.#nextSampleAt = nowSeconds + SETTLING_SECONDS
  }
}
