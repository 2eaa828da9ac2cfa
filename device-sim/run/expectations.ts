import type { Holds, Scenario } from '../scenario/schema.ts'
import type { BookedOrder, Books } from './books.ts'
import type { EscrowBooks, EscrowPayment } from './escrow-logs.ts'
import { type Acknowledged, readingsKept, readingsOnce } from './readings-stored.ts'
import type { RunResult } from './result.ts'
import { type Verdict, verdictOf, within } from './verdict.ts'

const ENOUGH_ORDERS = 'There are enough orders, and not too many'
const ENOUGH_PACKS = 'Enough packs are ordered, and not too many'
const DAY_MS = 86_400_000
const DAYS_A_YEAR = 365
const DAYS_A_MONTH = 30
/**
 * An open order that has not moved for so long stands still. The longest rest by the book is that of goods which were
 * shipped and never came: 14 days, then anyone reclaims.
 */
const LONGEST_REST_MS = 16 * DAY_MS
/** Of an arrival, and which of them only the home can give: the order's states as they are agreed, written once more. */
const EVIDENCES = 2
const EVIDENCE_OF_HOME = ['owner', 'refill', 'weight']

export type Audited = {
  homeId: string
  /** How many were looked at. */
  authorizations: number
  differing: number
  unread: number
  why: string | undefined
}

/** All that is looked at after a real run, each from its own source. */
export type Evidence = {
  books: Books
  escrow: EscrowBooks
  audits: Audited[]
  /** What only the devices can know: what was acknowledged to them. */
  acknowledged: Acknowledged[]
  /** What only the homes can know: the orders whose whole and right parcel they have in their hands. */
  received: ReadonlySet<string>
  untilMs: number
}

/** What fewer homes or days may show as well: bounds on orders and packs are for those of the file alone. */
export function withoutSizeBounds<Played extends { verdicts: Verdict[] }>(played: Played): Played {
  return { ...played, verdicts: played.verdicts.filter(({ name }) => name !== ENOUGH_ORDERS && name !== ENOUGH_PACKS) }
}

/** What must hold after a real run: what always must, then what the scenario says. */
export function judgeReal(scenario: Scenario, evidence: Evidence): Verdict[] {
  const { books } = evidence
  const { homes } = scenario.population
  const shortDays = books.shortDays.reduce((sum, { days }) => sum + days, 0)
  return [
    oneOpenOrder(books.orders),
    fittingOrders(books.orders),
    nothingLost(evidence),
    paidOnce(evidence),
    paidForGoods(evidence),
    moneyAddsUp(evidence),
    auditIsClean(evidence),
    readingsKept(books, evidence.acknowledged),
    readingsOnce(books, evidence.acknowledged),
    ...holdsOf(scenario.holds, {
      orders: books.orders,
      arrived: books.orders.filter(
        ({ orderId, endedAtMs }) => endedAtMs !== undefined && evidence.received.has(orderId),
      ),
      messages: evidence.audits.reduce((sum, { homeId }) => sum + (books.notifications.get(homeId) ?? 0), 0),
      shortDays,
      homes,
      days: scenario.days,
    }),
  ]
}

/** What must hold after a pure run, by its own ledger. */
export function judgePure(scenario: Scenario, result: RunResult): Verdict[] {
  return [
    verdictOf('The run is without a contradiction', result.problems, `${result.counts.deviceDays} device-days`),
    ...holdsOf(scenario.holds, {
      orders: result.orders,
      shortDays: result.shortDays ?? 0,
      homes: scenario.population.homes,
      days: scenario.days,
    }),
  ]
}

