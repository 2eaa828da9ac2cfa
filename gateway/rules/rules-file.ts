import { Rules } from '../domain/rules.ts'
import { type Mistake, parseYamlFile } from '../lib/yaml-file.ts'

/** More than 200 rules need, and a request to the API may hold. */
const LIMITS = { maxCharacters: 48 * 1024, question: 'are these your rules?' }

export type ParsedRules = { ok: true; rules: Rules } | { ok: false; mistakes: Mistake[] }

/** Reads the text of a `rules.yaml`: either all of it holds, or every mistake is told with its line. */
export function parseRules(text: string): ParsedRules {
  const read = parseYamlFile(Rules, text, LIMITS)
  return read.ok ? { ok: true, rules: read.value } : read
}
