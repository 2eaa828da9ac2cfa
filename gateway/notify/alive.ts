import { httpRequest } from '../lib/http-request.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'

const PING_TIMEOUT_MS = 10_000
/** Its answer is not looked at. */
const MAX_ANSWER_BYTES = 1024 * 1024
/** A ping that failed is tried again within this, so that one lost packet alarms nobody. */
const RETRY_MS = 60_000

/**
 * Asks an address every `everyMs`, as long as the gateway is ready. Whoever is behind it raises the alarm when nothing comes:
 * the one way in which a gateway that is gone can still tell.
 */
export function alivePing(parts: {
  url: string
  everyMs: number
  isReady(): Promise<boolean>
  clock: Clock
  /** The address does not answer as it should; a sentence. */
  onProblem(sentence: string): void
}): Worker {
  const { url, everyMs, clock } = parts
  let nextDueAtMs = clock.nowMs()
  return {
    name: 'alive',
    async step() {
      if (clock.nowMs() < nextDueAtMs) return { worked: false, nextDueAtMs }
      const problem = (await parts.isReady()) ? await ping(url) : undefined
      nextDueAtMs = clock.nowMs() + (problem === undefined ? everyMs : Math.min(everyMs, RETRY_MS))
      if (problem !== undefined) parts.onProblem(`The sign of life did not reach ${new URL(url).host}: ${problem}.`)
      return { worked: false, nextDueAtMs }
    },
  }
}

async function ping(url: string): Promise<string | undefined> {
  try {
    const { status } = await httpRequest(url, {
      method: 'GET',
      timeoutMs: PING_TIMEOUT_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    })
    return status >= 200 && status <= 299 ? undefined : `it answered ${status}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
