import { StaleOrderError } from '../domain/order.ts'
import { DECISION_MS, INSPECTION_MS, UNCONFIRMED_MS, UNDER_WAY_POLL_MS } from '../domain/timers.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Chain, DeviceSigner } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderStore, OrderWork } from '../ports/orders.ts'
import type { SpendingLimits } from '../ports/rules.ts'
import type { Seller } from '../ports/seller.ts'
import { authorizeTogether, isJoiningNext, ORDERS_PER_TRANSACTION, type QuotedOrder } from './authorizing.ts'
import { type ArrivedOrder, confirmParcel, parcelsOf } from './confirming.ts'
import { askForConsent, askForQuote, isConsented } from './quoting.ts'

/** A reclaim or another look at the chain is repeated after this, until the log shows it. */
const LOOK_AGAIN_MS = 10 * 60_000
/** After a failed authorization the next attempt rests, longer each time: each costs its gas. */
const FIRST_RETRY_MS = 2_000
const LONGEST_RETRY_MS = 15 * 60_000
/** Arrival takes two evidences, at least one of them from the home itself (DOMAIN.md). */
const HOME_EVIDENCE = ['owner', 'refill', 'weight']
const EVIDENCE_NAMES: Record<string, string> = {
  owner: 'your word',
  refill: 'the refill that the device saw',
  carrier: "the carrier's word",
  weight: 'the weight on receipt',
}

export type OrderWorkerParts = {
  store: OrderStore
  chain: Chain
  seller: Seller
  signer: DeviceSigner
  /** What must not be spent without a person's yes. */
  limits: SpendingLimits
  clock: Clock
  /** Time to look at delivered goods before they are confirmed. */
  inspectionMs?: number
  /** Called after something was committed that another stage waits for: speed only. */
  onMoved(): void
}

/** Takes each order whose time has come one arrow further, or says when to look again. */
export function orderWorker(parts: OrderWorkerParts): Worker {
  return {
    name: 'orders',
    async step() {
      const nowMs = parts.clock.nowMs()
      const due = await parts.store.due(nowMs, ORDERS_PER_TRANSACTION)
      const outcomes = await Promise.allSettled(due.map((order) => advance(order, parts, nowMs)))
      const ready = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value ?? []) : []))
      const quoted = ready.filter((order) => order.state === 'quoted')
      const waits = await isJoiningNext(quoted, parts.store, nowMs)
      const arrived = ready.filter((order) => order.state === 'delivered')
      const sent = await Promise.allSettled([
        ...(quoted.length > 0 && !waits ? [authorizeTogether(quoted, parts, nowMs)] : []),
        ...parcelsOf(arrived).map((parcel) => confirmParcel(parcel, parts, nowMs)),
      ])
      // An order that was moved meanwhile, such as cancelled by its owner, is no fault: the next step looks again.
      const fault = [...outcomes, ...sent].find(
        (outcome) => outcome.status === 'rejected' && !(outcome.reason instanceof StaleOrderError),
      )
      if (fault?.status === 'rejected') throw fault.reason
      const worked = due.length > (waits ? quoted.length : 0)
      if (worked) parts.onMoved()
      return { worked, nextDueAtMs: waits ? nowMs + UNDER_WAY_POLL_MS : await parts.store.nextDueAtMs() }
    },
  }
}

/** What is done together with others: a quoted order that may be bought, an arrived one that is confirmed. */
type Ready = QuotedOrder | ArrivedOrder

