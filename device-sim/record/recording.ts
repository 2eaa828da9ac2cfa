import { z } from 'zod'
import { SlotName } from '../../gateway/domain/identifiers.ts'
import { Unit } from '../../gateway/domain/level.ts'
import { ConsumableReport, Description, EventReport, TelemetryReport } from '../../gateway/wire/messages.ts'

const FORMAT = 'adept recording'

const Head = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  devices: z.array(Description).min(1).max(1_000),
  readings: z.int().positive(),
})
/** Times are ms since the start of the recording, which is a Monday at midnight UTC. */
const common = {
  device: z.int().nonnegative(),
  session: z.int().nonnegative(),
  receivedMs: z.int().nonnegative(),
  /** Absent: the device had no clock. */
  measuredMs: z.int().optional(),
}
export const RecordedReading = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('consumable'),
    body: z.strictObject({
      slot: SlotName,
      remaining: z.number().nonnegative(),
      unit: Unit,
      unverified: ConsumableReport.shape.unverified,
    }),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('telemetry'),
    body: z.strictObject({ values: TelemetryReport.shape.values }),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('event'),
    body: z.strictObject({ type: EventReport.shape.type, detail: EventReport.shape.detail }),
  }),
])
export type RecordedReading = z.output<typeof RecordedReading>

/** Real traffic without what tells whose it is; readings in the order in which they were received. */
export type Recording = { devices: Description[]; readings: RecordedReading[] }

/** One JSON object a line: the head with all devices, then each reading. */
export function recordingText({ devices, readings }: Recording): string {
  const head = { format: FORMAT, version: 1, devices, readings: readings.length }
  return `${[head, ...readings].map((line) => JSON.stringify(line)).join('\n')}\n`
}

/** Throws a sentence with the line that is wrong. */
export function parseRecording(text: string, file: string): Recording {
  const [first = '', ...lines] = text.split('\n')
  const { devices, readings: count } = parseLine(Head, first, file, 1)
  const readings = lines.flatMap((line, index) =>
    line === '' ? [] : [parseLine(RecordedReading, line, file, index + 2)],
  )
  const stray = readings.findIndex(({ device }) => device >= devices.length)
  if (stray >= 0) throw new Error(`${file}:${stray + 2}: there is no device ${readings[stray]?.device} in it.`)
  if (readings.length !== count) {
    throw new Error(`${file} was cut off: it has ${readings.length} of ${count} readings. Record it again.`)
  }
  return { devices, readings }
}

function parseLine<Schema extends z.ZodType>(schema: Schema, line: string, file: string, number: number) {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    throw new Error(`${file}:${number}: this is no line of a recording; make one with \`adept sim record\`.`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Error(`${file}:${number}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`)
}
