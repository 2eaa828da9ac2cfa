import { z } from 'zod'
import { APPLIANCE_NAMES } from '../models/registry.ts'

const DAY_MINUTES = 1_440
/** From nothing (0) to all (1). */
const share = z
  .number('it is a share from 0 to 1')
  .min(0, 'it is a share from 0 to 1')
  .max(1, 'it is a share from 0 to 1')

/** From `least` to `most`, both included, each value as likely. */
function range(least: number, most: number) {
  const bound = z.number().min(least, `it is ${least} to ${most}`).max(most, `it is ${least} to ${most}`)
  return z
    .strictObject({ least: bound, most: bound })
    .refine((it) => it.least <= it.most, '`least` is more than `most`: exchange them')
}
export type Range = z.output<ReturnType<typeof range>>

/** One in each so many days, at a tick that the seed chooses within them; a longer span has the same ones at its start. */
const everyDays = z
  .number('it is a number of days')
  .min(0.1, 'at most ten a day: it is at least 0.1')
  .max(3_650, 'it is at most 3650')
/** How often a device has it in a day on average, 0–24. */
const perDeviceDay = z
  .number('it is a number a day')
  .min(0, 'it is 0 or more')
  .max(24, 'at most one an hour: it is at most 24')
const perYear = z
  .number('it is a number a year')
  .min(0, 'it is 0 or more')
  .max(52, 'at most one a week: it is at most 52')

/** Who lives where with what; shares are of homes, weights against each other. */
export const Population = z.strictObject({
  /** 1–100,000 in the pure run; the real gateway serves some thousands. */
  homes: z.int('it is a whole number').min(1, 'there is at least 1 home').max(100_000, 'it is at most 100000'),
  /** Index of the first one: with `homes: 1` it is one home of a larger population, just as it was there. */
  firstHome: z.int('it is a whole number').min(0, 'it is 0 or more').max(1e6, 'it is at most 1000000').default(0),
  /** Number of people → weight. Default: households of Germany (Destatis, 2023). */
  people: z
    .record(
      z.string().regex(/^[1-9]$/, 'the number of people is 1 to 9'),
      z.number('it is a weight').min(0, 'a weight is 0 or more'),
    )
    .refine((weights) => Object.values(weights).some((weight) => weight > 0), 'one weight at least is above 0')
    .default({ 1: 41, 2: 34, 3: 12, 4: 9, 5: 4 }),
  /** Appliance → share of homes that have one. A home without any gets a washer. */
  appliances: z.partialRecord(z.enum(APPLIANCE_NAMES), share).default({ washer: 1 }),
  /** How full slots are at the start, shares of capacity. */
  fullAtStart: range(0, 1).default({ least: 0.3, most: 1 }),
  /** What people do besides their weekly rhythm. */
  household: z
    .strictObject({
      /** Journeys of 3–21 days during which nothing is used. */
      holidaysPerYear: perYear.default(2),
      /** Visits of 1–7 days with more people. */
      guestsPerYear: perYear.default(4),
      /** Lasting changes of use by up to a half or to double. */
      habitChangesPerYear: perYear.default(0.5),
    })
    .prefault({}),
  sensors: z
    .strictObject({
      /** Times the usual noise of each sensor; 0 is none. */
      noise: z.number().min(0, 'it is 0 or more').max(20, 'it is at most 20').default(1),
      /** Shares of sensors that drift by up to a tenth of capacity a year, that are stuck now and then for days, and whose cell dies. */
      drifting: share.default(0.1),
      stuck: share.default(0.01),
      dyingCell: share.default(0.01),
    })
    .prefault({}),
  shop: z
    .strictObject({
      /** Packs of each product on the shelf in all; absent: no end. */
      stockPacks: z.int().min(0, 'it is 0 or more').optional(),
      /** Change of each price a month as a share, up and down, at random. */
      monthlyPriceChange: share.default(0.02),
      /** From the end of cooling off to the parcel. */
      shipAfterHours: range(0, 14 * 24).default({ least: 2, most: 36 }),
      /** Shares of parcels in which a pack is missing, or that hold another product. */
      short: share.default(0.01),
      wrong: share.default(0.005),
    })
    .prefault({}),
  carrier: z
    .strictObject({
      days: range(0, 60).default({ least: 1, most: 3 }),
      /** Share of parcels that never come. */
      lost: share.default(0),
    })
    .prefault({}),
})
export type Population = z.output<typeof Population>

