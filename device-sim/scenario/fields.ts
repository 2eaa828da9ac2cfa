import { z } from 'zod'

export const DAY_MINUTES = 1_440
/** For all that a scenario file holds: what stands there instead is told what is expected. */
export const text = z.string('it is a text')
export const number = z.number('it is a number')
export const whole = z.int('it is a whole number')
/** From nothing (0) to all (1). */
export const share = z
  .number('it is a share from 0 to 1')
  .min(0, 'it is a share from 0 to 1')
  .max(1, 'it is a share from 0 to 1')

/** Settings by name, each of which is known. */
export function settings<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, `it holds settings by name: ${Object.keys(shape).join(', ')}`)
}

/** From `least` to `most`, both included, each value as likely. */
export function range(least: number, most: number) {
  const sentence = `it is ${least} to ${most}`
  const bound = z.number(sentence).min(least, sentence).max(most, sentence)
  return settings({ least: bound, most: bound }).refine(
    (it) => it.least <= it.most,
    '`least` is more than `most`: exchange them',
  )
}
export type Range = z.output<ReturnType<typeof range>>

/** Numbers by name. `expected` is told of what holds no names at all, `misnamed` of a name that may not stand there. */
export function named<Value extends z.ZodType>(
  isKnown: (name: string) => boolean,
  value: Value,
  { expected, misnamed }: { expected: string; misnamed: string },
) {
  const error = ({ code }: { code?: string }) => (code === 'invalid_key' ? misnamed : expected)
  return z.record(z.string().refine(isKnown), value, { error })
}

const DATE = 'it is a date such as 2026-03-02'
/** A day of the calendar, as midnight UTC. */
export const date = z.string(DATE).refine(isDay, {
  error: ({ input }) => (isDateLike(input) ? `the calendar has no day ${input}` : DATE),
})

function isDateLike(input: unknown): boolean {
  return typeof input === 'string' && /^\d{4}-\d\d-\d\d$/.test(input)
}

/** `Date` takes February 30 for March 2. */
function isDay(input: string): boolean {
  const ms = isDateLike(input) ? Date.parse(input) : Number.NaN
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(input)
}
