import { randomUUID } from 'node:crypto'
import type { HomeCalendar } from '../domain/home-calendar.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { RulesStore } from '../ports/rules.ts'
import { evaluate } from './evaluate.ts'
import type { RulesInForce } from './in-force.ts'

/** Slots decided in one transaction, some 20 ms. */
const SLOTS_PER_STEP = 200

/** The stage between readings and orders: reads on, and decides every slot that changed since its last decision. */
export function rulesWorker(parts: {
  store: RulesStore
  rules: RulesInForce
  /** The calendar of an IANA time zone. */
  calendarIn(timeZone: string): HomeCalendar
  clock: Clock
  /** Called after orders were committed: speed only. */
  onDecided(): void
}): Worker {
  return {
    name: 'rules',
    async step() {
      const nowMs = parts.clock.nowMs()
      await parts.rules.refresh(nowMs)
      const { rules, version } = parts.rules.current()
      const { worked, decided, nextDueAtMs } = await parts.store.step(SLOTS_PER_STEP, nowMs, version, (situation) =>
        evaluate(situation, { rules, calendar: parts.calendarIn(situation.timeZone) }, nowMs, randomUUID),
      )
      if (decided > 0) parts.onDecided()
      return { worked, nextDueAtMs }
    },
  }
}
