import { Command } from 'commander'
import type { ReadingView } from '../ports/devices.ts'
import { contextOf } from './client.ts'
import { localTime, parseCount, table } from './text.ts'

export function readingsCommand(): Command {
  return new Command('readings')
    .description('show what a device reported, newest first')
    .argument('<device>', 'the device')
    .option('--limit <count>', 'how many', parseCount, 20)
    .action(async (deviceId: string, options: { limit: number }, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ readings: ReadingView[] }>(
        `/v1/devices/${encodeURIComponent(deviceId)}/readings?limit=${options.limit}`,
      )
      const rows = answer.readings.map((reading) => [
        localTime(reading.measuredAtMs),
        `${reading.session}/${reading.seq}`,
        reading.kind,
        measured(reading.body),
        [reading.mark, reading.markReason].filter(Boolean).join(': '),
      ])
      print(
        answer.readings,
        table(['MEASURED', 'SESSION/SEQ', 'KIND', 'REPORT', 'MARK'], rows, `${deviceId} has reported nothing yet.`),
      )
    })
}

/** The report without what has columns of its own. */
function measured(body: unknown): string {
  const { session: _, seq: __, measuredAtMs: ___, ...rest } = body as Record<string, unknown>
  return JSON.stringify(rest)
}
