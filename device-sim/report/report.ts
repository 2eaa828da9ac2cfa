import type { RunResult } from '../run/result.ts'
import type { Verdict } from '../run/verdict.ts'
import type { Scenario } from '../scenario/schema.ts'

/** Everything that is told of a run: by the terminal, as HTML, JUnit XML and JSON. */
export type Report = {
  /** Of the scenario, such as `ci`. */
  name: string
  kind: 'pure' | 'real'
  scenario: Scenario
  /** Undefined when the run broke. */
  result: RunResult | undefined
  verdicts: Verdict[]
  /** What broke the run, as a sentence. */
  broken: string | undefined
  /** Faults of processes and strangers by virtual day. */
  faults: { day: number; what: string }[]
  /** What was not played, judged or looked for although one may expect it, as sentences. */
  leftOut: string[]
  /** Plays the same again. */
  command: string
  /** Plays the smallest population and span that still fails, when it was looked for. */
  smallest: { command: string; tries: number; homes: number; days: number; faults: string[] } | undefined
  /** Real time. */
  madeAtMs: number
}

/** What a reader is told beside the verdicts, as sentences. */
export function notesOf({ leftOut, result }: Report): string[] {
  return [...leftOut, ...(result?.problems ?? [])]
}

/** Whether all that must hold does. */
export function isGood({ verdicts, broken }: Pick<Report, 'verdicts' | 'broken'>): boolean {
  return broken === undefined && verdicts.every(({ holds }) => holds)
}
