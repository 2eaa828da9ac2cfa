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

/** A pack is opened when it fits, or at this share of the capacity; a cartridge is changed at this one. */
const OPEN_BELOW_SHARE = 0.3
const CHANGE_BELOW_SHARE = 0.25
/** What is left of an opened pack is poured in when it fits and is worth the walk. */
const WORTH_POURING_SHARE = 0.2

/** A slot as it truly is, the shelf beside it, and what its sensor makes of it. Amounts in its unit. */
export class Slot {
  readonly kind: SlotKind
  readonly plan: SlotPlan
  content: number
  /** Packs that nobody has opened, and what is left of an opened one. */
  shelf = 0
  /** It could not give the last dose that was wanted. */
  isEmpty = false
  /** What the sensor said last, and when it was asked; NaN before. */
  shown = Number.NaN
  readAtMs: number
  #packContent = 0

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
  store(packs: number, packContent: number): void {
    this.shelf += packs * packContent
    this.#packContent = packContent
  }

  /** Somebody stands before it: fills it when there is something to fill in and it is time; whether it was filled. */
  fill(): boolean {
    if (this.shelf <= 0) return false
    const { capacity, isCartridge, grain } = this.kind
    const pack = this.#packContent
    if (isCartridge === true) {
      if (this.content > capacity * CHANGE_BELOW_SHARE) return false
      this.content = capacity
      this.shelf -= pack
    } else {
      const opened = this.shelf % pack
      const room = capacity - this.content
      const opensPack = room >= pack || this.content <= capacity * OPEN_BELOW_SHARE
      if (!opensPack && (opened > room || opened < capacity * WORTH_POURING_SHARE)) return false
      const poured = Math.min(room, this.shelf, opensPack ? opened + pack : opened)
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
