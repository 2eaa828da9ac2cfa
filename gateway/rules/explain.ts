import { homeCalendar } from '../domain/home-calendar.ts'
import { namesSlot } from '../domain/rules.ts'
import type { HistoryStore } from '../ports/rules.ts'
import { evaluate } from './evaluate.ts'
import type { RulesInForce } from './in-force.ts'
import { type Check, checksOf, outlookOf, stockSentence } from './outlook.ts'

/** What the rules see of a slot now, and what they make of it. */
export type Explanation = {
  deviceId: string
  slot: string
  mode: string
  suspendedReason: string
  rulesVersion: number
  /** What is in slot and home; the forecast. Undefined while no level is known. */
  stock: string | undefined
  forecast: { sentence: string; ratePerDay: number; ratePerDaySd: number; trust: string } | undefined
  unit: string | undefined
  /** Every rule that names the slot; `checks` is empty while no level is known. */
  rules: { name: string; does: string[]; checks: Check[] }[]
  /** What would be decided at this moment. */
  now: { outcome: string; reasons: string[] }
  last: { outcome: string; reasons: string[]; firstAtMs: number; atMs: number; times: number } | undefined
}

/** Undefined: the home has no such slot. */
export async function explain(
  parts: { history: HistoryStore; rules: Pick<RulesInForce, 'current'> },
  at: { homeId: string; deviceId: string; slot: string; nowMs: number },
): Promise<Explanation | undefined> {
  const { homeId, deviceId, slot, nowMs } = at
  const [situation] = await parts.history.situations(homeId, nowMs, { deviceId, slot })
  if (situation === undefined) return undefined
  const { rules, version } = parts.rules.current()
  const book = { rules, calendar: homeCalendar(situation.timeZone) }
  const outlook = outlookOf(situation, book, nowMs)
  const decision = evaluate(situation, book, nowMs, () => 'an order')
  const last = await parts.history.lastDecision(deviceId, slot)
  return {
    deviceId,
    slot,
    mode: situation.mode,
    suspendedReason: situation.suspendedReason,
    rulesVersion: version,
    stock: outlook && stockSentence(outlook),
    forecast: outlook && {
      sentence: outlook.forecast.sentence,
      ratePerDay: outlook.forecast.ratePerDay.mean,
      ratePerDaySd: outlook.forecast.ratePerDay.sd,
      trust: outlook.forecast.trust,
    },
    unit: situation.description?.unit,
    rules: rules.rules
      .filter(({ slots }) => namesSlot(slots, deviceId, slot))
      .map((rule) => ({
        name: rule.name,
        does: Object.keys(rule.then),
        checks: outlook === undefined ? [] : checksOf(rule, outlook),
      })),
    now: { outcome: decision.outcome, reasons: decision.reasons },
    last: last && {
      outcome: last.decision.outcome,
      reasons: last.decision.reasons,
      firstAtMs: last.firstAtMs,
      atMs: last.atMs,
      times: last.times,
    },
  }
}
