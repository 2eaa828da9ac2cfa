import { NeutralBodies } from './neutral-body.ts'
import { RecordedReading, type Recording } from './recording.ts'

/** A reading as a gateway keeps it; `body` is the report as the device sent it. */
export type StoredReading = {
  deviceId: string
  session: string
  kind: 'consumable' | 'telemetry' | 'event'
  measuredAtMs: number
  /** The device gave no usable time. */
  isGatewayTime: boolean
  receivedAtMs: number
  body: unknown
}

const WEEK_MS = 7 * 86_400_000
/** 1 January 1970 was a Thursday; weeks of a recording begin on Monday. */
const FIRST_MONDAY_MS = 4 * 86_400_000

/**
 * Real traffic without what tells whose it is. Levels, GTINs, weekday and time of day, and who restarted when stay; so do names
 * of slots, programs, events, faults and measurements that the vocabulary knows. Other names become neutral ones, or go with
 * all that they stand for: ids, sessions, makers, models, firmware, dates, part numbers of makers, every other text.
 */
export function anonymised(descriptions: ReadonlyMap<string, unknown>, stored: readonly StoredReading[]): Recording {
  const [first] = stored
  if (first === undefined) return { devices: [], readings: [] }
  const earliestMs = stored.reduce((least, it) => Math.min(least, it.receivedAtMs), first.receivedAtMs)
  const startMs = earliestMs - ((((earliestMs - FIRST_MONDAY_MS) % WEEK_MS) + WEEK_MS) % WEEK_MS)
  const bodies = new NeutralBodies()
  const devices = new Map<string, number>()
  const sessions = new Map<string, Map<string, number>>()
  const readings = stored.flatMap((one) => {
    const device = numberOf(devices, one.deviceId)
    const ofDevice = sessions.get(one.deviceId) ?? new Map<string, number>()
    sessions.set(one.deviceId, ofDevice)
    const reading = RecordedReading.safeParse({
      device,
      session: numberOf(ofDevice, one.session),
      receivedMs: one.receivedAtMs - startMs,
      ...(!one.isGatewayTime && { measuredMs: one.measuredAtMs - startMs }),
      kind: one.kind,
      body: bodies.of(one.kind, one.body),
    })
    return reading.success ? [reading.data] : []
  })
  const described = [...devices.keys()].map((deviceId, index) => bodies.described(index, descriptions.get(deviceId)))
  return { devices: described, readings }
}

/** Numbers in the order of first appearance. */
function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name)
  if (known !== undefined) return known
  numbers.set(name, numbers.size)
  return numbers.size - 1
}
