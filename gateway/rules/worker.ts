import { randomUUID } from 'node:crypto'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock, RulesStore } from '../ports.ts'
import { evaluate, type ThresholdRule } from './evaluate.ts'

/** Slots decided in one transaction. */
const SLOTS_PER_STEP = 500

/** The stage between readings and orders: decides every slot that changed since its last decision. */
export function rulesWorker(parts: {
  store: RulesStore
  clock: Clock
  rule: ThresholdRule
  /** Called after orders were committed: speed only. */
  onDecided(): void
}): Worker {
  return {
    name: 'rules',
    async step() {
      const nowMs = parts.clock.nowMs()
      const { decided, nextDueAtMs } = await parts.store.decideDue(SLOTS_PER_STEP, nowMs, (situation) =>
        evaluate(situation, parts.rule, nowMs, randomUUID),
      )
      if (decided > 0) parts.onDecided()
      return { worked: decided > 0, nextDueAtMs }
    },
  }
}
