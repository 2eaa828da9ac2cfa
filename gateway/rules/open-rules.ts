import { type HomeCalendar, homeCalendar } from '../domain/home-calendar.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { HomeStore } from '../ports/homes.ts'
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
  homes: HomeStore
}

/**
 * The rules of the gateway's homes, one file for all, each home by its own clock: their stage of the line, their limits on
 * spending, and what a person asks about them.
 */
export async function openRules(parts: {
  stores: RulesStores
  /** Where the homeowner's own rules are, if there are any. */
  file: string
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
  /** When the quiet hours of that home end, while it is quiet there. */
  quietUntil(homeId: string, nowMs: number): Promise<number | undefined>
}> {
  const { stores, file, token, clock, program, onDecided } = parts
  const rules = await rulesInForce({ file, store: stores.versions, program, nowMs: clock.nowMs() })
  const calendars = new Map<string, HomeCalendar>()
  function calendarIn(timeZone: string): HomeCalendar {
    let calendar = calendars.get(timeZone)
    if (calendar === undefined) {
      calendar = homeCalendar(timeZone)
      calendars.set(timeZone, calendar)
    }
    return calendar
  }
  async function calendarOf(homeId: string): Promise<HomeCalendar> {
    const home = await stores.homes.get(homeId)
    if (home === undefined) throw new Error(`The home ${homeId} is not known.`)
    return calendarIn(home.timeZone)
  }
  return {
    async quietUntil(homeId, nowMs) {
      return quietUntil({ rules: rules.current().rules, calendar: await calendarOf(homeId) }, nowMs)
    },
    worker: rulesWorker({ store: stores.rules, rules, calendarIn, clock, onDecided }),
    limits: spendingLimits({ store: stores.spending, rules, calendarOf, token }),
    desk: rulesDesk({ history: stores.history, stock: stores.stock, rules, clock, program }),
  }
}