function holdsOf(
  holds: Holds,
  seen: {
    orders: readonly { quantity: number }[]
    shortDays: number
    homes: number
    days: number
    messages?: number
    /** Orders that are over, and whose goods the home has. */
    arrived?: readonly BookedOrder[]
  },
): Verdict[] {
  const verdicts: Verdict[] = []
  if (holds.orders !== undefined) {
    verdicts.push(within(ENOUGH_ORDERS, seen.orders.length, holds.orders, 'orders'))
  }
  if (holds.packs !== undefined) {
    const packs = seen.orders.reduce((sum, { quantity }) => sum + quantity, 0)
    verdicts.push(within(ENOUGH_PACKS, packs, holds.packs, 'packs'))
  }
  if (holds.stockOutDaysPerHomeYear !== undefined) {
    const perYear = seen.shortDays / ((seen.homes * seen.days) / DAYS_A_YEAR)
    const bound = { atMost: holds.stockOutDaysPerHomeYear }
    verdicts.push(within('Appliances seldom lack what they need', perYear, bound, 'days a home and year'))
  }
  if (holds.messagesPerHomeMonth !== undefined && seen.messages !== undefined) {
    const perMonth = seen.messages / ((seen.homes * seen.days) / DAYS_A_MONTH)
    const bound = { atMost: holds.messagesPerHomeMonth }
    verdicts.push(within('A homeowner is seldom disturbed', perMonth, bound, 'messages a home in 30 days'))
  }
  if (holds.paidShareOfArrived !== undefined && seen.arrived !== undefined) {
    const { length: arrived } = seen.arrived
    const paid = seen.arrived.filter(({ state }) => state === 'completed').length
    const bound = { atLeast: holds.paidShareOfArrived * 100 }
    const unit = `% of ${arrived} orders that arrived and are over`
    verdicts.push(within('What arrives is paid', arrived === 0 ? 100 : (paid / arrived) * 100, bound, unit))
  }
  return verdicts
}

function oneOpenOrder(orders: readonly BookedOrder[]): Verdict {
  const wrong: string[] = []
  const openUntil = new Map<string, BookedOrder>()
  for (const order of [...orders].sort((a, b) => a.createdAtMs - b.createdAtMs)) {
    const slot = `${order.deviceId} ${order.slot}`
    const before = openUntil.get(slot)
    if (before !== undefined && (before.endedAtMs === undefined || before.endedAtMs > order.createdAtMs)) {
      wrong.push(`${slot} has the open orders ${before.orderId} and ${order.orderId}.`)
    }
    openUntil.set(slot, order)
  }
  return verdictOf('A slot has one open order at most', wrong, `${orders.length} orders of ${openUntil.size} slots`)
}

function fittingOrders(orders: readonly BookedOrder[]): Verdict {
  const wrong = orders
    .filter(({ fits }) => !fits)
    .map(({ orderId, deviceId, slot, gtin }) => `Order ${orderId} of ${deviceId} ${slot} is for ${gtin}.`)
  return verdictOf('Each order is for a product that its slot takes', wrong, `${orders.length} orders`)
}

/** What is on chain is in both databases, and no open order stands still. */
function nothingLost({ books, escrow, untilMs }: Evidence): Verdict {
  const known = new Set(books.payments.map(({ authorizationId }) => authorizationId))
  const ordersOfPayments = new Set(books.payments.map(({ orderId }) => orderId))
  const wrong = [
    ...escrow.strange,
    ...[...escrow.payments.keys()]
      .filter((id) => !known.has(id))
      .map((id) => `The chain holds the authorization ${id}, which the gateway does not know.`),
    ...[...escrow.payments.values()]
      .filter(({ authorizationId, shipped }) => shipped > 0 && !books.shop.has(authorizationId))
      .map(({ authorizationId }) => `${authorizationId} was shipped, but the shop has no such order.`),
    ...books.orders
      .filter((order) => order.endedAtMs === undefined && untilMs - order.stateChangedAtMs > LONGEST_REST_MS)
      .map(
        ({ orderId, deviceId, slot, state, stateChangedAtMs }) =>
          `Order ${orderId} of ${deviceId} ${slot} has been ${state} for ${Math.round((untilMs - stateChangedAtMs) / DAY_MS)} days.`,
      ),
    ...books.orders
      .filter(({ orderId, state }) => state === 'completed' && !ordersOfPayments.has(orderId))
      .map(({ orderId }) => `Order ${orderId} is completed without any payment.`),
  ]
  const ended = books.orders.filter(({ endedAtMs }) => endedAtMs !== undefined).length
  return verdictOf(
    'No order is lost',
    wrong,
    `${escrow.payments.size} on chain, ${ended} of ${books.orders.length} at their end`,
  )
}

