import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Replayed } from '../../device-sim/record/replay.ts'
import { loadConfig } from '../config.ts'
import { CliError, contextOf } from './client.ts'
import { untilInterrupted } from './interrupt.ts'
import { parseDuration, table } from './text.ts'

const RECORD_HELP = `
It reads the data folder, beside the gateway or without it, and changes nothing. It is about one home: that of --home, else
the one of adept.yaml.

Kept: levels, units, capacities and GTINs of slots; that a level was unverified, not why; weekday and time of day (UTC);
restarts; and names that say nothing of a home: the slots, events, programs and faults of the simulator's appliances, and
telemetry whose name has words of measurement only, such as temperature or circulationPumpRpm.

Renamed, the same name always alike: devices (device-1); other slots (slot-1), events (event-1), programs (program-1) and
faults (fault-1); other telemetry (field-1) when its name ends with a unit and its number has at most five digits before the
point.

Dropped: all other telemetry; all other details of events; numbers of ten digits and more before the point; every other text;
names of sessions, makers, models, firmware, part numbers of makers, dates, and what could not be read at all.`

export function recordCommand(): Command {
  return new Command('record')
    .description('write what the devices of a home reported into a file, without what tells whose it is')
    .argument('<file>', 'the recording; what has that name is replaced')
    .addOption(
      new Option('--since <duration>', 'how far back from the newest reading; single ones are kept for 30 days')
        .argParser(parseDuration)
        .default(parseDuration('30d'), '30d'),
    )
    .addHelpText('after', RECORD_HELP)
    .action(async (file: string, options: { since: number }, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      if (!existsSync(join(dataFolder, 'gateway.db'))) {
        throw new CliError(`There is no gateway in ${dataFolder}. Name its folder with --data.`)
      }
      const { readTraffic } = await import('../../device-sim/record/read-traffic.ts')
      const { anonymised } = await import('../../device-sim/record/anonymise.ts')
      const { checkPlace, writeRecording } = await import('../../device-sim/record/recording-file.ts')
      goodFile(() => checkPlace(file))
      const home = command.optsWithGlobals<{ home?: string }>().home ?? loadConfig(dataFolder).home.id
      const traffic = readTraffic(dataFolder, home, options.since * 1000)
      if (traffic === undefined) throw new CliError(`There is no home ${home}. See all with \`adept home list\`.`, 2)
      if (traffic.readings.length === 0) {
        throw new CliError(`No device of the home ${home} reported anything: there is nothing to record.`)
      }
      const recording = anonymised(traffic.descriptions, traffic.readings)
      goodFile(() => writeRecording(file, recording))
      const answer = { file, devices: recording.devices.length, readings: recording.readings.length }
      print(
        answer,
        `${answer.readings} readings of ${answer.devices} devices are in ${file}. Look at it before you give it away; \`adept sim replay ${file}\` plays it.`,
      )
    })
}

export function replayRecordingCommand(): Command {
  return new Command('replay')
    .description('play a recording through a gateway of its own, in virtual time; nothing is bought')
    .argument('<file>', 'made by `adept sim record`')
    .option('--speed <times>', 'so many times as fast as it was (default: as fast as it goes)', parseSpeed)
    .action(async (file: string, { speed }: { speed?: number }, command: Command) => {
      const { print } = contextOf(command)
      const { readRecording } = await import('../../device-sim/record/recording-file.ts')
      const recording = goodFile(() => readRecording(file))
      const { replay } = await import('../../device-sim/record/replay.ts')
      const { roundedDays } = await import('../../device-sim/record/progress.ts')
      const { SimProgress } = await import('./sim-progress.ts')
      const progress = new SimProgress()
      const signal = untilInterrupted()
      try {
        const replayed = await replay(recording, {
          speed,
          signal,
          onProgress: ({ readings, ...days }) =>
            progress.show({ phase: 'day', ...roundedDays(days), reports: readings, orders: 0 }),
        })
        progress.end()
        print(replayed, replayText(replayed))
        if (replayed.stored !== replayed.readings) process.exitCode = 1
      } catch (error) {
        progress.end()
        throw signal.aborted ? new CliError('You ended it before it was over.') : error
      }
    })
}

function replayText({ readings, stored, marks, told, virtualDays, realSeconds }: Replayed): string {
  const seen = Object.entries(marks).map(([mark, times]) => `${times} ${mark}`)
  return [
    `${readings} readings of ${virtualDays.toFixed(1)} days in ${realSeconds.toFixed(1)} s: ${stored} are stored${seen.length === 0 ? '' : `, of the levels ${seen.join(', ')}`}.`,
    table(
      ['DEVICE', 'SLOT', 'TOLD', 'TIMES'],
      told.map(({ device, slot, kind, times }) => [device, slot, kind, String(times)]),
      'The homeowner would have been told nothing about a slot.',
    ),
  ].join('\n')
}

function goodFile<Value>(use: () => Value): Value {
  try {
    return use()
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), 2)
  }
}

function parseSpeed(text: string): number {
  const speed = Number(text)
  if (!(speed > 0 && speed <= 1e9))
    throw new InvalidArgumentError('Give a number above 0, such as 60 for an hour in a minute.')
  return speed
}
