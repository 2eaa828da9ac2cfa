import { z } from 'zod'
import { type DailyWindow, minuteOf, PERIODS, WEEKDAYS } from './home-calendar.ts'
import { MODES } from './order.ts'

/** `HH:MM` of the wall clock, as minutes after midnight. */
const ClockTime = z
  .string('a time of day is text: put it in quotes, such as "07:30"')
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day is "HH:MM", from "00:00" to "23:59"')
  .transform(minuteOf)

/** An amount in the home's token, such as `"15.00"`; made exact where the token's decimals are known. */
const AmountText = z
  .string('an amount is text: put it in quotes, such as "15.00"')
  .regex(/^\d{1,12}(\.\d{1,18})?$/, 'an amount is digits and a point, such as "15.00"')

const Share = z
  .string()
  .regex(/^\d{1,3}(\.\d+)? ?%$/, 'a share is text such as "20 %"')
  .transform((text) => ({ share: Number.parseFloat(text) / 100 }))
  .refine(({ share }) => share > 0 && share <= 1, 'a share is above 0 % and at most 100 %')
const Amount = z
  .number()
  .positive()
  .transform((amount) => ({ amount }))

const EventName = z.string().min(1).max(64)

/** `device/slot`, with `*` for any. */
const SlotPattern = z
  .string()
  .regex(
    /^(\*|[a-z0-9][a-z0-9-]{0,62})\/(\*|[a-z][a-zA-Z0-9-]{0,31})$/,
    'a slot is written device/slot, with * for any, such as washer-1/detergent or */salt',
  )

const ALWAYS = 'from and to are the same: leave it out if it is always so'
const Window = z
  .strictObject({ from: ClockTime, to: ClockTime, days: z.array(z.enum(WEEKDAYS)).min(1).optional() })
  .refine(({ from, to }) => from !== to, ALWAYS)
  .transform(({ from, to, days }): DailyWindow => ({ fromMinute: from, toMinute: to, days }))

/**
 * The closed list of conditions; all that a rule names must hold. `price` and `budget` are known only with a seller's
 * quote: an order that breaks them waits for the owner's consent.
 */
export const Conditions = z.strictObject({
  /** What is left of the slot: a share of its capacity (`"20 %"`) or an amount in its unit. */
  level: z
    .strictObject({
      below: z.union([Amount, Share], 'give a number above 0 in the slot’s unit, or a share such as "20 %"'),
    })
    .optional(),
  /** Days that the stock in device and home lasts; `forecast`: less than lead time, review period and safety stock need. */
  daysLeft: z
    .strictObject({
      below: z.union([z.literal('forecast'), z.number().positive().max(3650)], 'give a number of days, or forecast'),
    })
    .optional(),
  /** The device reported this event since the slot was last looked at. */
  event: EventName.optional(),
  /** It reported a fault: the event `fault`, with this `code` in its detail or any. */
  fault: z.union([z.literal('any'), z.string().min(1).max(64)]).optional(),
  timeOfDay: Window.optional(),
  /** Of one pack, everything included. */
  price: z.strictObject({ atMost: AmountText }).optional(),
  /** What must be left of the budget after the order. */
  budget: z.strictObject({ name: z.string(), leaves: AmountText }).optional(),
})
export type Conditions = z.infer<typeof Conditions>

/** The closed list of actions; a rule does all that it names. */
export const Actions = z.strictObject({
  order: z
    .strictObject({
      /** As many as the forecast says when absent, at least `atLeast`: what the seller sells at the least. */
      packs: z.int().min(1).max(100).optional(),
      atLeast: z.int().min(1).max(100).default(1),
      /** The most that the home wants to hold, slot and shelf together, in the slot's unit. */
      storageLimit: z.number().positive().optional(),
      /** Asks even where the slot's mode is auto. */
      mode: z.enum(MODES).extract(['ask']).optional(),
    })
    .optional(),
  /** A sentence for the homeowner. */
  notify: z.string().min(1).max(500).optional(),
  /** The same for what a technician should do. */
  service: z.string().min(1).max(500).optional(),
  /** A command to the device, in the wire's words. */
  command: z
    .strictObject({
      name: z.string().min(1).max(32),
      arguments: z.record(z.string().min(1).max(32), z.json()).default({}),
    })
    .optional(),
})
export type Actions = z.infer<typeof Actions>

export const Rule = z.strictObject({
  name: z.string().min(1).max(80),
  slots: z.array(SlotPattern).min(1).max(100).default(['*/*']),
  when: Conditions,
  // biome-ignore lint/suspicious/noThenProperty: a rule reads "when … then …"; nobody awaits one
  then: Actions,
})
export type Rule = z.infer<typeof Rule>

/** The gateway's own limit on spending, by the home's calendar; above it an order waits for consent. */
export const Budget = z.strictObject({
  name: z.string().min(1).max(80),
  period: z.enum(PERIODS),
  limit: AmountText,
  slots: z.array(SlotPattern).min(1).max(100).default(['*/*']),
})
export type Budget = z.infer<typeof Budget>

const NO_RULE = 'there must be at least one rule; without a file the built-in ones hold'
const NO_SETTINGS = {
  error: (issue: { code?: string }) =>
    issue.code === 'invalid_type' ? 'it must hold settings such as "rules:"' : undefined,
}

/** What a home's `rules.yaml` holds. */
export const Rules = z
  .strictObject(
    {
      /** Nothing speaks to a person and no command is sent in these hours; only a fault is told. */
      quietHours: Window.optional(),
      budgets: z.array(Budget).max(50).default([]),
      rules: z.array(Rule).min(1, NO_RULE).max(200),
    },
    NO_SETTINGS,
  )
  .superRefine((file, context) => {
    const mistake = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    for (const list of ['rules', 'budgets'] as const) {
      const seen = new Set<string>()
      for (const [index, { name }] of file[list].entries()) {
        if (seen.has(name)) mistake([list, index, 'name'], `there are two ${list} with this name: give each its own`)
        seen.add(name)
      }
    }
    const budgets = new Set(file.budgets.map((budget) => budget.name))
    for (const [index, rule] of file.rules.entries()) {
      const { when } = rule
      if (Object.keys(rule.then).length === 0) mistake(['rules', index, 'then'], `it does nothing: ${ACTION_LIST}`)
      if (Object.keys(when).length === 0) mistake(['rules', index, 'when'], `it says no condition: ${CONDITION_LIST}`)
      if (rule.then.order === undefined) {
        for (const name of ['price', 'budget'] as const) {
          if (when[name] !== undefined)
            mistake(['rules', index, 'when', name], `only a rule that orders has a ${name}: take it away, or add order`)
        }
      } else if (TRIGGERS.every((name) => when[name] === undefined)) {
        mistake(['rules', index, 'when'], `it would always order: add one of ${TRIGGERS.join(', ')}`)
      }
      if (when.budget !== undefined && !budgets.has(when.budget.name)) {
        mistake(['rules', index, 'when', 'budget', 'name'], 'there is no budget with this name under budgets')
      }
    }
  })
export type Rules = z.infer<typeof Rules>

const TRIGGERS = ['level', 'daysLeft', 'event', 'fault'] as const
const CONDITION_LIST = `there are ${Object.keys(Conditions.shape).join(', ')}`
const ACTION_LIST = `there are ${Object.keys(Actions.shape).join(', ')}`

/** Whether one of the patterns names this slot. */
export function namesSlot(patterns: readonly string[], deviceId: string, slot: string): boolean {
  return patterns.some((pattern) => {
    const [device, name] = pattern.split('/')
    return (device === '*' || device === deviceId) && (name === '*' || name === slot)
  })
}
