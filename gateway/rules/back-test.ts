import { homeCalendar } from '../domain/home-calendar.ts'
import { onHandAfterLevel } from '../domain/need.ts'
import type { Rules } from '../domain/rules.ts'
import { refilledBetween, type SlotState } from '../domain/slot-state.ts'
import type { HistoryStore, Situation } from '../ports/rules.ts'
import { evaluate } from './evaluate.ts'
import type { RuleBook } from './outlook.ts'

const DAY_MS = 86_400_000
/** Of one slot between two readings: more looks than a rule has reason for. */
const MAX_LOOKS = 1_000

export type WouldOrder = { atMs: number; quantity: number; gtin: string; mode: string; reasons: string[] }
export type SlotTrial = {
  deviceId: string
  slot: string
  wouldOrder: WouldOrder[]
  /** Acts other than orders, counted by what they would have been. */
  wouldTell: number
  wouldCommand: number
  /** Times at which it would only have said that the slot is low. */
  wouldSayLow: number
  /** What was really ordered in the same time, whatever came of it. */
  ordered: { atMs: number; quantity: number; state: string }[]
}
export type Trial =
  | { kind: 'progress'; readings: number; ofReadings: number }
  /** From `sinceMs` on: as asked, or since when readings are kept. */
  | { kind: 'done'; sinceMs: number; untilMs: number; slots: SlotTrial[] }

/** One slot in a past in which only the tried rules ordered: what they would have bought arrives when such goods do. */
type Course = {
  base: Situation
  state: SlotState | undefined
  acted: Pick<Situation, 'actedAtMs' | 'blindTold' | 'lowTold'>
  onHand: number
  arrivedAtMs: number
  /** Goods under way, and when they are here. */
  parcel: { content: number; arrivesAtMs: number } | undefined
  lastOrderAtMs: number | undefined
  nextLookAtMs: number | undefined
  trial: SlotTrial
}

/**
 * What other rules would have done on the recorded readings. Each slot is taken as confirmed, in its present mode (`notify`
 * as `ask`) and with its present mandate, and every question as answered yes. Refills are those that really happened, also
 * where the tried rules would have bought later: the record knows no other.
 */
export async function* backTest(
  store: HistoryStore,
  home: { homeId: string; sinceMs: number; nowMs: number },
  rules: Rules,
): AsyncGenerator<Trial> {
  const { homeId, nowMs } = home
  const courses = new Map<string, Course>()
  const books = new Map<string, RuleBook>()
  for (const base of await store.situations(homeId, nowMs)) {
    courses.set(`${base.deviceId}/${base.slot}`, courseOf(base))
    if (!books.has(base.timeZone)) books.set(base.timeZone, { rules, calendar: homeCalendar(base.timeZone) })
  }
  let sinceMs = home.sinceMs
  for await (const page of store.states()) {
    const { readUntil, ofReadings } = page
    if (page.kind === 'begin') {
      sinceMs = Math.max(sinceMs, page.goneAtMs ?? sinceMs)
      for (const { deviceId, slot, state } of page.bases) {
        const course = courses.get(`${deviceId}/${slot}`)
        if (course !== undefined) takeReading(course, state)
      }
      continue
    }
    for (const { deviceId, slot, receivedAtMs, state } of page.steps) {
      const course = courses.get(`${deviceId}/${slot}`)
      if (course === undefined) continue
      const book = books.get(course.base.timeZone)!
      if (receivedAtMs >= sinceMs) liveUntil(course, receivedAtMs, book)
      takeReading(course, state)
      if (receivedAtMs >= sinceMs) decide(course, receivedAtMs, book)
    }
    yield { kind: 'progress', readings: readUntil, ofReadings }
  }
  for (const course of courses.values()) liveUntil(course, nowMs, books.get(course.base.timeZone)!)
  for (const { deviceId, slot, createdAtMs, quantity, state } of await store.ordersSince(homeId, sinceMs)) {
    courses.get(`${deviceId}/${slot}`)?.trial.ordered.push({ atMs: createdAtMs, quantity, state })
  }
  yield { kind: 'done', sinceMs, untilMs: nowMs, slots: [...courses.values()].map(({ trial }) => trial) }
}

