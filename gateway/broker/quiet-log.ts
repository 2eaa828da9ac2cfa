import type pino from 'pino'

const LINES_PER_MINUTE = 20
const MINUTE_MS = 60_000

/**
 * The log of what strangers and hostile devices can cause at will: of each kind of line 20 a minute, and how many there were
 * besides. Else thousands of connects a second would fill the disk, and cost more than the connects.
 */
export class QuietLog {
  readonly #log: pino.Logger
  readonly #kinds = new Map<string, { sinceMs: number; lines: number }>()

  constructor(log: pino.Logger) {
    this.#log = log
  }

  /** `text` is the kind: a constant. */
  write(level: 'info' | 'warn', fields: object, text: string, nowMs = performance.now()): void {
    const kind = this.#kinds.get(text)
    const isNew = kind === undefined || nowMs - kind.sinceMs >= MINUTE_MS
    if (!isNew && ++kind.lines > LINES_PER_MINUTE) return
    const unsaid = kind === undefined ? 0 : kind.lines - LINES_PER_MINUTE
    if (isNew) this.#kinds.set(text, { sinceMs: nowMs, lines: 1 })
    this.#log[level](isNew && unsaid > 0 ? { ...fields, unsaid } : fields, text)
  }
}
