import { setTimeout } from 'node:timers/promises'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { RetentionStore } from '../ports/retention.ts'

/** While there is much to do, a slice is followed by a rest of so many times its length: a tenth of the time is its share. */
const REST_TIMES = 9
/** When nothing was left to do it looks again after this: a look takes the lock that commits of the intake need. */
const LOOK_AGAIN_MS = 60_000

/**
 * Keeps the past small, beside all other work; polled, since nothing waits for it. `restTimes`: 0 where nothing else is done
 * meanwhile, as in virtual time.
 */
export function retentionWorker(parts: { store: RetentionStore; clock: Clock; restTimes?: number }): Worker {
  const { restTimes = REST_TIMES } = parts
  let lookAgainAtMs = Number.NEGATIVE_INFINITY
  return {
    name: 'retention',
    async step() {
      const nowMs = parts.clock.nowMs()
      if (nowMs < lookAgainAtMs) return { worked: false }
      const beganAtMs = performance.now()
      const { worked, more } = await parts.store.step(nowMs)
      if (!worked) lookAgainAtMs = nowMs + LOOK_AGAIN_MS
      if (more && restTimes > 0) await setTimeout(restTimes * (performance.now() - beganAtMs))
      return { worked }
    },
  }
}
