import { homeCalendar } from '../domain/home-calendar.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  HistoryStore,
  RulesDesk,
  RulesStore,
  RulesVersionStore,
  SpendingLimits,
  SpendingStore,
  StockStore,
} from '../ports/rules.ts'
import { rulesDesk } from './desk.ts'
import { quietUntil } from './evaluate.ts'
import { rulesInForce } from './in-force.ts'
import { spendingLimits } from './spending.ts'
import { rulesWorker } from './worker.ts'

export type RulesStores = {
  rules: RulesStore
  versions: RulesVersionStore
  history: HistoryStore
  spending: SpendingStore
  stock: StockStore
}

/** The rules of a home: their stage of the line, their limits on spending, and what a person asks about them. */
export async function openRules(parts: {
  stores: RulesStores
  /** Where the home's own rules are, if it has any. */
  file: string
  home: { id: string; timeZone: string }
  token: { decimals: number; symbol: string }
  clock: Clock
  /** Version of this program. */
  program: string
  /** Called after decisions were committed: speed only. */
  onDecided(): void
}): Promise<{
  worker: Worker
  limits: SpendingLimits
  desk: RulesDesk
  /** When the quiet hours end, while it is quiet. */
  quietUntil(nowMs: number): number | undefined
}> {
  const { stores, file, home, token, clock, program, onDecided } = parts
  const rules = await rulesInForce({ file, store: stores.versions, homeId: home.id, program, nowMs: clock.nowMs() })
  const calendar = homeCalendar(home.timeZone)
  return {
    quietUntil: (nowMs) => quietUntil({ rules: rules.current().rules, calendar }, nowMs),
    worker: rulesWorker({ store: stores.rules, rules, clock, onDecided }),
    limits: spendingLimits({ store: stores.spending, rules, calendar, token }),
    desk: rulesDesk({ history: stores.history, stock: stores.stock, rules, clock, program }),
  }
}
