import { namesSlot, type Rule } from '../domain/rules.ts'
import type { Decision, DecisionWhy, OrderLimits, Situation } from '../ports/rules.ts'
import { actingOf, actsOf } from './acting.ts'
import { checksOf, nextTimeChange, type Outlook, orderedBlind, outlookOf, type RuleBook, wantedBy } from './outlook.ts'

const DAY_MS = 86_400_000
/** Rest after an order that ended without goods; while the level is blind, after a question that was not answered with yes. */
const RETRY_AFTER_DAYS = 1
const ASK_AGAIN_AFTER_DAYS = 3

/** What becomes of the slot, before it is joined with what other rules do. */
type Verdict = { why: DecisionWhy; reasons: string[]; againAtMs?: number | undefined } & (
  | { outcome: 'nothing' | 'tell-low' }
  | { outcome: 'order'; order: (Decision & { outcome: 'order' })['order']; rule: Rule }
)

/**
 * Decides what one slot needs now, by the rules that name it: net of stock on hand and in flight, only from what a verified
 * level tells, only within what the owner allowed. Pure: the same situation, rules and time give the same decision;
 * `newOrderId` names an order.
 */
export function evaluate(situation: Situation, book: RuleBook, nowMs: number, newOrderId: () => string): Decision {
  const rules = book.rules.rules.filter(({ slots }) => namesSlot(slots, situation.deviceId, situation.slot))
  const outlook = outlookOf(situation, book, nowMs)
  const verdict = verdictOf(rules, situation, outlook, newOrderId)
  const acting = actingOf(rules, situation, outlook, book, nowMs)
  const acts = [...acting.acts]
  if (verdict.outcome === 'order') acts.push(...actsOf(verdict.rule, []))
  const isBlind = outlook !== undefined && outlook.forecast.trust !== 'measured'
  const isQuiet = quietUntil(book, nowMs) !== undefined
  const tellsBlind = isBlind && !situation.blindTold && !isQuiet && situation.suspendedReason === ''
  if (tellsBlind) {
    acts.push({ kind: 'tell', as: 'device-silent', text: `${outlook.forecast.sentence} Look at its sensor.` })
  }

  const again = [verdict.againAtMs, quietUntil(book, nowMs), ...rules.map((rule) => nextTimeChange(rule, book, nowMs))]
  const common = {
    why: verdict.why,
    reasons: verdict.reasons,
    acts,
    actedAtMs: acting.actedAtMs,
    heldEvents: acting.heldEvents,
    trust: outlook?.forecast.trust,
    blindTold: isBlind && (situation.blindTold || tellsBlind),
    evaluateAgainAtMs: earliest(again),
  }
  return verdict.outcome === 'order'
    ? { ...common, outcome: 'order', order: verdict.order }
    : { ...common, outcome: verdict.outcome }
}

function verdictOf(
  rules: readonly Rule[],
  situation: Situation,
  outlook: Outlook | undefined,
  newOrderId: () => string,
): Verdict {
  const { level } = situation
  if (outlook === undefined || level === undefined) {
    const doubt = level === undefined ? 'No level is known yet.' : `The level is ${level.mark}: ${level.markReason}`
    return { outcome: 'nothing', why: 'unknown', reasons: [doubt] }
  }
  if (level.mark !== 'verified' && outlook.forecast.trust === 'measured') {
    const reasons = [`The level is ${level.mark}: ${level.markReason}`]
    return { outcome: 'nothing', why: 'doubtful', reasons, againAtMs: outlook.nowMs + DAY_MS }
  }
  const ordering = rules.filter((rule) => rule.then.order !== undefined)
  const rule = ordering.find((each) => checksOf(each, outlook).every(({ holds }) => holds))
  if (rule === undefined) {
    const [first] = ordering
    const reasons =
      first === undefined
        ? ['No rule orders for this slot.']
        : checksOf(first, outlook).flatMap(({ holds, sentence }) => (holds ? [] : [sentence]))
    const looks = ordering.map((each) => wantedBy(each, outlook).lookAgainAtMs)
    return { outcome: 'nothing', why: 'enough', reasons, againAtMs: earliest(looks) }
  }
  return wanted(rule, outlook, situation, newOrderId)
}