/** One order's next arrow; what is done together with others is returned. */
async function advance(order: OrderWork, parts: OrderWorkerParts, nowMs: number): Promise<Ready | undefined> {
  switch (order.state) {
    case 'needed':
      await askForQuote({ ...order, state: 'needed' }, parts, nowMs)
      return undefined
    case 'quoted':
      return afterQuote({ ...order, state: 'quoted' }, parts, nowMs)
    case 'awaiting-consent':
      await afterConsent({ ...order, state: 'awaiting-consent' }, parts, nowMs)
      return undefined
    case 'authorized':
      await parts.store.move({ ...order, state: 'authorized' }, 'due', nowMs, {
        reason: 'Cooling off is over; the seller may ship.',
        nextAtMs: ((order.authorization?.terms.shipBy ?? 0) + 1) * 1000,
      })
      return undefined
    case 'due':
    case 'disputed':
      await reclaim(order, parts, nowMs)
      return undefined
    case 'shipped':
      await lookForArrival({ ...order, state: 'shipped' }, parts, nowMs)
      return undefined
    case 'delivered':
      return afterInspection(order, parts, nowMs)
    default:
      throw new Error(`Order ${order.orderId} has ended (${order.state}) and yet is due.`)
  }
}

async function afterQuote(
  order: OrderWork & { state: 'quoted' },
  parts: OrderWorkerParts,
  nowMs: number,
): Promise<QuotedOrder | undefined> {
  const { quote } = order
  if (quote === undefined) throw new Error(`Order ${order.orderId} is quoted without a quote.`)
  if (order.authorization !== undefined) {
    await giveUpUnheld(order, order.authorization, parts, nowMs)
    return undefined
  }
  if (quote.signed.quote.validBeforeSeconds * 1000 <= nowMs) {
    await parts.store.move(order, 'needed', nowMs, {
      reason: 'The quote expired.',
      nextAtMs: nowMs,
      attempt: order.attempt + 1,
    })
    return undefined
  }
  if (!isConsented(quote.signed.quote, order.consented)) {
    const excess = await parts.limits.exceeded(order, quote.signed.quote, nowMs)
    if (order.mode === 'ask' || excess !== undefined) {
      await askForConsent(order, quote.signed.quote, parts, nowMs, excess)
      return undefined
    }
  }
  return { ...order, quote }
}

/**
 * Nothing is held yet. Once the authorization failed, or its time is over, nothing ever will be, and the order is tried again:
 * the higher nonce of the next attempt then burns this one.
 */
async function giveUpUnheld(
  order: OrderWork & { state: 'quoted' },
  authorization: NonNullable<OrderWork['authorization']>,
  parts: OrderWorkerParts,
  nowMs: number,
): Promise<void> {
  const [hold, head] = await Promise.all([parts.chain.hold(authorization.terms), parts.chain.head()])
  const validBefore = order.quote?.signed.quote.validBeforeSeconds ?? 0
  const isOver = head.timestampSeconds >= validBefore
  if (hold.state !== 'none' || !(isOver || authorization.hasFailed)) {
    return parts.store.postpone(order, nowMs + LOOK_AGAIN_MS, nowMs)
  }
  return parts.store.move(order, 'needed', nowMs, {
    reason: authorization.hasFailed
      ? 'The authorization failed on the chain; nothing is held.'
      : 'The authorization did not reach the chain before the quote expired.',
    nextAtMs: nowMs + (authorization.hasFailed ? backoffMs(order.attempt - 1, FIRST_RETRY_MS, LONGEST_RETRY_MS) : 0),
    attempt: order.attempt + 1,
  })
}

async function afterConsent(
  order: OrderWork & { state: 'awaiting-consent' },
  parts: OrderWorkerParts,
  nowMs: number,
): Promise<void> {
  if (order.quote !== undefined && order.quote.signed.quote.orderId === order.orderId && isAnswered(order)) {
    return askForQuote(order, parts, nowMs)
  }
  const text = `${order.deviceId} ${order.slot} is not ordered: nobody answered within 48 h.`
  return parts.store.move(order, 'dropped', nowMs, {
    reason: 'Nobody consented within 48 h.',
    tell: { kind: 'cancelled', text },
  })
}

/** A person said yes to the very quote that waits. */
function isAnswered(order: OrderWork): boolean {
  return order.quote !== undefined && isConsented(order.quote.signed.quote, order.consented)
}

