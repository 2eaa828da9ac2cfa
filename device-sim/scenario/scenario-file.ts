import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Mistake, parseYamlFile } from '../../gateway/lib/yaml-file.ts'
import { Scenario } from './schema.ts'

const LIMITS = { maxCharacters: 32 * 1024, question: 'is this a scenario?' }
const SHIPPED = import.meta.dirname

export type ReadScenario =
  | { ok: true; name: string; path: string; scenario: Scenario }
  /** Each mistake with its place, such as `ci.yaml:12: days: it is at least 1.` */
  | { ok: false; sentences: string[] }

/** Reads the text of a scenario: either all of it holds, or every mistake is told with its line. */
export function parseScenario(text: string): { ok: true; scenario: Scenario } | { ok: false; mistakes: Mistake[] } {
  const read = parseYamlFile(Scenario, text, LIMITS)
  return read.ok ? { ok: true, scenario: read.value } : read
}

/** Names of the scenarios that come with the program. */
export function shippedScenarios(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort()
}

/** Reads a scenario by the name of a shipped one, or by the path of a file (which has a dot or a slash in it). */
export function readScenario(nameOrPath: string): ReadScenario {
  const isPath = /[./\\]/.test(nameOrPath)
  const path = isPath ? nameOrPath : join(SHIPPED, `${nameOrPath}.yaml`)
  if (!existsSync(path)) {
    const sentence = isPath
      ? `There is no file ${path}.`
      : `There is no scenario ${nameOrPath}: there are ${shippedScenarios().join(', ')}. A file of yours is named with its ending, such as ./${nameOrPath}.yaml.`
    return { ok: false, sentences: [sentence] }
  }
  if (statSync(path).isDirectory()) {
    return { ok: false, sentences: [`${path} is a folder. Name a file of it, such as ${join(path, 'mine.yaml')}.`] }
  }
  const read = parseScenario(readFileSync(path, 'utf8'))
  if (read.ok) return { ok: true, name: basename(path).replace(/\.ya?ml$/, ''), path, scenario: read.scenario }
  return { ok: false, sentences: read.mistakes.map(({ line, sentence }) => `${path}:${line}: ${sentence}`) }
}