function courseOf(base: Situation): Course {
  const { deviceId, slot } = base
  return {
    base,
    state: undefined,
    acted: { actedAtMs: {}, blindTold: false, lowTold: false },
    onHand: 0,
    arrivedAtMs: 0,
    parcel: undefined,
    lastOrderAtMs: undefined,
    nextLookAtMs: undefined,
    trial: { deviceId, slot, wouldOrder: [], wouldTell: 0, wouldCommand: 0, wouldSayLow: 0, ordered: [] },
  }
}

function takeReading(course: Course, state: SlotState): void {
  const { usage } = state
  const isRefilled = course.state !== undefined && refilledBetween(course.state, state) > 0
  if (isRefilled) {
    course.acted.lowTold = false
    // Somebody poured in before these goods could be here: others came at that time.
    if (course.onHand === 0) course.parcel = undefined
  }
  if (course.onHand > 0 && usage !== undefined && state.readingId !== course.state?.readingId) {
    const packSize = course.base.products[0]?.packContent ?? state.measure.capacity
    course.onHand = onHandAfterLevel({ onHand: course.onHand, sinceMs: course.arrivedAtMs, packSize }, usage)
  }
  course.state = state
}

/** The looks that fall due without a reading. */
function liveUntil(course: Course, untilMs: number, book: RuleBook): void {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const { nextLookAtMs } = course
    if (nextLookAtMs === undefined || nextLookAtMs >= untilMs) return
    decide(course, nextLookAtMs, book)
    if (course.nextLookAtMs !== undefined && course.nextLookAtMs <= nextLookAtMs) course.nextLookAtMs = undefined
  }
}

function decide(course: Course, nowMs: number, book: RuleBook): void {
  const { base, state, parcel } = course
  if (parcel !== undefined && parcel.arrivesAtMs <= nowMs) {
    course.onHand += parcel.content
    course.arrivedAtMs = parcel.arrivesAtMs
    course.parcel = undefined
  }
  const open = course.parcel
  const situation: Situation = {
    ...base,
    ...course.acted,
    mode: base.mode === 'notify' ? 'ask' : base.mode,
    suspendedReason: '',
    level: state?.level,
    usage: state?.usage,
    events: state?.events ?? [],
    openOrder: open && { orderId: 'tried', state: 'due' },
    onHand: course.onHand,
    inFlight: open?.content ?? 0,
    lastEndedWithoutGoodsAtMs: undefined,
    lastOrderAtMs: course.lastOrderAtMs,
  }
  const decision = evaluate(situation, book, nowMs, () => 'tried')
  const { actedAtMs, blindTold, heldEvents } = decision
  course.acted = { actedAtMs, blindTold, lowTold: situation.lowTold || decision.outcome === 'tell-low' }
  if (state !== undefined) course.state = { ...state, events: heldEvents }
  course.nextLookAtMs = decision.evaluateAgainAtMs
  for (const act of decision.acts) course.trial[act.kind === 'tell' ? 'wouldTell' : 'wouldCommand'] += 1
  if (decision.outcome === 'tell-low') course.trial.wouldSayLow += 1
  if (decision.outcome !== 'order') return

  const { quantity, gtin, mode } = decision.order
  course.trial.wouldOrder.push({ atMs: nowMs, quantity, gtin, mode, reasons: decision.reasons })
  course.lastOrderAtMs = nowMs
  const product = base.products[0]
  const days = (product?.coolingOffDays ?? 0) + (product?.leadTime.meanDays ?? 0)
  course.parcel = { content: quantity * (product?.packContent ?? 0), arrivesAtMs: nowMs + days * DAY_MS }
  course.nextLookAtMs = Math.min(course.nextLookAtMs ?? Number.POSITIVE_INFINITY, course.parcel.arrivesAtMs)
}
