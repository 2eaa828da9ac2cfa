import { type Gtin, gtin14 } from '../domain/identifiers.ts'
import type { SlotDescription } from '../domain/level.ts'
import type { Decision, Situation } from '../ports.ts'

/** The homeowner's rule for running low (configuration, `rules`). */
export type ThresholdRule = {
  /** Share of the capacity, 0–1, below which a slot needs a refill. */
  orderBelowShare: number
  /** A level older than this buys nothing. */
  levelValidHours: number
  /** Rest after an order that ended without goods. */
  retryAfterHours: number
}

const HOUR_MS = 3_600_000

/**
 * Decides what one slot needs now: net of stock on hand and in flight, only from a verified and fresh level, only within
 * what the owner allowed. Pure: the same situation, rule and time give the same decision; `newOrderId` names an order.
 */
export function evaluate(situation: Situation, rule: ThresholdRule, nowMs: number, newOrderId: () => string): Decision {
  const { level, description } = situation
  if (level === undefined || description === undefined) return nothing('No level is known yet.')
  if (level.mark !== 'verified') return nothing(`The level is ${level.mark}: ${level.markReason}`)
  const ageHours = (nowMs - level.measuredAtMs) / HOUR_MS
  if (ageHours > rule.levelValidHours) {
    return nothing(
      `The level is ${Math.floor(ageHours)} h old; only one of the last ${rule.levelValidHours} h may buy.`,
    )
  }

  const left = description.degradationDirection === 'down' ? level.remaining : description.capacity - level.remaining
  const limit = description.capacity * rule.orderBelowShare
  const stock = `${amount(left, description)} of ${amount(description.capacity, description)} left`
  if (left + situation.onHand >= limit) {
    const onHand =
      situation.onHand > 0 ? ` and ${amount(situation.onHand, description)} delivered but not poured in` : ''
    return nothing(`${stock}${onHand}; the rule orders below ${amount(limit, description)}.`)
  }
  const low = `${stock}, below the rule's ${amount(limit, description)}.`
  if (situation.openOrder !== undefined) {
    return nothing(`${low} Order ${situation.openOrder.orderId} is on its way (${situation.openOrder.state}).`)
  }
  return buyOrTell(situation, description, rule, nowMs, low, newOrderId)
}

/** The slot is low and nothing is on its way. */
function buyOrTell(
  situation: Situation,
  description: SlotDescription,
  rule: ThresholdRule,
  nowMs: number,
  low: string,
  newOrderId: () => string,
): Decision {
  if (situation.suspendedReason !== '')
    return tellLow(situation, [low, `It buys nothing: ${situation.suspendedReason}.`])
  if (situation.mode === 'notify') return tellLow(situation, [low, 'Its mode is notify: you buy it yourself.'])

  const restEndsAtMs =
    (situation.lastEndedWithoutGoodsAtMs ?? Number.NEGATIVE_INFINITY) + rule.retryAfterHours * HOUR_MS
  if (nowMs < restEndsAtMs) {
    const decision = nothing(
      `${low} Its last order ended without goods; the next try is after ${rule.retryAfterHours} h.`,
    )
    return { ...decision, evaluateAgainAtMs: restEndsAtMs }
  }

  const gtin = productToBuy(description, situation.mandateGtins)
  if (gtin === undefined) {
    return tellLow(situation, [
      low,
      `No mandate covers a product for it: sign one with \`adept mandate sign ${situation.deviceId}\`.`,
    ])
  }
  return {
    outcome: 'order',
    order: { orderId: newOrderId(), gtin, quantity: 1, mode: situation.mode },
    reasons: [low, `1 pack of GTIN ${gtin} fills it.`],
  }
}

/** The first product of the device's own list that a mandate names. */
function productToBuy(description: SlotDescription, mandateGtins: Gtin[]): Gtin | undefined {
  const allowed = new Set(mandateGtins.map(gtin14))
  return description.replacementProducts.find((product) => product.type !== 'oem' && allowed.has(gtin14(product.value)))
    ?.value
}

function nothing(reason: string): Decision {
  return { outcome: 'nothing', reasons: [reason] }
}

/** Once per spell of being low. */
function tellLow(situation: Situation, reasons: string[]): Decision {
  return { outcome: situation.lowTold ? 'nothing' : 'tell-low', reasons }
}

function amount(value: number, description: SlotDescription): string {
  const rounded = Math.round(value * 10) / 10
  return description.unit === 'percent' ? `${rounded} %` : `${rounded} ${description.unit}`
}