/** What goes wrong, each by the seed. What is absent does not happen. */
export const Faults = z.strictObject({
  /** A device is out of reach for a while; it keeps its reports and sends them then. */
  flaps: z
    .strictObject({ perDeviceDay, minutes: range(0, 30 * DAY_MINUTES).default({ least: 30, most: 480 }) })
    .optional(),
  /** The connection breaks in the midst of reports: what is not acknowledged comes again with DUP. Real run only. */
  cuts: z.strictObject({ perDeviceDay }).optional(),
  /** Share of reports that are sent twice, in turn with and without DUP. Real run only. */
  duplicates: z.strictObject({ share }).optional(),
  /** Share of reports that are overtaken by the next one of their session. Real run only. */
  reordering: z.strictObject({ share }).optional(),
  /** Share of devices whose clock is wrong, and by how many minutes. */
  clockSkew: z
    .strictObject({ share, minutes: range(-DAY_MINUTES, DAY_MINUTES).default({ least: -10, most: 10 }) })
    .optional(),
  /** A device starts anew: another session, seq from 0. Real run only. */
  reboots: z.strictObject({ perDeviceDay }).optional(),
  /** `kill -9`, in turn between two ticks and in the midst of one; the process is started again at once. Real run only. */
  kills: z
    .strictObject({ gateway: everyDays.optional(), chain: everyDays.optional(), shop: everyDays.optional() })
    .optional()
    .meta({ description: 'one in each so many days' }),
  /** The chain takes its last blocks back and puts the transactions into others. Real run only. */
  reorgs: z
    .strictObject({ everyDays, blocks: z.int().min(1, 'it is at least 1').max(20, 'it is at most 20').default(3) })
    .optional(),
  /** The seller does not answer. */
  sellerOutages: z.strictObject({ everyDays, hours: range(1, 30 * 24).default({ least: 6, most: 48 }) }).optional(),
  /** Devices that were let in and misbehave once in so many days: foreign topics, floods, garbage, seqs of old. Real run only. */
  hostile: z
    .strictObject({
      devices: z.int().min(1, 'it is at least 1').max(50, 'it is at most 50').default(3),
      everyDays: everyDays.default(1),
    })
    .optional(),
})
export type Faults = z.output<typeof Faults>

const count = z.int('it is a whole number').min(0, 'it is 0 or more')
/** What must hold at the end, besides what always must (run/expectations.ts). What is absent is not judged. */
export const Holds = z.strictObject({
  orders: z.strictObject({ atLeast: count.optional(), atMost: count.optional() }).optional(),
  /** Days on which an appliance could not give what was wanted of it, over all of a home, as a mean a year; at most. */
  stockOutDaysPerHomeYear: z.number().min(0, 'it is 0 or more').optional(),
  /** What a homeowner is told in 30 days, on average; at most. Real run only. */
  messagesPerHomeMonth: z.number().min(0, 'it is 0 or more').optional(),
})
export type Holds = z.output<typeof Holds>

export const Scenario = z.strictObject({
  /** One or two sentences, for `adept sim list` and the report. */
  about: z.string('it is a text').min(1, 'say what it shows').max(300, 'it is at most 300 characters'),
  population: Population,
  /** `pure` (in process, seconds) or `real` (gateway, MQTT and chain, minutes), unless the command says which. */
  run: z.enum(['pure', 'real'], 'it is pure or real').default('pure'),
  /** Any text; another one makes other homes. `--seed` goes before. */
  seed: z
    .union([z.string().min(1, 'it is not empty').max(64, 'it is at most 64 characters'), z.int()])
    .transform(String)
    .default('1'),
  /** Midnight UTC of the first day. */
  start: z.iso.date('it is a date such as 2026-03-02').default('2026-03-02'),
  days: z.int('it is a whole number').min(1, 'it is at least 1').max(3_650, 'it is at most 3650'),
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
