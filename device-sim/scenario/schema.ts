import { z } from 'zod'
import { APPLIANCE_NAMES } from '../models/registry.ts'
import { Faults } from './faults.ts'
import { DAY_MINUTES, date, named, number, range, settings, share, text, whole } from './fields.ts'

export type { Range } from './fields.ts'

const perYear = z
  .number('it is a number a year')
  .min(0, 'it is 0 or more')
  .max(52, 'at most one a week: it is at most 52')

const SEED = 'it is a text of 1 to 64 characters, or a whole number'

/** Who lives where with what; shares are of homes, weights against each other. */
export const Population = settings({
  /** 1–100,000 in the pure run; the real gateway serves some thousands. */
  homes: whole.min(1, 'there is at least 1 home').max(100_000, 'it is at most 100000'),
  /** Index of the first one: with `homes: 1` it is one home of a larger population, just as it was there. */
  firstHome: whole.min(0, 'it is 0 or more').max(1e6, 'it is at most 1000000').default(0),
  /** Number of people → weight. Default: households of Germany (Destatis, 2023). */
  people: named((people) => /^[1-9]$/.test(people), z.number('it is a weight').min(0, 'a weight is 0 or more'), {
    expected: 'it is weights by the number of people, such as { 1: 40, 2: 60 }',
    misnamed: 'the number of people is 1 to 9',
  })
    .refine((weights) => Object.values(weights).some((weight) => weight > 0), 'one weight at least is above 0')
    .default({ 1: 41, 2: 34, 3: 12, 4: 9, 5: 4 }),
  /** Appliance → share of homes that have one. A home without any gets a washer. */
  appliances: named((name) => APPLIANCE_NAMES.includes(name), share, {
    expected: 'it is shares by the name of an appliance, such as { washer: 1 }',
    misnamed: `there is no such appliance. There are ${APPLIANCE_NAMES.join(', ')}`,
  }).default({ washer: 1 }),
  /** How full slots are at the start, shares of capacity. */
  fullAtStart: range(0, 1).default({ least: 0.3, most: 1 }),
  /** What people do besides their weekly rhythm. */
  household: settings({
    /** Journeys of 3–21 days during which nothing is used. */
    holidaysPerYear: perYear.default(2),
    /** Visits of 1–7 days with more people. */
    guestsPerYear: perYear.default(4),
    /** Lasting changes of use by up to a half or to double. */
    habitChangesPerYear: perYear.default(0.5),
  }).prefault({}),
  sensors: settings({
    /** Times the usual noise of each sensor; 0 is none. */
    noise: number.min(0, 'it is 0 or more').max(20, 'it is at most 20').default(1),
    /** Shares of sensors that drift by up to a tenth of capacity a year, that are stuck now and then for days, and whose cell dies. */
    drifting: share.default(0.1),
    stuck: share.default(0.01),
    dyingCell: share.default(0.01),
  }).prefault({}),
  shop: settings({
    /** Packs of each product on the shelf in all; absent: no end. */
    stockPacks: whole.min(0, 'it is 0 or more').optional(),
    /** Change of each price a month as a share, up and down, at random. */
    monthlyPriceChange: share.default(0.02),
    /** From the end of cooling off to the parcel. */
    shipAfterHours: range(0, 14 * 24).default({ least: 2, most: 36 }),
    /** Shares of parcels in which a pack is missing, or that hold another product. */
    short: share.default(0.01),
    wrong: share.default(0.005),
  }).prefault({}),
  carrier: settings({
    days: range(0, 60).default({ least: 1, most: 3 }),
    /** Share of parcels that never come. */
    lost: share.default(0),
  }).prefault({}),
})
export type Population = z.output<typeof Population>

const count = whole.min(0, 'it is 0 or more')
const bounds = settings({ atLeast: count.optional(), atMost: count.optional() })
  .refine((it) => Object.keys(it).length > 0, 'it names `atLeast`, `atMost` or both')
  .refine(
    ({ atLeast = 0, atMost = Number.POSITIVE_INFINITY }) => atLeast <= atMost,
    '`atLeast` is more than `atMost`: exchange them',
  )
/** What must hold at the end, besides what always must (run/expectations.ts). What is absent is not judged. */
export const Holds = settings({
  /** Of the population and span of the file: in a run of other homes or days it is not judged. */
  orders: bounds.optional(),
  /** In all orders together; as for `orders`. */
  packs: bounds.optional(),
  /** Days on which an appliance could not give what was wanted of it, over all of a home, as a mean a year; at most. */
  stockOutDaysPerHomeYear: number.min(0, 'it is 0 or more').optional(),
  /** What a homeowner is told in 30 days, on average; at most. Real run only. */
  messagesPerHomeMonth: number.min(0, 'it is 0 or more').optional(),
  /** Of the orders that are over and whose goods came, whole and right: the share that was paid; at least. Real run only. */
  paidShareOfArrived: share.optional(),
})
export type Holds = z.output<typeof Holds>

export const Scenario = settings({
  /** One or two sentences, for `adept sim list` and the report. */
  about: text.min(1, 'say what it shows').max(300, 'it is at most 300 characters'),
  population: Population,
  /** `pure` (in process, seconds) or `real` (gateway, MQTT and chain, minutes), unless the command says which. */
  run: z.enum(['pure', 'real'], 'it is pure or real').default('pure'),
  /** Any text; another one makes other homes. `--seed` goes before. */
  seed: z
    .union([z.string().min(1, SEED).max(64, SEED), z.int()], SEED)
    .transform(String)
    .default('1'),
  /** Midnight UTC of the first day. */
  start: date.default('2026-03-02'),
  days: whole.min(1, 'it is at least 1').max(3_650, 'it is at most 3650'),
  /** All homes live so long, then gateway, shop and chain do what follows from it. It divides a day. */
  tickMinutes: z
    .int('it is a whole number')
    .min(1, 'it is at least 1')
    .max(DAY_MINUTES, 'it is at most 1440')
    .refine((minutes) => DAY_MINUTES % minutes === 0, 'a day must be a whole number of ticks: 5, 10, 15, 30, 60, 120 …')
    .default(60),
  faults: Faults.prefault({}),
  holds: Holds.prefault({}),
})
/** A scenario file that is right. */
export type Scenario = z.output<typeof Scenario>
