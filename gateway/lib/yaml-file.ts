import { isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { z } from 'zod'

/** A mistake in a file, as a sentence for the person who can mend it. */
export type Mistake = { line: number; sentence: string }

export type ParsedFile<Value> = { ok: true; value: Value } | { ok: false; mistakes: Mistake[] }

/**
 * Reads the text of a YAML file that a person wrote: either all of it holds, or every mistake is told with its line.
 * Of a text that is too long, `question` asks whether it is the right file at all.
 */
export function parseYamlFile<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  limits: { maxCharacters: number; question: string },
): ParsedFile<z.output<Schema>> {
  if (text.length > limits.maxCharacters) {
    const sentence = `It is longer than ${limits.maxCharacters / 1024} KiB: ${limits.question}`
    return wrong([{ line: 1, sentence }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineAt = (offset: number | undefined) => (offset === undefined ? 1 : lines.linePos(offset).line)
  if (document.errors.length > 0) {
    return wrong(
      document.errors.map(({ pos, message }) => ({ line: lineAt(pos[0]), sentence: `This is no YAML: ${message}.` })),
    )
  }
  let aliasAt: number | undefined
  visit(document, {
    Alias(_key, node) {
      aliasAt ??= node.range?.[0]
      return visit.BREAK
    },
  })
  if (aliasAt !== undefined) {
    return wrong([{ line: lineAt(aliasAt), sentence: 'Anchors and aliases (& and *) are not taken: write it out.' }])
  }
  const parsed = schema.safeParse(document.toJS() ?? {}, { reportInput: true })
  if (parsed.success) return { ok: true, value: parsed.data }

  const { issues } = parsed.error
  // Where a name is misspelt, what is missing for want of it is no second mistake.
  const misspelt = issues.flatMap(({ code, path }) => (code === 'unrecognized_keys' ? [path.join('.')] : []))
  const mistakes = issues.flatMap((issue): Mistake[] => {
    if (issue.code === 'custom' && misspelt.includes(issue.path.join('.'))) return []
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        line: lineAt(offsetOf(document.contents, [...path, key])),
        sentence: `${nameOf([...path, key])} is not known here. There are ${knownKeys(schema, path).join(', ')}.`,
      }))
    }
    return [{ line: lineAt(offsetOf(document.contents, path)), sentence: `${nameOf(path)}: ${messageOf(issue)}.` }]
  })
  return wrong(mistakes)
}

/** Of what is not there at all, a person is told just that. */
function messageOf({ code, input, message }: z.core.$ZodIssue): string {
  return code === 'invalid_type' && input === undefined ? 'it is missing' : message
}

function wrong(mistakes: Mistake[]): { ok: false; mistakes: Mistake[] } {
  return { ok: false, mistakes: mistakes.sort((a, b) => a.line - b.line) }
}

/** Where the text says what the path names; for what is missing, where it should stand. */
function offsetOf(contents: unknown, path: readonly (string | number)[]): number | undefined {
  let node: unknown = contents
  let offset = isNode(contents) ? contents.range?.[0] : undefined
  for (const step of path) {
    const items = typeof node === 'object' && node !== null && 'items' in node ? (node.items as unknown[]) : []
    const pair = items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step)
    const next = isPair(pair) ? pair.value : typeof step === 'number' ? items[step] : undefined
    const start = isPair(pair) ? pair.key : next
    if (!isNode(start)) return offset
    offset = start.range?.[0] ?? offset
    node = next
  }
  return offset
}

/** `rules[2].when.level`, counted from 1 as a person counts. */
function nameOf(path: readonly (string | number)[]): string {
  const name = path.map((step) => (typeof step === 'number' ? `[${step + 1}]` : `.${step}`)).join('')
  return name.replace(/^\./, '') || 'The file'
}

type JsonSchema = { properties?: Record<string, JsonSchema>; items?: JsonSchema; anyOf?: JsonSchema[] }

/** The names that may stand at this place of the file. */
function knownKeys(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let at = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  for (const step of path) at = (typeof step === 'number' ? at.items : at.properties?.[step]) ?? {}
  return Object.keys(at.properties ?? {})
}
