/**
 * Loaded into a child process with `node --import`: ends it in good order when the pipe on its standard input closes. That
 * happens when its parent wants it, and by the kernel's hand when its parent is gone, however it went.
 */

import { isMainThread } from 'node:worker_threads'

/** A child that starts or stops longer than this hangs. */
const END_WITHIN_MS = 15_000
const POLL_MS = 20

// Its worker threads load this too, and end with it.
if (isMainThread) {
  process.stdin.once('end', end).once('error', end).resume()
  process.stdin.unref()
}

function end(): void {
  setTimeout(() => process.exit(1), END_WITHIN_MS).unref()
  // Before it listens for SIGTERM it would die at once and leave behind what it has started itself.
  const timer = setInterval(() => {
    if (process.listenerCount('SIGTERM') === 0) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, POLL_MS)
}
