import { Command } from 'commander'
import type { Replay } from '../rules/replay.ts'
import { contextOf } from './client.ts'
import { linesOf, progress } from './progress.ts'
import { localTime } from './text.ts'

export function replayCommand(): Command {
  return new Command('replay')
    .description('make every decision again from the stored readings, and say if one differs; changes nothing')
    .addHelpText('after', '\nEnds with exit code 1 when a decision differs.')
    .action(async (_options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const lines = linesOf<Replay>(client.postStream('/v1/replay', {}))
      const done = await progress(
        lines,
        ({ readings, ofReadings, decisions }) => `${readings} of ${ofReadings} readings, ${decisions} decisions`,
      )
      print(done, replayText(done))
      if (done.differing > 0) process.exitCode = 1
    })
}

function replayText(done: Extract<Replay, { kind: 'done' }>): string {
  const { readings, decisions, fromInputs, goneAtMs, differing, first } = done
  const fewer =
    goneAtMs === undefined
      ? ''
      : `, ${fromInputs} of them from their own inputs alone (single readings up to ${localTime(goneAtMs)} are not kept)`
  const made = `${decisions} decisions were made again from ${readings} readings${fewer}`
  if (first === undefined) return `${made}: all are as they were.`
  return [
    `${made}: ${differing} ${differing === 1 ? 'differs' : 'differ'}. The first is decision ${first.decisionId}, of ` +
      `${first.deviceId} ${first.slot} at ${localTime(first.atMs)}:`,
    first.why,
  ].join('\n')
}
