import { z } from 'zod'
import { Description } from '../../gateway/wire/messages.ts'
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
/** Names of values and details that may tell of a person, a place or a network. */
const TELLING = /lat|lon|gps|geo|ssid|mac|^ip|addr|name|user|mail|phone|serial|token|secret|pass|uuid|key/i
/** Words of a machine's own, such as a program or a fault code; any other text may be anything. */
const WORDED = new Set(['program', 'code', 'slot', 'cause', 'mode'])
const WORD = /^[A-Za-z0-9][A-Za-z0-9-]{0,23}$/
const EVENT_TYPE = /^[a-z][a-z0-9-]{0,31}$/

/** Stands for the sender's own reason, which may name anything. */
const UNVERIFIED = 'Its sender did not trust it.'

const Body = z.looseObject({
  unverified: z.string().optional(),
  values: z.record(z.string(), z.number()).optional(),
  type: z.string().optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
})

/**
 * Real traffic without what tells whose it is. What stays: levels, units, capacities and GTINs of slots, numbers of telemetry,
 * events with their numbers and a machine's own words, weekday and time of day, who restarted when. What goes: ids, sessions,
 * makers, models, firmware, dates, part numbers of makers, every other text, and values whose name tells of a person, place or
 * network.
 */
export function anonymised(descriptions: ReadonlyMap<string, unknown>, stored: readonly StoredReading[]): Recording {
  const [first] = stored
  if (first === undefined) return { devices: [], readings: [] }
  const earliestMs = stored.reduce((least, it) => Math.min(least, it.receivedAtMs), first.receivedAtMs)
  const startMs = earliestMs - ((((earliestMs - FIRST_MONDAY_MS) % WEEK_MS) + WEEK_MS) % WEEK_MS)
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
      body: bodyOf(one),
    })
    return reading.success ? [reading.data] : []
  })
  const described = [...devices.keys()].map((deviceId, index) => describedAs(index, descriptions.get(deviceId)))
  return { devices: described, readings }
}

function bodyOf({ kind, body }: StoredReading): unknown {
  const { slot, remaining, unit, unverified, values = {}, type = '', detail = {} } = Body.parse(body)
  switch (kind) {
    case 'consumable':
      return { slot, remaining, unit, ...(unverified !== undefined && { unverified: UNVERIFIED }) }
    case 'telemetry':
      return { values: Object.fromEntries(Object.entries(values).filter(([name]) => !TELLING.test(name))) }
    case 'event': {
      const kept = Object.entries(detail).filter(([name, value]) => {
        if (typeof value === 'string') return WORDED.has(name) && WORD.test(value)
        return (typeof value === 'number' || typeof value === 'boolean') && !TELLING.test(name)
      })
      return { type: EVENT_TYPE.test(type) ? type : 'event', detail: Object.fromEntries(kept) }
    }
  }
}

/** What the rules need of a device, and nothing that names it. */
function describedAs(index: number, description: unknown): Description {
  const known = Description.safeParse(description)
  const slots = known.success ? known.data.slots : []
  return {
    maker: 'Recorded',
    model: `device-${index + 1}`,
    slots: slots.map((slot) => ({
      ...slot,
      replacementProducts: slot.replacementProducts.filter(({ type }) => type !== 'oem'),
    })),
  }
}

/** Numbers in the order of first appearance. */
function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name)
  if (known !== undefined) return known
  numbers.set(name, numbers.size)
  return numbers.size - 1
}
