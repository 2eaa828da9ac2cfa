import { z } from 'zod'
import { Description } from '../../gateway/wire/messages.ts'
import { NeutralNames } from './neutral-names.ts'
import { EVENT_TYPES, FAULTS, hasUnit, isMeasurement, PROGRAMS, SLOTS } from './vocabulary.ts'

/** Stands for the sender's own reason, which may name anything. */
const UNVERIFIED = 'Its sender did not trust it.'
/** A number of six digits under a name that nobody knows may number a person or a thing. */
const LOOKS_LIKE_AN_ID = 100_000
/** Seconds since 1970 have ten digits, and so has many a phone number: no machine measures so much. */
const LOOKS_LIKE_A_DATE = 1_000_000_000

const Body = z.looseObject({
  slot: z.string().optional(),
  unverified: z.string().optional(),
  values: z.record(z.string(), z.number()).optional(),
  type: z.string().optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
})

/**
 * Bodies of reports and descriptions with nothing in them but what the vocabulary knows, and neutral names. In one recording
 * a name becomes the same neutral name everywhere.
 */
export class NeutralBodies {
  readonly #slots = new NeutralNames('slot', SLOTS)
  readonly #types = new NeutralNames('event', EVENT_TYPES)
  readonly #programs = new NeutralNames('program', PROGRAMS)
  readonly #faults = new NeutralNames('fault', FAULTS)
  readonly #fields = new NeutralNames('field', new Set())
  /** Details of events that are words. */
  readonly #words: Record<string, NeutralNames> = {
    slot: this.#slots,
    program: this.#programs,
    code: this.#faults,
    fault: this.#faults,
  }

  of(kind: 'consumable' | 'telemetry' | 'event', body: unknown): unknown {
    const { slot = '', remaining, unit, unverified, values = {}, type = '', detail = {} } = Body.parse(body)
    switch (kind) {
      case 'consumable':
        return {
          ...{ slot: this.#slots.of(slot), remaining, unit },
          ...(unverified !== undefined && { unverified: UNVERIFIED }),
        }
      case 'telemetry':
        return { values: this.#valuesOf(values) }
      case 'event':
        return { type: this.#types.of(type), detail: this.#detailOf(detail) }
    }
  }

  /** What the rules need of a device, and nothing that names it. */
  described(index: number, description: unknown): Description {
    const known = Description.safeParse(description)
    const slots = known.success ? known.data.slots : []
    return {
      maker: 'Recorded',
      model: `device-${index + 1}`,
      slots: slots.map((slot) => ({
        ...slot,
        slot: this.#slots.of(slot.slot),
        replacementProducts: slot.replacementProducts.filter(({ type }) => type !== 'oem'),
      })),
    }
  }

  #valuesOf(values: Record<string, number>): Record<string, number> {
    const kept = Object.entries(values).flatMap(([name, value]): [string, number][] => {
      if (isMeasured(name, value)) return [[name, value]]
      return hasUnit(name) && Math.abs(value) < LOOKS_LIKE_AN_ID ? [[this.#fields.of(name), value]] : []
    })
    return Object.fromEntries(kept)
  }

  #detailOf(detail: Record<string, unknown>): Record<string, string | number> {
    const kept = Object.entries(detail).flatMap(([name, value]): [string, string | number][] => {
      const words = Object.hasOwn(this.#words, name) ? this.#words[name] : undefined
      if (typeof value === 'string' && words !== undefined) return [[name, words.of(value)]]
      return typeof value === 'number' && isMeasured(name, value) ? [[name, value]] : []
    })
    return Object.fromEntries(kept)
  }
}

function isMeasured(name: string, value: number): boolean {
  return isMeasurement(name) && Math.abs(value) < LOOKS_LIKE_A_DATE
}
