import { FaultPlan } from '../faults/plan.ts'
import { Striker } from '../faults/strike.ts'
import { timelineOf } from '../faults/timeline.ts'
import type { Report } from '../report/report.ts'
import { optionsFor, quoted } from '../scenario/overrides.ts'
import type { Scenario } from '../scenario/schema.ts'
import { gatherEvidence } from './evidence.ts'
import { judgePure, judgeReal } from './expectations.ts'
import { leftOutOf } from './left-out.ts'
import { runPure } from './pure.ts'
import type { RunProgress, RunResult } from './result.ts'
import { type ShrinkLimits, type Shrunk, shrink } from './shrink.ts'
import type { Verdict } from './verdict.ts'

/** Tries and real time for the search of what still fails: a pure run takes milliseconds, a real one up to minutes. */
const SHRINK_BOUNDS = {
  pure: { maxTries: 200, maxMs: 60_000 },
  real: { maxTries: 12, maxMs: 10 * 60_000 },
} as const

export type RunOptions = {
  kind: 'pure' | 'real'
  onProgress(progress: RunProgress): void
  /** Ends the run, as Ctrl-C does. */
  signal: AbortSignal
}
export type Played = { result: RunResult | undefined; verdicts: Verdict[]; broken: string | undefined }

/** One run from a scenario to what became of it; a run that breaks is a value too, unless it was ended. */
export async function play(scenario: Scenario, { kind, onProgress, signal }: RunOptions): Promise<Played> {
  try {
    if (kind === 'pure') {
      const result = runPure(scenario, { onProgress })
      return { result, verdicts: judgePure(scenario, result), broken: undefined }
    }
    // Loads wallets and MQTT, which a pure run need not wait for.
    const { runReal } = await import('./real.ts')
    const striker = new Striker(scenario.seed)
    let verdicts: Verdict[] = []
    const result = await runReal(scenario, {
      plan: new FaultPlan(scenario),
      strike: (happening, scene) => striker.strike(happening, scene),
      atEnd: async (scene) => {
        onProgress({
          phase: 'checking rows and chain',
          day: scenario.days,
          ofDays: scenario.days,
          reports: 0,
          orders: 0,
        })
        verdicts = judgeReal(scenario, await gatherEvidence(scenario, scene))
      },
      onProgress,
      signal,
    })
    const problems = [...result.problems, ...striker.problems]
    return { result: { ...result, problems }, verdicts, broken: undefined }
  } catch (error) {
    signal.throwIfAborted()
    return { result: undefined, verdicts: [], broken: error instanceof Error ? error.message : String(error) }
  }
}

/** `whole` is the scenario as its file has it: the commands that play it again name what differs from that. */
export function reportOf(
  name: string,
  argument: string,
  whole: Scenario,
  scenario: Scenario,
  kind: 'pure' | 'real',
  played: Played,
  madeAtMs: number,
): Report {
  return {
    name,
    kind,
    scenario,
    ...played,
    faults: timelineOf(scenario, kind),
    leftOut: leftOutOf(whole, scenario, kind),
    command: commandFor(argument, whole, scenario, kind),
    smallest: undefined,
    madeAtMs,
  }
}

/** Whether a run shows the same trouble as the first: broken again, or one of the same expectations. */
export function failsAlike(first: Played, again: Played): boolean {
  if (first.broken !== undefined) return again.broken !== undefined
  const failed = new Set(first.verdicts.flatMap(({ name, holds }) => (holds ? [] : [name])))
  return again.verdicts.some(({ name, holds }) => !holds && failed.has(name))
}

/** Looks for the smallest scenario that fails as this one did. */
export async function shrinkFailure(
  scenario: Scenario,
  first: Played,
  options: Omit<RunOptions, 'onProgress'> & Pick<ShrinkLimits, 'nowMs'> & { onTry(candidate: Scenario): void },
): Promise<Shrunk> {
  const quiet = { ...options, onProgress: () => undefined }
  const fails = async (candidate: Scenario) => failsAlike(first, await play(candidate, quiet))
  return await shrink(scenario, fails, { ...SHRINK_BOUNDS[options.kind], nowMs: options.nowMs, onTry: options.onTry })
}

/** `argument` names the scenario as it was typed. */
export function commandFor(argument: string, whole: Scenario, scenario: Scenario, kind: 'pure' | 'real'): string {
  return ['adept sim run', quoted(argument), `--${kind}`, ...optionsFor(whole, scenario)].join(' ')
}
