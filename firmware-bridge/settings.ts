import { readFileSync, statSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { z } from 'zod'

const Pattern = z.string().regex(/^\/[^*?]*[^/]*$/, 'a path from / on, with * and ? in its last part only')

/** Every setting of `bridge.yaml`. */
const Settings = z.strictObject({
  /** Ports that may have boards. */
  ports: z.array(Pattern).min(1).max(32).default(['/dev/serial/by-id/*', '/dev/serial/by-path/*']),
  /** Ports that are none of ours, such as the stick of another radio. */
  ignore: z.array(Pattern).max(32).default([]),
  baudRate: z.int().min(300).max(4_000_000).default(115_200),
  mqtt: z
    .strictObject({
      /** Absent: the gateway of this data folder, wherever it listens now. */
      url: z.url({ protocol: /^mqtt$/, error: 'expected an address that begins with mqtt://' }).optional(),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
})
export type Settings = z.infer<typeof Settings>

/** Reads `bridge.yaml`; absent: all defaults. Throws a sentence that names the mistake. */
export function readSettings(file: string): Settings {
  const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined
  const document = parseDocument(isThere ? readFileSync(file, 'utf8') : '')
  const [syntaxError] = document.errors
  if (syntaxError !== undefined) throw new Error(`${file} is not valid YAML: ${syntaxError.message}`)
  const parsed = Settings.safeParse(document.toJS() ?? {})
  if (parsed.success) return parsed.data
  throw new Error(`${file} has mistakes:\n${z.prettifyError(parsed.error)}`)
}
