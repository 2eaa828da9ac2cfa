import { createHash } from 'node:crypto'
import { gtin14 } from '../../gateway/domain/identifiers.ts'
import type { Unit } from '../../gateway/domain/level.ts'
import type { Description } from '../../gateway/wire/messages.ts'
import type { SensorKind } from './sensor.ts'

/**
 * A kind of appliance, as data and two small functions; what all have in common (waiting for the drum, filling up, sensing,
 * reporting) is `device.ts`. A new one is a file like `appliances/01-washer.ts`.
 */
export type Appliance<Kind extends Program = Program> = {
  maker: string
  model: string
  firmware: string
  slots: readonly SlotKind[]
  programs: readonly Kind[]
  /** Mean uses on a day with so many people at home. */
  usesPerDay(people: number): number
  /** Its uses come as they come (Poisson), or nearly the same every day. */
  isRegular: boolean
  /** It works while everybody is away. */
  worksAlone: boolean
  /** Share of each weekday from Sunday on; the mean is 1. */
  week: readonly number[]
  /** Uses begin between these hours (UTC). */
  hours: { from: number; to: number }
  /** What breaks in a use: the cycle ends half-way, and the code is told. */
  faults: readonly { code: string; perUse: number }[]
  /** Names of what it measures besides, with the unit in the name. */
  telemetry: readonly string[]
  /**
   * Fills in what it measures now: `program` is undefined while it stands idle, `share` is how far it is, `chance` a
   * throw of 32 bits for whatever fluctuates.
   */
  measure(values: Float64Array, program: Kind | undefined, share: number, chance: number): void
}

/** A way to use an appliance. A use has a size from `leastSize` to 1: the load, the pages, the cups. */
export type Program = {
  name: string
  /** Against the other programs. */
  weight: number
  minutes: number
  leastSize: number
  /** By slot, in its unit: what a use of size 0 takes, and one of size 1. */
  doses: readonly (readonly [number, number])[]
}

export type SlotKind = {
  slot: string
  unit: Unit
  capacity: number
  degradationDirection?: 'up'
  sensor: SensorKind
  /** Amounts are multiples of it: a whole tablet, what a pump gives. */
  grain: number
  /** The first that a shop sells is bought. */
  products: readonly ProductKind[]
  /** People change it whole, and then it is full; else they pour in what fits. */
  isCartridge?: true
  /** The appliance says at the end of a cycle how much it took. */
  tellsDose?: true
  /** Share of homes that use it; the others leave it empty for ever. All when absent. */
  usedByShare?: number
}

export type ProductKind = {
  sku: string
  gtin: string
  name: string
  packSize: number
  contentUnit: Unit
  /** Usual price of a pack: 1 test dollar is 1,000,000. */
  priceMinorUnits: number
}

/** What the appliance says of itself on the wire. */
export function descriptionOf({ maker, model, firmware, slots }: Appliance): Description {
  return {
    maker,
    model,
    firmware: { version: firmware, sha256: createHash('sha256').update(`${model} ${firmware}`).digest('hex') },
    tier: 'light',
    slots: slots.map(({ slot, unit, capacity, degradationDirection, products }) => ({
      slot,
      unit,
      capacity,
      degradationDirection: degradationDirection ?? 'down',
      replacementProducts: products.map(({ gtin }) => ({ type: 'gtin14', value: gtin14(gtin) })),
    })),
  }
}

/** What one pack adds to the slot, as the gateway counts it: one filling when it is measured otherwise. */
export function packContentOf({ unit, capacity }: SlotKind, { packSize, contentUnit }: ProductKind): number {
  return contentUnit === unit && unit !== 'percent' ? packSize : capacity
}
