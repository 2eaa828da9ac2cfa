import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { htmlText } from '../../device-sim/report/html.ts'
import { jsonReport, ordersSha256 } from '../../device-sim/report/json.ts'
import { junitText } from '../../device-sim/report/junit.ts'
import { isGood, type Report } from '../../device-sim/report/report.ts'
import { commandFor, play, reportOf, shrinkFailure } from '../../device-sim/run/run-scenario.ts'
import { FAULT_KINDS, type FaultKind, overridden } from '../../device-sim/scenario/overrides.ts'
import type { Scenario } from '../../device-sim/scenario/schema.ts'
import { systemClock } from '../lib/clock.ts'
import { CliError, type Context } from './client.ts'
import { untilInterrupted } from './interrupt.ts'
import { SimProgress } from './sim-progress.ts'

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

/** `adept sim run`: plays, checks, shrinks what fails, and reports. */
export async function simRun(
  { name, argument, scenario: whole }: { name: string; argument: string; scenario: Scenario },
  options: SimRunOptions,
  { print }: Context,
): Promise<void> {
  const kind = options.pure ? 'pure' : options.real ? 'real' : whole.run
  const scenario = overridden(whole, options)
  const madeAtMs = systemClock.nowMs()
  const signal = kind === 'real' ? untilInterrupted() : new AbortController().signal
  const progress = new SimProgress()
  try {
    const run = { kind, signal } as const
    const played = await play(scenario, { ...run, onProgress: (now) => progress.show(now) })
    const report = reportOf(name, argument, whole, scenario, kind, played, madeAtMs)
    if (!isGood(report) && options.shrink) {
      let tries = 0
      const onTry = ({ population: { homes }, days }: Scenario) =>
        progress.say(`it fails; looking for the smallest that does: try ${++tries}, ${homes} homes, ${days} days`)
      const shrunk = await shrinkFailure(scenario, played, { ...run, nowMs: () => performance.now(), onTry })
      report.smallest = {
        command: commandFor(argument, whole, shrunk.scenario, kind),
        tries: shrunk.tries,
        homes: shrunk.scenario.population.homes,
        days: shrunk.scenario.days,
        faults: FAULT_KINDS.filter((one) => shrunk.scenario.faults[one] !== undefined),
      }
    }
    progress.end()
    if (options.report !== undefined) writeReports(options.report, report)
    print(jsonReport(report), summaryText(report, options.report))
    if (!isGood(report)) process.exitCode = 1
  } catch (error) {
    progress.end()
    if (signal.aborted) throw new CliError('You ended it before it was over.')
    throw error
  }
}

function writeReports(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'report.html'), htmlText(report))
  writeFileSync(join(folder, 'junit.xml'), junitText(report))
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(jsonReport(report), null, 2)}\n`)
}

function summaryText(report: Report, folder: string | undefined): string {
  const { name, kind, scenario, result, verdicts, broken, smallest } = report
  const heading = `${name}: ${scenario.population.homes} homes, ${scenario.days} days, seed ${scenario.seed}, ${kind}`
  return [
    result === undefined ? heading : `${heading}; ${result.realSeconds.toFixed(1)} s`,
    ...(result === undefined
      ? []
      : [
          `  ${result.devices} devices, ${result.counts.reports} reports, ${result.orders.length} orders (sha256 ${ordersSha256(result.orders).slice(0, 16)})`,
        ]),
    ...(broken === undefined ? [] : [`  ✘ The run broke: ${broken}`]),
    ...verdicts.flatMap(({ name: what, holds, saw, details }) => [
      `  ${holds ? '✔' : '✘'} ${what}: ${saw}`,
      ...details.map((detail) => `      ${detail}`),
    ]),
    ...(result?.problems ?? []).map((problem) => `  note: ${problem}`),
    ...(folder === undefined ? [] : [`The report is in ${join(folder, 'report.html')}.`]),
    ...(isGood(report) ? [] : [`It fails with seed ${scenario.seed}. This plays it again:`, `  ${report.command}`]),
    ...(smallest === undefined
      ? []
      : [
          `The smallest that still fails (${smallest.homes} homes, ${smallest.days} days, ${smallest.tries} tries):`,
          `  ${smallest.command}`,
        ]),
  ].join('\n')
}
