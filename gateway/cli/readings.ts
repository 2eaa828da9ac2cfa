import { Command } from 'commander'
import type { ReadingView } from '../ports/devices.ts'
import type { HourView } from '../ports/retention.ts'
import { type Context, contextOf } from './client.ts'
import { localTime, parseCount, parseDuration, table } from './text.ts'

const SHOWN_READINGS = 20
const SHOWN_HOURS_SINCE = '7d'

type Options = { limit?: number; hourly?: boolean; since?: number }

export function readingsCommand(): Command {
  return new Command('readings')
    .description('show what a device reported, newest first')
    .argument('<device>', 'the device')
    .option('--limit <count>', `how many (default: ${SHOWN_READINGS}; with --hourly all)`, parseCount)
    .option('--hourly', 'hour by hour: kept for ever, where single readings go after 30 days (retention.rawDays)')
    .option('--since <duration>', `with --hourly: how far back (default: ${SHOWN_HOURS_SINCE})`, parseDuration)
    .action(async (deviceId: string, options: Options, command: Command) => {
      const context = contextOf(command)
      const path = `/v1/devices/${encodeURIComponent(deviceId)}`
      if (options.hourly || options.since !== undefined) await showHours(context, deviceId, path, options)
      else await showReadings(context, deviceId, path, options.limit ?? SHOWN_READINGS)
    })
}

async function showReadings({ client, print }: Context, deviceId: string, path: string, limit: number): Promise<void> {
  const { readings } = await client.get<{ readings: ReadingView[] }>(`${path}/readings?limit=${limit}`)
  const rows = readings.map((reading) => [
    localTime(reading.measuredAtMs),
    `${reading.session}/${reading.seq}`,
    reading.kind,
    measured(reading.body),
    [reading.mark, reading.markReason].filter(Boolean).join(': '),
  ])
  const header = ['MEASURED', 'SESSION/SEQ', 'KIND', 'REPORT', 'MARK']
  print(readings, table(header, rows, `${deviceId} has reported nothing yet.`))
}

async function showHours({ client, print }: Context, deviceId: string, path: string, options: Options): Promise<void> {
  const { since = parseDuration(SHOWN_HOURS_SINCE), limit } = options
  const query = `sinceSeconds=${since}${limit === undefined ? '' : `&limit=${limit}`}`
  const { hours } = await client.get<{ hours: HourView[] }>(`${path}/hours?${query}`)
  const rows = hours.map((hour) => [
    localTime(hour.startsAtMs).slice(0, -3),
    hour.kind,
    `${hour.name} ${hour.unit}`,
    hour.counted === hour.readings || hour.kind === 'event'
      ? String(hour.readings)
      : `${hour.readings}, ${hour.counted} verified`,
    ...[hour.first, hour.last, hour.least, hour.most, hour.mean].map((value) =>
      value === undefined ? '' : String(Number(value.toPrecision(6))),
    ),
  ])
  const header = ['HOUR FROM', 'KIND', 'OF', 'READINGS', 'FIRST', 'LAST', 'LEAST', 'MOST', 'MEAN']
  print(hours, table(header, rows, `${deviceId} has reported nothing in this time.`))
}

/** The report without what has columns of its own. */
function measured(body: unknown): string {
  const { session: _, seq: __, measuredAtMs: ___, ...rest } = body as Record<string, unknown>
  return JSON.stringify(rest)
}
