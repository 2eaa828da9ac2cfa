import type { SlotKind } from './appliance.ts'
import { readSensor, type SensorPlan } from './sensor.ts'

export type SlotPlan = {
  key: number
  /** Nobody fills it, ever, when false: what a washer says of a compartment that its home does not use. */
  isUsed: boolean
  /** Share of the capacity. */
  fullAtStart: number
  sensor: SensorPlan
}

/** Packs are poured in whole when they fit; after a week in the way, what fits is, when that is so much of the capacity. */
const PATIENCE_MS = 7 * 86_400_000
const FILL_ROOM_SHARE = 0.25
/** A cartridge is changed when so much is left. */
const CHANGE_BELOW_SHARE = 0.4

/** A slot as it truly is, the shelf beside it, and what its sensor makes of it. Amounts in its unit. */
export class Slot {
  readonly kind: SlotKind
  readonly plan: SlotPlan
  content: number
  /** What came and is not poured in yet. */
  shelf = 0
  /** It could not give the last dose that was wanted. */
  isEmpty = false
  /** What the sensor said last, and when it was asked; NaN before. */
  shown = Number.NaN
  readAtMs: number
  #packContent = 0
  #storedAtMs = 0

  constructor(kind: SlotKind, plan: SlotPlan, startMs: number) {
    this.kind = kind
    this.plan = plan
    this.content = plan.isUsed ? toGrain(kind.capacity * plan.fullAtStart, kind.grain) : 0
    this.readAtMs = startMs
  }

  /** What a use of this size wants of it. */
  wanted([least, most]: readonly [number, number], size: number): number {
    return this.plan.isUsed ? toGrain(least + (most - least) * size, this.kind.grain) : 0
  }

  /** Takes what there is of a dose. */
  take(wanted: number): number {
    const dose = Math.min(wanted, this.content)
    this.content = toGrain(this.content - dose, this.kind.grain)
    if (dose < wanted) this.isEmpty = true
    return dose
  }

  /** Packs came. `packContent` is what one adds. */
  store(packs: number, packContent: number, atMs: number): void {
    this.#storedAtMs = atMs
    this.shelf += packs * packContent
    this.#packContent = packContent
  }

  /** Somebody stands before it: fills it when there is something to fill in and it is time; whether it was filled. */
  fill(atMs: number): boolean {
    if (this.shelf <= 0) return false
    const { capacity, isCartridge, grain } = this.kind
    const pack = this.#packContent
    if (isCartridge === true) {
      if (this.content > capacity * CHANGE_BELOW_SHARE) return false
      this.content = capacity
      this.shelf -= pack
    } else {
      const room = capacity - this.content
      if (room < capacity * FILL_ROOM_SHARE) return false
      const whole = Math.min(this.shelf, Math.floor(room / pack) * pack)
      const isTime = this.shelf <= room || atMs - this.#storedAtMs >= PATIENCE_MS
      const poured = isTime ? Math.min(room, this.shelf) : whole
      if (poured === 0) return false
      this.content = toGrain(this.content + poured, grain)
      this.shelf = toGrain(this.shelf - poured, grain)
    }
    this.isEmpty = false
    return true
  }

  /** The sensor's word, as the device sends it; NaN when none comes. */
  read(atMs: number): number {
    const { capacity, degradationDirection } = this.kind
    this.readAtMs = atMs
    // Nothing was ever in it: an exact 0, or a sensor's noise would look like goods that ran out.
    if (!this.plan.isUsed) return degradationDirection === 'up' ? capacity : 0
    const content = degradationDirection === 'up' ? capacity - this.content : this.content
    const shown = readSensor(this.plan.sensor, content, capacity, atMs, this.shown)
    if (!Number.isNaN(shown)) this.shown = shown
    return shown
  }
}

/** The nearest amount that there can be; decimals that floating point adds are cut. */
function toGrain(amount: number, grain: number): number {
  return Math.round(Math.round(amount / grain) * grain * 1e6) / 1e6
}
