import { Command, InvalidArgumentError, Option } from 'commander'
import { FAULT_KINDS, type FaultKind, faultsIn } from '../../device-sim/scenario/faults.ts'
import type { Scenario } from '../../device-sim/scenario/schema.ts'
import { CliError, contextOf } from './client.ts'
import { recordCommand, replayRecordingCommand } from './sim-record.ts'
import type { SimRunOptions } from './sim-run.ts'
import { parseCount, table } from './text.ts'

export function simCommand(): Command {
  return new Command('sim')
    .description('play simulated homes and fleets from a scenario file, or what real devices said')
    .addCommand(runCommand())
    .addCommand(listCommand())
    .addCommand(checkCommand())
    .addCommand(recordCommand())
    .addCommand(replayRecordingCommand())
}

function runCommand(): Command {
  return new Command('run')
    .description('play a scenario, and check what must hold at its end')
    .argument('<scenario>', 'the name of a shipped one, or the path of a file such as ./mine.yaml')
    .addOption(new Option('--pure', 'in this process alone, in seconds').conflicts('real'))
    .addOption(new Option('--real', 'through a gateway, shop and chain of its own, over MQTT, in virtual time'))
    .option('--seed <text>', 'other homes, other chance (default: as the scenario says)', parseSeed)
    .option('--homes <count>', 'another number of homes', parseCount)
    .option('--first-home <index>', 'begin with this home of the population', parseIndex)
    .option('--days <count>', 'another span', parseCount)
    .option('--without <faults>', `leave out kinds of faults: ${FAULT_KINDS.join(', ')}`, parseKinds)
    .option('--report <folder>', 'write report.html, junit.xml and report.json there')
    .option('--no-shrink', 'when it fails, do not look for the smallest scenario that still fails')
    .addHelpText(
      'after',
      `
Bounds on the numbers of orders and packs are for the homes and days of the file: with others they are not judged.
Nothing of a gateway of yours is touched.
Ends with exit code 0 when all holds, 1 when something does not, 2 when the scenario or an option is wrong.`,
    )
    .action(async (name: string, options: SimRunOptions, command: Command) => {
      const read = await goodScenario(name)
      // Loads cryptography and databases, which other commands need not wait for.
      const { simRun } = await import('./sim-run.ts')
      await simRun({ ...read, argument: name }, options, contextOf(command))
    })
}

function listCommand(): Command {
  return new Command('list')
    .description('list the scenarios that come with the program')
    .action(async (_options: unknown, command: Command) => {
      const { shippedScenarios } = await import('../../device-sim/scenario/scenario-file.ts')
      const scenarios = await Promise.all(shippedScenarios().map((name) => goodScenario(name)))
      const rows = scenarios.map(({ name, scenario: { run, population, days, about } }) => [
        name,
        run,
        String(population.homes),
        String(days),
        about,
      ])
      contextOf(command).print(
        scenarios.map(({ name, path, scenario }) => ({ name, path, ...scenario })),
        table(['NAME', 'RUN', 'HOMES', 'DAYS', 'WHAT IT SHOWS'], rows, 'There is none.'),
      )
    })
}

function checkCommand(): Command {
  return new Command('check')
    .description('check a scenario file, and say what would happen in it')
    .argument('<scenario>', 'the path of a file such as ./mine.yaml, or the name of a shipped one')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { path, scenario } = await goodScenario(name)
      const happens = await happeningIn(scenario)
      contextOf(command).print({ ok: true, path, scenario, ...happens }, checkText(path, scenario, happens))
    })
}

type Happens = { timeline: { day: number; what: string }[]; leftOut: string[] }

/** In a run of the kind that the file names. */
async function happeningIn(scenario: Scenario): Promise<Happens> {
  const { timelineOf } = await import('../../device-sim/faults/timeline.ts')
  const { leftOutOf } = await import('../../device-sim/run/left-out.ts')
  return { timeline: timelineOf(scenario, scenario.run), leftOut: leftOutOf(scenario, scenario, scenario.run) }
}

function checkText(path: string, scenario: Scenario, { timeline, leftOut }: Happens): string {
  const { population, days, seed, tickMinutes, run, faults } = scenario
  const kinds = faultsIn(run, faults).happening
  return [
    `${path} is all right: a ${run} run of ${population.homes} homes for ${days} days in ticks of ${tickMinutes} minutes, seed ${seed}.`,
    kinds.length === 0 ? 'Nothing goes wrong in it.' : `What goes wrong: ${kinds.join(', ')}.`,
    ...leftOut,
    ...timeline.map(({ day, what }) => `  day ${day.toFixed(1).padStart(6)}  ${what}`),
  ].join('\n')
}

/** What reads scenarios loads the appliances: a faulty one shall hinder no other command. */
async function goodScenario(name: string) {
  const { readScenario } = await import('../../device-sim/scenario/scenario-file.ts')
  const read = readScenario(name)
  if (!read.ok) throw new CliError(read.sentences.join('\n'), 2)
  return read
}

function parseSeed(text: string): string {
  if (text === '' || text.length > 64) throw new InvalidArgumentError('A seed is a text of 1–64 characters.')
  return text
}

function parseIndex(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Give a whole number; the first home is 0.')
  return Number(text)
}

function parseKinds(text: string): FaultKind[] {
  const kinds = text.split(',')
  const unknown = kinds.find((kind) => !FAULT_KINDS.includes(kind as FaultKind))
  if (unknown === undefined) return kinds as FaultKind[]
  throw new InvalidArgumentError(`${unknown} is no kind of fault. There are ${FAULT_KINDS.join(', ')}.`)
}
