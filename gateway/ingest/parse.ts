import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import type { Incoming } from '../ports/ingest.ts'
import {
  CommandResult,
  ConsumableReport,
  Description,
  EventReport,
  ReportId,
  Status,
  TelemetryReport,
} from '../wire/messages.ts'
import { parseTopic, WRITE_TOPICS } from '../wire/topics.ts'

/** More than this in one message is a dead letter; a description of 16 slots with 5 products each takes 7 KiB. */
export const MAX_PAYLOAD_BYTES = 16_384
/** A dead letter's reason names the first faults only. */
const MAX_REASON_CHARACTERS = 500

/** Topics that were parsed before: a device has six, and the check of a name costs as much as half the message. */
const topics = new Map<string, ReturnType<typeof parseTopic>>()
const MAX_TOPICS = 10_000

/** A message of a device, parsed: a row to commit, or the answer to a command, which nobody waits for after a restart. */
export type Parsed = Incoming | { kind: 'command-result'; deviceId: string; result: CommandResult }

/**
 * Turns what a device published into what the store keeps. Never throws: what cannot be read becomes a dead letter whose
 * reason says what to change.
 */
export function parseMessage(topic: string, payload: Uint8Array): Parsed {
  const parts = partsOf(topic)
  const deviceId = parts?.deviceId ?? topic.split('/')[2]
  const dead = (reason: string, report?: { session: string; seq: number }): Parsed => ({
    kind: 'dead-letter',
    deviceId,
    topic,
    payload: payload.subarray(0, MAX_PAYLOAD_BYTES),
    reason: reason.slice(0, MAX_REASON_CHARACTERS),
    ...(report !== undefined && { report }),
  })
  if (parts === undefined || !isWriteTopic(parts.name)) {
    return dead(`No such topic: a device writes ${WRITE_TOPICS.join(', ')}.`)
  }
  if (payload.byteLength > MAX_PAYLOAD_BYTES) {
    return dead(`${payload.byteLength} bytes are too many: a message has at most ${MAX_PAYLOAD_BYTES}.`)
  }
  if (!isUtf8(payload)) return dead('The message is not UTF-8 text.')
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload)
  const body = bytes.toString('utf8')

  if (parts.name === 'status') {
    const status = Status.safeParse(body)
    if (!status.success) return dead('A status is the plain text online or offline.')
    return { kind: 'status', deviceId: parts.deviceId, status: status.data }
  }
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch (error) {
    return dead(`The message is not JSON: ${(error as Error).message}`)
  }
  const parsed = parseJson(parts.deviceId, parts.name, json, body)
  if (parsed !== undefined) return parsed
  const report = isReport(parts.name) ? ReportId.safeParse(json).data : undefined
  return dead(faultOf(SCHEMAS[parts.name], json), report)
}

function partsOf(topic: string): ReturnType<typeof parseTopic> {
  const known = topics.get(topic)
  if (known !== undefined) return known
  const parts = parseTopic(topic)
  if (topics.size >= MAX_TOPICS) topics.clear()
  if (parts !== undefined) topics.set(topic, parts)
  return parts
}

/** The message, or undefined when it does not fit its schema. */
function parseJson(deviceId: string, name: keyof typeof SCHEMAS, json: unknown, body: string): Parsed | undefined {
  switch (name) {
    case 'consumable': {
      const { data } = ConsumableReport.safeParse(json)
      if (data === undefined) return undefined
      const { session, seq, measuredAtMs, slot, remaining, unit, unverified } = data
      const level = { slot, remaining, unit, unverified }
      return { kind: 'report', report: { deviceId, session, seq, kind: 'consumable', measuredAtMs, body, level } }
    }
    case 'telemetry':
    case 'event': {
      const { data } = name === 'telemetry' ? TelemetryReport.safeParse(json) : EventReport.safeParse(json)
      if (data === undefined) return undefined
      const { session, seq, measuredAtMs } = data
      return { kind: 'report', report: { deviceId, session, seq, kind: name, measuredAtMs, body } }
    }
    case 'description': {
      const { data } = Description.safeParse(json)
      return data === undefined ? undefined : { kind: 'description', deviceId, description: data, body }
    }
    case 'command/result': {
      const { data } = CommandResult.safeParse(json)
      return data === undefined ? undefined : { kind: 'command-result', deviceId, result: data }
    }
  }
}

const SCHEMAS = {
  consumable: ConsumableReport,
  telemetry: TelemetryReport,
  event: EventReport,
  description: Description,
  'command/result': CommandResult,
} as const

function faultOf(schema: z.ZodType, json: unknown): string {
  const { error } = schema.safeParse(json)
  return error === undefined ? 'The message does not fit its topic.' : z.prettifyError(error)
}

function isReport(name: string): boolean {
  return name === 'consumable' || name === 'telemetry' || name === 'event'
}

function isWriteTopic(name: string): name is (typeof WRITE_TOPICS)[number] {
  return (WRITE_TOPICS as readonly string[]).includes(name)
}
