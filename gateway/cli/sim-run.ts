import { join } from 'node:path'
import { openFolder, writeReports } from '../../device-sim/report/folder.ts'
import { jsonReport, ordersSha256 } from '../../device-sim/report/json.ts'
import { isGood, notesOf, type Report } from '../../device-sim/report/report.ts'
import { withoutSizeBounds } from '../../device-sim/run/expectations.ts'
import { commandFor, type Played, play, reportOf, shrinkFailure } from '../../device-sim/run/run-scenario.ts'
import { type FaultKind, faultsIn } from '../../device-sim/scenario/faults.ts'
import { mistakesOf, overridden } from '../../device-sim/scenario/overrides.ts'
import type { Scenario } from '../../device-sim/scenario/schema.ts'
import { systemClock } from '../lib/clock.ts'
import { CliError, type Context } from './client.ts'
import { untilInterrupted } from './interrupt.ts'
import { SimProgress } from './sim-progress.ts'
import { counts } from './text.ts'

export type SimRunOptions = {
  pure?: true
  real?: true
  seed?: string
  homes?: number
  firstHome?: number
  days?: number
  without?: FaultKind[]
  report?: string
  shrink: boolean
}
/** A scenario as its file has it, and how it was named. */
type Named = { name: string; argument: string; scenario: Scenario }

const NOT_SHRUNK =
  'No smaller scenario was looked for: only the number of orders or packs fails, and its bounds are for the homes and days of the file.'

/** `adept sim run`: plays, checks, shrinks what fails, and reports. */
export async function simRun(named: Named, options: SimRunOptions, { print }: Context): Promise<void> {
  const scenario = overridden(named.scenario, options)
  const mistakes = mistakesOf(scenario)
  if (mistakes.length > 0) throw new CliError(mistakes.join('\n'), 2)
  const hindrance = options.report === undefined ? undefined : openFolder(options.report)
  if (hindrance !== undefined) throw new CliError(hindrance, 2)

  const report = await played(named, scenario, options)
  const problem = options.report === undefined ? undefined : writeReports(options.report, report)
  print(jsonReport(report), summaryText(report, problem === undefined ? options.report : undefined))
  if (problem !== undefined) throw new CliError(problem)
  if (!isGood(report)) process.exitCode = 1
}

async function played(named: Named, scenario: Scenario, options: SimRunOptions): Promise<Report> {
  const { name, argument, scenario: whole } = named
  const kind = options.pure ? 'pure' : options.real ? 'real' : whole.run
  const signal = kind === 'real' ? untilInterrupted() : new AbortController().signal
  const progress = new SimProgress()
  const madeAtMs = systemClock.nowMs()
  try {
    const first = await play(scenario, { kind, signal, onProgress: (now) => progress.show(now) })
    const report = reportOf(name, argument, whole, scenario, kind, first, madeAtMs)
    if (isGood(report) || !options.shrink) return report
    const failed = withoutSizeBounds(first)
    if (isGood(failed)) return { ...report, leftOut: [...report.leftOut, NOT_SHRUNK] }
    return { ...report, smallest: await smallestOf(named, report, failed, { progress, signal }) }
  } catch (error) {
    if (signal.aborted) throw new CliError('You ended it before it was over.')
    throw error
  } finally {
    progress.end()
  }
}

async function smallestOf(
  { argument, scenario: whole }: Named,
  { scenario, kind }: Report,
  failed: Played,
  { progress, signal }: { progress: SimProgress; signal: AbortSignal },
): Promise<Report['smallest']> {
  let tries = 0
  const onTry = ({ population: { homes }, days }: Scenario) =>
    progress.say(
      `it fails; looking for the smallest that does: try ${++tries}, ${counts(homes, 'home')}, ${counts(days, 'day')}`,
    )
  const shrunk = await shrinkFailure(scenario, failed, { kind, signal, nowMs: () => performance.now(), onTry })
  return {
    command: commandFor(argument, whole, shrunk.scenario, kind),
    tries: shrunk.tries,
    homes: shrunk.scenario.population.homes,
    days: shrunk.scenario.days,
    faults: faultsIn(kind, shrunk.scenario.faults).happening,
  }
}

function summaryText(report: Report, folder: string | undefined): string {
  const { name, kind, scenario, result, verdicts, broken, smallest } = report
  const heading = `${name}: ${counts(scenario.population.homes, 'home')}, ${counts(scenario.days, 'day')}, seed ${scenario.seed}, ${kind}`
  return [
    result === undefined ? heading : `${heading}; ${result.realSeconds.toFixed(1)} s`,
    ...(result === undefined
      ? []
      : [
          `  ${counts(result.devices, 'device')}, ${counts(result.counts.reports, 'report')}, ${counts(result.orders.length, 'order')} (sha256 ${ordersSha256(result.orders).slice(0, 16)})`,
        ]),
    ...(broken === undefined ? [] : [`  ✘ The run broke: ${broken}`]),
    ...verdicts.flatMap(({ name: what, holds, saw, details }) => [
      `  ${holds ? '✔' : '✘'} ${what}: ${saw}`,
      ...details.map((detail) => `      ${detail}`),
    ]),
    ...notesOf(report).map((note) => `  note: ${note}`),
    ...(folder === undefined ? [] : [`The report is in ${join(folder, 'report.html')}.`]),
    ...(isGood(report) ? [] : [`It fails with seed ${scenario.seed}. This plays it again:`, `  ${report.command}`]),
    ...(smallest === undefined
      ? []
      : [
          `The smallest that still fails (${counts(smallest.homes, 'home')}, ${counts(smallest.days, 'day')}, ${smallest.tries} tries):`,
          `  ${smallest.command}`,
        ]),
  ].join('\n')
}