function paidOnce({ books, escrow }: Evidence): Verdict {
  const wrong: string[] = []
  const paid = new Map<string, string[]>()
  for (const { authorizationId, orderId } of books.payments) {
    const payment = escrow.payments.get(authorizationId)
    if (payment === undefined) continue
    const toSeller = payment.ends.reduce((sum, end) => sum + end.toSeller, 0n)
    if (toSeller > payment.amount) wrong.push(`${authorizationId} paid ${toSeller} of ${payment.amount} minor units.`)
    const isOpenOrPaid = payment.ends.length === 0 || toSeller > 0n
    if (isOpenOrPaid) paid.set(orderId, [...(paid.get(orderId) ?? []), authorizationId])
  }
  for (const [orderId, ids] of paid) {
    if (ids.length > 1) wrong.push(`Order ${orderId} is held or paid ${ids.length} times: ${ids.join(', ')}.`)
  }
  for (const { authorizationId, ends } of escrow.payments.values()) {
    if (ends.length > 1) wrong.push(`${authorizationId} came to an end ${ends.length} times.`)
  }
  return verdictOf('No order is paid twice', wrong, `${capturedOf(escrow).length} payments to the seller`)
}

/** Whoever captures has two evidences of the arrival, one of them from the home, and the home has the goods. */
function paidForGoods({ books, escrow, received }: Evidence): Verdict {
  const orderOf = new Map(books.payments.map(({ authorizationId, orderId }) => [authorizationId, orderId]))
  const kindsOf = Map.groupBy(books.arrivals, ({ orderId }) => orderId)
  const captured = capturedOf(escrow)
  const wrong = captured.flatMap(({ authorizationId }) => {
    const orderId = orderOf.get(authorizationId) ?? ''
    if (!received.has(orderId)) return [`${authorizationId} was paid, but the home has not got its goods.`]
    const kinds = (kindsOf.get(orderId) ?? []).map(({ kind }) => kind)
    if (kinds.length >= EVIDENCES && kinds.some((kind) => EVIDENCE_OF_HOME.includes(kind))) return []
    const seen = kinds.length === 0 ? 'nothing' : `only ${kinds.join(', ')}`
    return [`${authorizationId} was paid, but ${seen} speaks for the arrival of its goods.`]
  })
  return verdictOf('Only goods that arrived are paid', wrong, `${captured.length} payments to the seller`)
}

function capturedOf({ payments }: EscrowBooks): EscrowPayment[] {
  return [...payments.values()].filter(({ ends }) => ends.some(({ name }) => name === 'Captured'))
}

function moneyAddsUp({ escrow }: Evidence): Verdict {
  const all = [...escrow.payments.values()]
  const sum = (amounts: bigint[]) => amounts.reduce((total, amount) => total + amount, 0n)
  const authorized = sum(all.map(({ amount }) => amount))
  const held = sum(all.filter(({ ends }) => ends.length === 0).map(({ amount }) => amount))
  const toSeller = sum(all.flatMap(({ ends }) => ends.map((end) => end.toSeller)))
  const wrong = [
    ...(escrow.paidIn === authorized ? [] : [`${escrow.paidIn} minor units went in for ${authorized} of orders.`]),
    ...(escrow.paidToSeller === toSeller
      ? []
      : [`The seller got ${escrow.paidToSeller} minor units for ${toSeller} of captures.`]),
    ...(escrow.inEscrow === held ? [] : [`The escrow has ${escrow.inEscrow} minor units for ${held} of open orders.`]),
  ]
  return verdictOf('The money adds up to the unit', wrong, `${authorized} minor units paid in, ${held} still held`)
}

function auditIsClean({ audits, books }: Evidence): Verdict {
  const homeOf = new Map(books.orders.map(({ orderId, homeId }) => [orderId, homeId]))
  const paymentsOf = Map.groupBy(books.payments, ({ orderId }) => homeOf.get(orderId))
  const wrong = audits.flatMap(({ homeId, authorizations, differing, unread, why }) => {
    const payments = paymentsOf.get(homeId)?.length ?? 0
    if (authorizations !== payments) return [`${homeId}: ${authorizations} of ${payments} payments were looked at.`]
    if (differing + unread === 0) return []
    return [`${homeId}: ${differing} differ, ${unread} unread. ${why ?? ''}`.trim()]
  })
  return verdictOf('`adept audit` finds no difference', wrong, `${audits.length} homes`)
}
