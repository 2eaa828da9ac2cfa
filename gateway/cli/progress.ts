import { CliError } from './client.ts'

/** At most so often: a terminal is no log. */
const SHOWN_EVERY_MS = 500

/** Parses one JSON object a line, as they come. */
export async function* linesOf<Line>(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let text = ''
  for await (const chunk of chunks) {
    const lines = (text + chunk).split('\n')
    text = lines.pop()!
    for (const line of lines) yield JSON.parse(line) as Line
  }
}

/** Shows how far long work is, on standard error and only to a person; resolves to its end. */
export async function progress<Line extends { kind: string }>(
  lines: AsyncIterable<Line>,
  text: (line: Extract<Line, { kind: 'progress' }>) => string,
): Promise<Extract<Line, { kind: 'done' }>> {
  let shownAtMs = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (shownAtMs > 0) process.stderr.write('\r\u001b[K')
  }
  for await (const line of lines) {
    if (line.kind === 'done') {
      clear()
      return line as Extract<Line, { kind: 'done' }>
    }
    if (line.kind === 'fault') throw new CliError((line as Line & { error: string }).error)
    const nowMs = performance.now()
    if (!process.stderr.isTTY || nowMs - shownAtMs < SHOWN_EVERY_MS) continue
    shownAtMs = nowMs
    process.stderr.write(`\r\u001b[K${text(line as Extract<Line, { kind: 'progress' }>)} …`)
  }
  throw new CliError('The gateway stopped before it was done. Try it again.')
}
