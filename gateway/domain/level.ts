import { z } from 'zod'
import { Gtin, SlotName } from './identifiers.ts'

export const Unit = z.enum(['ml', 'g', 'count', 'percent'])
export type Unit = z.infer<typeof Unit>

/** Only a `verified` level may buy (DOMAIN.md, wire). */
export type LevelMark = 'verified' | 'unverified' | 'unknown'

/** A product that fits a slot, in the words of Matter's ReplacementProductList. */
export const ReplacementProduct = z.discriminatedUnion('type', [
  z.strictObject({ type: z.enum(['upc', 'gtin8', 'ean', 'gtin14']), value: Gtin }),
  z.strictObject({ type: z.literal('oem'), value: z.string().min(1).max(20) }),
])
export type ReplacementProduct = z.infer<typeof ReplacementProduct>

/** One consumable of a device, as the device describes it. */
export const SlotDescription = z.strictObject({
  slot: SlotName,
  unit: Unit,
  /** A full slot, in `unit`. */
  capacity: z.number().positive().max(1e9),
  degradationDirection: z.enum(['down', 'up']).default('down'),
  replacementProducts: z.array(ReplacementProduct).max(5).default([]),
})
export type SlotDescription = z.infer<typeof SlotDescription>

/** A level of one slot at one moment, in the slot's unit. */
export type Level = {
  remaining: number
  unit: Unit
  mark: LevelMark
  /** Why it is not `verified`; empty otherwise. */
  markReason: string
  measuredAtMs: number
}
