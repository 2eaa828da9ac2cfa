import { z } from 'zod'
import { Gtin } from '../../gateway/domain/identifiers.ts'
import { SlotDescription, Unit } from '../../gateway/domain/level.ts'
import { Description, TelemetryReport } from '../../gateway/wire/messages.ts'
import { type Appliance, descriptionOf } from './appliance.ts'
import { MAX_USES_PER_DAY } from './uses.ts'

/** The largest household that a scenario may have. */
const MAX_PEOPLE = 9
/** Of a Poisson draw with this mean one in a hundred is cut to the most uses of a day. */
const MAX_MEAN_USES = MAX_USES_PER_DAY / 2
/** A cent. */
const LEAST_PRICE_MINOR_UNITS = 10_000
const DAY_MINUTES = 1_440

const name = z.string().min(1).max(64)
const share = z.number().min(0).max(1)
const flag = z.literal(true).optional()
const isFunction = z.custom((value) => typeof value === 'function', 'it is a function')
const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const list = <Item extends z.ZodType>(item: Item) => z.array(item).min(1, 'there is at least one')

const Product = z.strictObject({
  sku: name,
  gtin: Gtin,
  name: z.string().min(1).max(200),
  packSize: z.number().positive(),
  contentUnit: Unit,
  priceMinorUnits: z.int().min(LEAST_PRICE_MINOR_UNITS, 'it is in millionths of a dollar: 1 cent is 10000'),
})

const Slot = z
  .strictObject({
    ...SlotDescription.pick({ slot: true, unit: true, capacity: true }).shape,
    degradationDirection: z.literal('up').optional(),
    sensor: z.strictObject({ noiseShare: share, stepShare: share }),
    grain: z.number().positive(),
    products: list(Product).max(5),
    isCartridge: flag,
    tellsDose: flag,
    usedByShare: share.optional(),
  })
  .refine(({ grain, capacity }) => grain <= capacity, { path: ['grain'], error: 'it is more than a full slot' })

/** Programs may have more than these: what `measure` needs of them. */
const Program = z.looseObject({
  name,
  weight: z.number().positive(),
  minutes: z.number().positive().max(DAY_MINUTES),
  leastSize: share,
  doses: z.array(
    z
      .tuple([z.number().min(0), z.number().min(0)])
      .refine(([least, most]) => least <= most, 'a use of size 0 takes more than one of size 1'),
  ),
})

const ApplianceShape = z
  .strictObject({
    maker: name,
    model: name,
    firmware: z.string().max(32),
    slots: list(Slot),
    programs: list(Program),
    usesPerDay: isFunction,
    isRegular: z.boolean(),
    worksAlone: z.boolean(),
    week: z
      .array(z.number().min(0))
      .length(7, 'it has a number for each of seven days, from Sunday on')
      .refine((days) => Math.abs(mean(days) - 1) < 0.01, 'the mean of its days is 1'),
    hours: z
      .strictObject({ from: z.number().min(0), to: z.number().max(24) })
      .refine(({ from, to }) => from < to, 'they end before they begin'),
    faults: z.array(z.strictObject({ code: name, perUse: share })),
    telemetry: list(name).refine((names) => new Set(names).size === names.length, 'two values have the same name'),
    measure: isFunction,
  })
  .check(({ value: { slots, programs }, issues }) => {
    for (const [index, { doses }] of programs.entries()) {
      if (doses.length === slots.length) continue
      const message = `there are ${doses.length} doses for ${slots.length} slots: each slot has its own`
      issues.push({ code: 'custom', input: doses, path: ['programs', index, 'doses'], message })
    }
    for (const [index, { grain }] of slots.entries()) {
      const most = Math.max(...programs.map(({ doses }) => doses[index]?.[1] ?? Number.POSITIVE_INFINITY))
      if (grain <= most) continue
      const message = `no use takes more than ${most}, and amounts are multiples of it`
      issues.push({ code: 'custom', input: grain, path: ['slots', index, 'grain'], message })
    }
  })

/** What is wrong with what the file of an appliance exports, as the first sentence with its field; undefined: nothing. */
export function wrongIn(exported: unknown): string | undefined {
  const { error } = ApplianceShape.safeParse(exported)
  if (error !== undefined) return sentenceOf(error)
  // Its shape is that of an appliance; what its functions give is tried, and what it says of itself is put on the wire.
  const appliance = exported as Appliance
  return (
    wrongUses(appliance) ??
    wrongMeasures(appliance) ??
    sentenceOf(Description.safeParse(descriptionOf(appliance)).error)
  )
}

function wrongUses({ usesPerDay }: Appliance): string | undefined {
  for (let people = 1; people <= MAX_PEOPLE; people++) {
    const uses = usesPerDay(people)
    if (!(uses >= 0 && uses <= MAX_MEAN_USES)) {
      return `usesPerDay: with ${people} people it gives ${uses}: it is 0 to ${MAX_MEAN_USES}.`
    }
  }
  return undefined
}

function wrongMeasures(appliance: Appliance): string | undefined {
  const { telemetry, programs } = appliance
  const values = new Float64Array(telemetry.length).fill(Number.NaN)
  for (const program of [undefined, ...programs]) {
    appliance.measure(values, program, program === undefined ? 0 : 0.5, 0)
    const place = values.findIndex((value) => !Number.isFinite(value))
    if (place >= 0) return `measure: it gives no number for ${telemetry[place]}.`
  }
  const report = Object.fromEntries(telemetry.map((each, place) => [each, values[place]]))
  return sentenceOf(TelemetryReport.shape.values.safeParse(report).error)
}

function sentenceOf(error: z.ZodError | undefined): string | undefined {
  const [issue] = error?.issues ?? []
  return issue && `${[z.core.toDotPath(issue.path), issue.message].filter(Boolean).join(': ')}.`
}
