import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A start is over by then, and its rubbish still young. */
const SETTLE_MS = 1_000

/**
 * Gives the memory back that this thread's start used and nobody needs again; V8 would keep it as long as the thread is
 * idle. An idle gateway takes 20 MiB less by it, of 164.
 */
export function sweepAfterStart(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as (options: { type: 'major'; flavor: 'last-resort' }) => void
    collect({ type: 'major', flavor: 'last-resort' })
  }, SETTLE_MS).unref()
}
