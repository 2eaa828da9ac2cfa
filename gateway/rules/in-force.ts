import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Rules } from '../domain/rules.ts'
import type { Mistake } from '../lib/yaml-file.ts'
import type { RulesVersionStore } from '../ports/rules.ts'
import { parseRules } from './rules-file.ts'

export const BUILT_IN_RULES = join(import.meta.dirname, 'built-in.yaml')

/** An editor may write a file in pieces: it is read once it has stood still for so long (real time). */
const STILL_MS = 500
/** Of a file's mistakes, this many are told in the feed. */
const TOLD_MISTAKES = 5

export type RulesInForce = {
  /** Looks whether the file changed. A file with a mistake changes nothing, and the homeowner is told what to mend. */
  refresh(nowMs: number): Promise<void>
  current(): { rules: Rules; version: number; source: 'built-in' | 'file'; problem: string | undefined }
}

/** What the file is like, without reading it; undefined: there is none. */
type Look = string | undefined

/**
 * The rules of all homes: those of the file, else the built-in ones. A version is a row before it decides anything, and it is
 * in force as a whole or not at all. Throws when the program's own rules are wrong.
 */
export async function rulesInForce(options: {
  /** `rules.yaml` in the data folder; it may be absent. */
  file: string
  store: RulesVersionStore
  /** Version of this program. */
  program: string
  nowMs: number
  /** Real time in ms, from any moment. */
  realMs?: () => number
}): Promise<RulesInForce> {
  const { file, store, program, realMs = () => performance.now() } = options
  let known: Look
  let changing: { look: Look; sinceMs: number } | undefined
  let inForce = await start(options.nowMs)

  async function start(nowMs: number) {
    const latest = await store.latest()
    known = lookAt(file)
    const text = known === undefined ? undefined : readFileSync(file, 'utf8')
    const read = text === undefined ? undefined : parseRules(text)
    if (text !== undefined && read?.ok)
      return accept(read.rules, text, 'file', nowMs, latest !== undefined && latest.text !== text)
    const problem = read?.ok === false ? problemOf(file, read.mistakes) : undefined
    if (problem !== undefined) await store.refuse(`${problem} ${keptSentence(latest?.source)}`, nowMs)
    // The file that was good yesterday still says what its owner meant.
    const kept = problem !== undefined && latest?.source === 'file' ? parseRules(latest.text) : undefined
    if (kept?.ok) return { ...(await accept(kept.rules, latest!.text, 'file', nowMs, false)), problem }
    const builtIn = builtInRules()
    return {
      ...(await accept(
        builtIn.rules,
        builtIn.text,
        'built-in',
        nowMs,
        latest?.source === 'file' && problem === undefined,
      )),
      problem,
    }
  }

  async function accept(rules: Rules, text: string, source: 'built-in' | 'file', nowMs: number, tells: boolean) {
    const sentence =
      source === 'file' ? `The rules of ${file} are in force.` : `${file} is gone: the built-in rules are in force.`
    const accepted = { text, source, program, acceptedAtMs: nowMs }
    const { version } = await store.accept(accepted, tells ? sentence : undefined)
    return { rules, version, source, problem: undefined as string | undefined }
  }

  return {
    current: () => inForce,
    async refresh(nowMs) {
      const look = lookAt(file)
      if (look === known) {
        changing = undefined
        return
      }
      if (changing === undefined || changing.look !== look) {
        changing = { look, sinceMs: realMs() }
        return
      }
      if (realMs() - changing.sinceMs < STILL_MS) return
      known = look
      changing = undefined
      if (look === undefined) {
        const builtIn = builtInRules()
        inForce = await accept(builtIn.rules, builtIn.text, 'built-in', nowMs, true)
        return
      }
      const text = readFileSync(file, 'utf8')
      const read = parseRules(text)
      if (read.ok) inForce = await accept(read.rules, text, 'file', nowMs, true)
      else {
        const problem = problemOf(file, read.mistakes)
        inForce = { ...inForce, problem }
        await store.refuse(`${problem} ${keptSentence(inForce.source)}`, nowMs)
      }
    },
  }
}

/** The rules of a home that wrote none, and their text. */
export function builtInRules(): { rules: Rules; text: string } {
  const text = readFileSync(BUILT_IN_RULES, 'utf8')
  const read = parseRules(text)
  if (!read.ok) throw new Error(problemOf(BUILT_IN_RULES, read.mistakes))
  return { rules: read.rules, text }
}

/** `rules.yaml has 2 mistakes. Line 3: …` */
export function problemOf(file: string, mistakes: readonly Mistake[]): string {
  const told = mistakes.slice(0, TOLD_MISTAKES).map(({ line, sentence }) => `Line ${line}: ${sentence}`)
  const more = mistakes.length > TOLD_MISTAKES ? [`And ${mistakes.length - TOLD_MISTAKES} more.`] : []
  return [`${file} has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}.`, ...told, ...more].join(
    ' ',
  )
}

function keptSentence(source: 'built-in' | 'file' | undefined): string {
  return source === 'file' ? 'The rules from before stay in force.' : 'The built-in rules stay in force.'
}

function lookAt(file: string): Look {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true })
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}
