import { type Forecast, forecast } from '../domain/forecast.ts'
import type { HomeCalendar } from '../domain/home-calendar.ts'
import type { SlotDescription } from '../domain/level.ts'
import { leadTimeOf, type Replenishment, replenishment } from '../domain/need.ts'
import type { Rule, Rules } from '../domain/rules.ts'
import { leftOf } from '../domain/slot-state.ts'
import type { BuyableProduct, Situation } from '../ports/rules.ts'

/** Rules that are in force, on the home's calendar. */
export type RuleBook = { rules: Rules; calendar: HomeCalendar }

/** A slot as its rules see it at one moment. */
export type Outlook = {
  situation: Situation
  description: SlotDescription
  forecast: Forecast
  /** Content of the slot: as read, or as reckoned while the level is blind; in its unit. */
  left: number
  book: RuleBook
  nowMs: number
}

export type Check = { condition: string; holds: boolean; sentence: string }

/** A slot is looked at once a day even when nothing is reported. */
const REVIEW_DAYS = 1
/** A person answers within a day, mostly; no answer within two drops the order. */
const CONSENT_DAYS = 1
/** What a mandate asks for by default; before there is one. */
const USUAL_COOLING_OFF_DAYS = 1

export function outlookOf(situation: Situation, book: RuleBook, nowMs: number): Outlook | undefined {
  const { description, usage, level } = situation
  if (description === undefined || usage === undefined || level === undefined) return undefined
  const outlook = forecast(usage, nowMs)
  const isBlind = outlook.trust !== 'measured'
  const left = isBlind || level.mark !== 'verified' ? outlook.left.mean : leftOf(level.remaining, description)
  return { situation, description, forecast: outlook, left, book, nowMs }
}

/** What to buy, by the forecast and what an order rule says of quantities. */
export function wantedBy(rule: Rule, outlook: Outlook): Replenishment {
  const { situation, description, forecast } = outlook
  const product: Omit<BuyableProduct, 'gtin' | 'maxPacks'> = situation.products[0] ?? {
    packContent: description.capacity,
    coolingOffDays: USUAL_COOLING_OFF_DAYS,
    leadTime: leadTimeOf([]),
  }
  const asks = situation.mode === 'ask' || rule.then.order?.mode === 'ask' || forecast.trust !== 'measured'
  return replenishment({
    forecast,
    onHand: situation.onHand,
    inFlight: situation.inFlight,
    leadTime: product.leadTime,
    reviewDays: REVIEW_DAYS,
    consentDelayDays: product.coolingOffDays + (asks ? CONSENT_DAYS : 0),
    packSize: product.packContent,
    minimumPacks: rule.then.order?.atLeast ?? 1,
    storageLimit: rule.then.order?.storageLimit,
    orderedBlind: orderedBlind(outlook),
  })
}

/** An order was made since the level is blind: a second one would be a guess on a guess. */
export function orderedBlind({ situation, forecast: { blindSinceMs } }: Outlook): boolean {
  return blindSinceMs !== undefined && (situation.lastOrderAtMs ?? Number.NEGATIVE_INFINITY) >= blindSinceMs
}

/** Every condition of the rule, and whether it holds now; `price` and `budget` are left to the quote. */
export function checksOf(rule: Rule, outlook: Outlook): Check[] {
  const { situation, book, nowMs } = outlook
  const { level, daysLeft, event, fault, timeOfDay, price, budget } = rule.when
  const checks: Check[] = []
  const add = (condition: string, holds: boolean, sentence: string) => checks.push({ condition, holds, sentence })

  if (level !== undefined) {
    const { below } = level
    const limit = 'share' in below ? below.share * outlook.description.capacity : below.amount
    const sentence = `${stockSentence(outlook)}; the rule says below ${amount(limit, outlook.description)}.`
    add('level', outlook.left + situation.onHand < limit, sentence)
  }
  if (daysLeft?.below === 'forecast') {
    const wanted = wantedBy(rule, outlook)
    add('daysLeft', wanted.packs > 0, [`${stockSentence(outlook)}.`, ...wanted.reasons].join(' '))
  } else if (daysLeft !== undefined) {
    const days = outlook.forecast.daysLeft.mid + situation.onHand / outlook.forecast.ratePerDay.mean
    const sentence = `${outlook.forecast.sentence} The rule says below ${daysLeft.below} days.`
    add('daysLeft', days < daysLeft.below, sentence)
  }
  if (event !== undefined) {
    const seen = situation.events.some(({ type }) => type === event)
    add('event', seen, seen ? `The device reported ${event}.` : `No new ${event} was reported.`)
  }
  if (fault !== undefined) {
    const found = situation.events.find(({ type, code }) => type === 'fault' && (fault === 'any' || code === fault))
    const name = found?.code === undefined ? 'a fault' : `the fault ${found.code}`
    add('fault', found !== undefined, found === undefined ? 'No new fault was reported.' : `It reported ${name}.`)
  }
  if (timeOfDay !== undefined) {
    const holds = book.calendar.isWithin(timeOfDay, nowMs)
    const span = `${clock(timeOfDay.fromMinute)} to ${clock(timeOfDay.toMinute)}`
    add(
      'timeOfDay',
      holds,
      `It is ${holds ? '' : 'not '}within ${[span, timeOfDay.days?.join(', ')].filter(Boolean).join(', ')}.`,
    )
  }
  if (price !== undefined) add('price', true, `A pack may cost ${price.atMost}: more is asked when it is quoted.`)
  if (budget !== undefined) {
    add('budget', true, `Of ${budget.name}, ${budget.leaves} must be left: less is asked when it is quoted.`)
  }
  return checks
}

/** When a time of day of this rule begins or ends next. */
export function nextTimeChange(rule: Rule, { calendar }: RuleBook, nowMs: number): number | undefined {
  return rule.when.timeOfDay && calendar.nextChangeMs(rule.when.timeOfDay, nowMs)
}

/** `420 ml of 1400 ml left and 1400 ml on hand`. */
export function stockSentence({ situation, description, left }: Outlook): string {
  const parts = [`${amount(left, description)} of ${amount(description.capacity, description)} left`]
  if (situation.onHand > 0) parts.push(`${amount(situation.onHand, description)} on hand`)
  if (situation.inFlight > 0) parts.push(`${amount(situation.inFlight, description)} on the way`)
  return parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

function amount(value: number, { unit }: SlotDescription): string {
  const rounded = Math.round(value * 10) / 10
  return unit === 'percent' ? `${rounded} %` : `${rounded} ${unit}`
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}
