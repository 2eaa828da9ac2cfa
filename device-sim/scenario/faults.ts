import { z } from 'zod'
import { DAY_MINUTES, range, settings, share, whole } from './fields.ts'

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

/** What goes wrong, each by the seed. What is absent does not happen. */
export const Faults = settings({
  /** A device is out of reach for a while; it keeps its reports and sends them then. */
  flaps: settings({ perDeviceDay, minutes: range(0, 30 * DAY_MINUTES).default({ least: 30, most: 480 }) }).optional(),
  /** The connection breaks in the midst of reports: what is not acknowledged comes again with DUP. Real run only. */
  cuts: settings({ perDeviceDay }).optional(),
  /** Share of reports that are sent twice, in turn with and without DUP. Real run only. */
  duplicates: settings({ share }).optional(),
  /** Share of reports that are overtaken by the next one of their session. Real run only. */
  reordering: settings({ share }).optional(),
  /** Share of devices whose clock is wrong, and by how many minutes. */
  clockSkew: settings({
    share,
    minutes: range(-DAY_MINUTES, DAY_MINUTES).default({ least: -10, most: 10 }),
  }).optional(),
  /** A device starts anew: another session, seq from 0. Real run only. */
  reboots: settings({ perDeviceDay }).optional(),
  /** `kill -9`, in turn between two ticks and in the midst of one; the process is started again at once. Real run only. */
  kills: settings({ gateway: everyDays.optional(), chain: everyDays.optional(), shop: everyDays.optional() })
    .refine((it) => Object.keys(it).length > 0, 'it names gateway, chain or shop, each with a number of days')
    .optional()
    .meta({ description: 'one in each so many days' }),
  /** The chain takes its last blocks back and puts the transactions into others. Real run only. */
  reorgs: settings({
    everyDays,
    blocks: whole.min(1, 'it is at least 1').max(20, 'it is at most 20').default(3),
  }).optional(),
  /** The seller does not answer. */
  sellerOutages: settings({ everyDays, hours: range(1, 30 * 24).default({ least: 6, most: 48 }) }).optional(),
  /** Devices that were let in and misbehave once in so many days: foreign topics, floods, garbage, seqs of old. Real run only. */
  hostile: settings({
    devices: whole.min(1, 'it is at least 1').max(50, 'it is at most 50').default(3),
    everyDays: everyDays.default(1),
  }).optional(),
})
export type Faults = z.output<typeof Faults>

export type FaultKind = keyof Faults
export const FAULT_KINDS = Object.keys(Faults.shape) as FaultKind[]

/** The others need a wire, processes or a chain. */
const PURE_KINDS: readonly FaultKind[] = ['flaps', 'clockSkew', 'sellerOutages']

/** The faults of a scenario by whether they happen in this kind of run. */
export function faultsIn(kind: 'pure' | 'real', faults: Faults): { happening: FaultKind[]; leftOut: FaultKind[] } {
  const named = FAULT_KINDS.filter((one) => faults[one] !== undefined)
  const happens = (one: FaultKind) => kind === 'real' || PURE_KINDS.includes(one)
  return { happening: named.filter(happens), leftOut: named.filter((one) => !happens(one)) }
}
