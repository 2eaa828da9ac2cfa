import type { Clock } from '../ports/clock.ts'
import type { HistoryStore, RulesDesk, StockStore } from '../ports/rules.ts'
import { backTest } from './back-test.ts'
import { explain } from './explain.ts'
import type { RulesInForce } from './in-force.ts'
import { replay } from './replay.ts'
import { parseRules } from './rules-file.ts'

/** Answers what a person asks about the rules; changes nothing but the owner's own stock. */
export function rulesDesk(parts: {
  history: HistoryStore
  rules: RulesInForce
  stock: StockStore
  clock: Clock
  /** Version of this program. */
  program: string
}): RulesDesk {
  const { history, rules, stock, clock, program } = parts
  return {
    async inForce() {
      const { version, source, problem } = rules.current()
      return { version, source, problem, text: (await history.rules(version))?.text ?? '' }
    },
    explain: (homeId, deviceId, slot) => explain({ history, rules }, { homeId, deviceId, slot, nowMs: clock.nowMs() }),
    tryOut(homeId, text, sinceMs) {
      const read = parseRules(text)
      if (!read.ok) return { mistakes: read.mistakes }
      return backTest(history, { homeId, sinceMs, nowMs: clock.nowMs() }, read.rules)
    },
    replay: () => replay(history, program),
    async setStock(homeId, deviceId, slot, amount) {
      const set = await stock.set(homeId, deviceId, slot, amount, clock.nowMs())
      return set === undefined
        ? { ok: false, sentence: `${deviceId} has no slot ${slot}. See its slots with \`adept devices\`.` }
        : { ok: true, sentence: `Noted: ${amount} ${set.unit} for ${deviceId} ${slot} beside what is in it.` }
    },
  }
}
