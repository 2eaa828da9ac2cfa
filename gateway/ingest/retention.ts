import { setTimeout } from 'node:timers/promises'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { RetentionStore } from '../ports/retention.ts'

/** While there is much to do, a slice is followed by a rest of so many times its length: a tenth of the time is its share. */
const REST_TIMES = 9

/** Keeps the past small, beside all other work; polled, since nothing waits for it. */
export function retentionWorker(parts: { store: RetentionStore; clock: Clock }): Worker {
  return {
    name: 'retention',
    async step() {
      const beganAtMs = performance.now()
      const { worked, more } = await parts.store.step(parts.clock.nowMs())
      if (more) await setTimeout(REST_TIMES * (performance.now() - beganAtMs))
      return { worked }
    },
  }
}