/** A deadline of the escrow has passed: anyone may take the money back for the payer, so the gateway does. */
async function reclaim(order: OrderWork, parts: OrderWorkerParts, nowMs: number): Promise<void> {
  const { authorization } = order
  if (authorization === undefined) throw new Error(`Order ${order.orderId} is ${order.state} without an authorization.`)
  const [hold, head] = await Promise.all([parts.chain.hold(authorization.terms), parts.chain.head()])
  const deadline =
    hold.state === 'authorized'
      ? authorization.terms.shipBy
      : hold.state === 'shipped'
        ? hold.sinceSeconds + UNCONFIRMED_MS / 1000
        : hold.state === 'disputed'
          ? hold.sinceSeconds + DECISION_MS / 1000
          : Number.POSITIVE_INFINITY
  const nowSeconds = Math.max(head.timestampSeconds, Math.floor(nowMs / 1000))
  if (nowSeconds <= deadline) return parts.store.postpone(order, nowMs + LOOK_AGAIN_MS, nowMs)
  await parts.chain.reclaim(authorization.terms, (tx) =>
    parts.store.saveTransaction(tx, order, nowMs + LOOK_AGAIN_MS, nowMs),
  )
}

async function lookForArrival(
  order: OrderWork & { state: 'shipped' },
  parts: OrderWorkerParts,
  nowMs: number,
): Promise<void> {
  const fromHome = order.evidence.some((kind) => HOME_EVIDENCE.includes(kind))
  if (order.evidence.length >= 2 && fromHome) {
    const owner = order.evidence.includes('owner')
    const names = order.evidence.map((kind) => EVIDENCE_NAMES[kind] ?? kind).join(' and ')
    const then = owner ? 'The seller is paid.' : 'Look at them: the seller is paid after the inspection.'
    const text = `${order.deviceId} ${order.slot}: the goods arrived, by ${names}. ${then}`
    return parts.store.move(order, 'delivered', nowMs, {
      reason: `Evidence of arrival: ${names}.`,
      nextAtMs: owner ? nowMs : nowMs + (parts.inspectionMs ?? INSPECTION_MS),
      tell: { kind: 'delivered', text },
    })
  }
  const unconfirmedAtMs =
    (order.authorization?.shippedAtSeconds ?? Math.floor(order.stateChangedAtMs / 1000)) * 1000 + UNCONFIRMED_MS
  if (nowMs > unconfirmedAtMs) return reclaim(order, parts, nowMs)
  const isOwnersTurn = order.evidence.length === 1 && order.evidence[0] === 'refill' && order.failures === 0
  const reason = `${order.deviceId} saw ${order.slot} rise: did the goods arrive? Say \`adept order received ${order.orderId}\`.`
  return parts.store.postpone(
    order,
    unconfirmedAtMs + 1000,
    nowMs,
    isOwnersTurn ? { reason, tell: 'update' } : undefined,
  )
}

/** The home had its look: it confirms, or takes back what the seller did not take within another 14 days. */
async function afterInspection(
  order: OrderWork,
  parts: OrderWorkerParts,
  nowMs: number,
): Promise<ArrivedOrder | undefined> {
  const { authorization } = order
  const inspectedAtMs = order.stateChangedAtMs + (parts.inspectionMs ?? INSPECTION_MS)
  // A reorg may have taken back the owner's dispute: it is sent again, and nobody is paid meanwhile.
  if (nowMs < inspectedAtMs && !order.evidence.includes('owner')) {
    await parts.store.postpone(order, inspectedAtMs, nowMs)
    return undefined
  }
  const givenUpAtMs = inspectedAtMs + UNCONFIRMED_MS
  if (nowMs > givenUpAtMs) {
    await reclaim(order, parts, nowMs)
    return undefined
  }
  if (authorization?.shipment === undefined) throw new Error(`Order ${order.orderId} is delivered without a shipment.`)
  const { shipment } = authorization
  return { ...order, state: 'delivered', authorization: { ...authorization, shipment }, givenUpAtMs }
}
