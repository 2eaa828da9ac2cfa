import type { Rule } from '../domain/rules.ts'
import type { RuleAct, Situation } from '../ports/rules.ts'
import { type Check, checksOf, type Outlook, type RuleBook } from './outlook.ts'

/** A rule on a level acts again at the earliest after this: a level that wavers about its limit is no news each time. */
const REST_MS = 24 * 3_600_000

export type Acting = Pick<Situation, 'actedAtMs'> & { acts: RuleAct[]; heldEvents: Situation['events'] }

/**
 * What the rules without an order do now: one on an event acts at each event, any other once, when its conditions begin to
 * hold. In quiet hours all but a fault's wait, and so do their events.
 */
export function actingOf(
  rules: readonly Rule[],
  situation: Situation,
  outlook: Outlook | undefined,
  book: RuleBook,
  nowMs: number,
): Acting {
  const { quietHours } = book.rules
  const quiet = quietHours !== undefined && book.calendar.isWithin(quietHours, nowMs)
  const acting: Acting = { acts: [], actedAtMs: {}, heldEvents: [] }
  for (const rule of rules) {
    if (rule.then.order !== undefined) continue
    const checks = outlook === undefined ? undefined : checksOf(rule, outlook)
    const holds = checks?.every((check) => check.holds) ?? false
    const actedAtMs = situation.actedAtMs[rule.name]
    const waits = quiet && rule.when.fault === undefined
    if (rule.when.event !== undefined || rule.when.fault !== undefined) {
      if (!holds) continue
      if (!waits) acting.acts.push(...actsOf(rule, checks ?? []))
      else if (rule.when.event !== 'fault') {
        acting.heldEvents.push(...situation.events.filter(({ type }) => type === rule.when.event))
      }
    } else if (holds && actedAtMs === undefined) {
      if (waits) continue
      acting.acts.push(...actsOf(rule, checks ?? []))
      acting.actedAtMs[rule.name] = nowMs
    } else if (actedAtMs !== undefined && (holds || isResting(rule, actedAtMs, nowMs))) {
      acting.actedAtMs[rule.name] = actedAtMs
    }
  }
  return { ...acting, heldEvents: [...new Set(acting.heldEvents)] }
}

/** What a rule does beside ordering. */
export function actsOf(rule: Rule, checks: readonly Check[]): RuleAct[] {
  const { notify, service, command } = rule.then
  const acts: RuleAct[] = []
  const as = rule.when.fault === undefined ? 'update' : 'fault'
  const why = checks.map((check) => check.sentence).join(' ')
  if (notify !== undefined) acts.push({ kind: 'tell', as, text: `${notify} (${why})` })
  if (service !== undefined) acts.push({ kind: 'tell', as, text: `Service is wanted: ${service} (${why})` })
  if (command !== undefined) acts.push({ kind: 'command', name: command.name, arguments: command.arguments })
  return acts
}

function isResting({ when }: Rule, actedAtMs: number, nowMs: number): boolean {
  return (when.level !== undefined || when.daysLeft !== undefined) && nowMs < actedAtMs + REST_MS
}