/** A rule wants an order; what stands in its way comes first. */
function wanted(rule: Rule, outlook: Outlook, situation: Situation, newOrderId: () => string): Verdict {
  const { nowMs, book, forecast } = outlook
  const why = checksOf(rule, outlook).map((check) => check.sentence)
  const { lookAgainAtMs, packs } = wantedBy(rule, outlook)
  const nothing = (reason: DecisionWhy, sentence: string, againAtMs?: number): Verdict => ({
    outcome: 'nothing',
    why: reason,
    reasons: [...why, sentence],
    againAtMs: againAtMs ?? lookAgainAtMs,
  })
  const quietEndsAtMs = quietUntil(book, nowMs)
  /** Once per spell of being low, and not at night. */
  const tellLow = (reason: DecisionWhy, sentence: string): Verdict => {
    if (situation.lowTold) return nothing(reason, sentence)
    if (quietEndsAtMs !== undefined) return nothing('quiet', 'It is told after the quiet hours.', quietEndsAtMs)
    return { outcome: 'tell-low', why: reason, reasons: [...why, sentence], againAtMs: lookAgainAtMs }
  }

  if (situation.openOrder !== undefined) {
    const { orderId, state } = situation.openOrder
    return nothing('on-its-way', `Order ${orderId} is on its way (${state}).`)
  }
  if (situation.suspendedReason !== '') return tellLow('suspended', `It buys nothing: ${situation.suspendedReason}.`)
  if (situation.mode === 'notify') return tellLow('notify', 'Its mode is notify: you buy it yourself.')
  if (orderedBlind(outlook)) {
    return nothing('blind', 'One order was made since the last reading that tells something: no second one without.')
  }
  const restDays = forecast.trust === 'measured' ? RETRY_AFTER_DAYS : ASK_AGAIN_AFTER_DAYS
  const restEndsAtMs = (situation.lastEndedWithoutGoodsAtMs ?? Number.NEGATIVE_INFINITY) + restDays * DAY_MS
  if (nowMs < restEndsAtMs) {
    const sentence = `Its last order ended without goods; the next try is after ${24 * restDays} h.`
    return nothing('resting', sentence, restEndsAtMs)
  }
  const [product] = situation.products
  if (product === undefined) {
    return tellLow(
      'no-mandate',
      `No mandate covers a product for it: sign one with \`adept mandate sign ${situation.deviceId}\`.`,
    )
  }
  const asks = situation.mode === 'ask' || rule.then.order?.mode === 'ask' || forecast.trust !== 'measured'
  if (asks && quietEndsAtMs !== undefined) {
    return nothing('quiet', 'You are asked after the quiet hours.', quietEndsAtMs)
  }
  const wantedPacks = rule.then.order?.packs ?? Math.max(packs, rule.then.order?.atLeast ?? 1)
  const quantity = Math.min(wantedPacks, product.maxPacks)
  const capped = quantity < wantedPacks ? `; ${wantedPacks} are wanted, more than the mandate pays for at once` : ''
  return {
    outcome: 'order',
    why: 'needed',
    rule,
    order: {
      orderId: newOrderId(),
      gtin: product.gtin,
      quantity,
      mode: asks ? 'ask' : 'auto',
      limits: limitsOf(rule),
    },
    reasons: [...why, `${packsText(quantity)} of GTIN ${product.gtin}${capped}, by the rule "${rule.name}".`],
    againAtMs: lookAgainAtMs,
  }
}

function limitsOf({ name, when }: Rule): OrderLimits {
  return { rule: name, priceAtMost: when.price?.atMost, budget: when.budget }
}

/** When the quiet hours end, while it is quiet. */
export function quietUntil({ rules, calendar }: RuleBook, nowMs: number): number | undefined {
  if (rules.quietHours === undefined || !calendar.isWithin(rules.quietHours, nowMs)) return undefined
  return calendar.nextChangeMs(rules.quietHours, nowMs)
}

function packsText(packs: number): string {
  return packs === 1 ? '1 pack' : `${packs} packs`
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((atMs) => atMs !== undefined)
  return known.length === 0 ? undefined : Math.ceil(Math.min(...known))
}
