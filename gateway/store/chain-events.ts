import { Terms } from '../domain/mandate.ts'
import { type NextState, ORDER_TRANSITIONS, type OrderState } from '../domain/order.ts'
import { localTime } from '../lib/local-time.ts'
import type { ChainEvent } from '../ports/chain.ts'
import type { Db } from './database.ts'
import { type Advance, disputeEvents } from './dispute-events.ts'
import { isAboutMandate, type MandateEvent, mandateEvents } from './mandate-events.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { about, type OrderRow, orderOf } from './order-rows.ts'
import { refillEvidence } from './refill-evidence.ts'

export type HeldOrder = OrderRow & {
  authorization_id: string
  auth_attempt: number
  auth_state: string
  terms: string
  product: string
  time_zone: string
}
/** A next attempt is placed within this time, or was given up. */
const RETRY_BURNS_WITHIN_MS = 60_000
/** An order in one of these holds no funds and awaits none. */
const UNPAID_STATES: readonly OrderState[] = ['needed', 'awaiting-consent', 'dropped']
export type OrderEvent = Exclude<ChainEvent, MandateEvent | { type: 'refused' }>

/**
 * Makes the function that applies one log of the escrow to the rows it is about, inside the watcher's transaction. Logs
 * about authorizations and mandates that are not ours are passed over, and so is a log that comes twice.
 */
export function chainEvents(
  db: Db,
  channels: readonly Channel[],
  formatAmount: (minorUnits: bigint) => string,
): (event: ChainEvent, atMs: number) => void {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const disputes = disputeEvents(db, { advance, tell, moves, formatAmount })
  const applyToMandate = mandateEvents(db, tell)
  const orderById = `SELECT orders.*, authorization_id, authorizations.attempt AS auth_attempt, authorizations.state AS auth_state, terms,
       json_extract(quote, '$.productName') AS product, time_zone
     FROM authorizations JOIN orders USING (order_id) JOIN homes USING (home_id)
     JOIN quotes ON quotes.order_id = authorizations.order_id AND quotes.attempt = authorizations.attempt`
  const heldOrder = db.prepare<[string], HeldOrder>(`${orderById} WHERE authorization_id = ?`)
  // A transaction whose fees were raised has several hashes and one nonce.
  const basketOrders = db.prepare<[string, number], HeldOrder>(
    `${orderById} WHERE tx_hash IN (
       SELECT same.tx_hash FROM transactions AS seen JOIN transactions AS same USING (sender, nonce) WHERE seen.tx_hash = ?
     ) AND basket = ?`,
  )
  const setAuthorization = db.prepare(
    `UPDATE authorizations SET state = @state, shipment = COALESCE(@shipment, shipment),
       held_at_seconds = COALESCE(@heldAtSeconds, held_at_seconds), shipped_at_seconds = COALESCE(@shippedAtSeconds, shipped_at_seconds),
       give_back_at_ms = @giveBackAtMs
     WHERE authorization_id = @authorizationId`,
  )
  const insertMessage = db.prepare(
    `INSERT OR IGNORE INTO seller_messages (order_id, authorization_id, kind, seller_url, body, next_at_ms)
     SELECT @orderId, @authorizationId, 'order', seller_url,
            json_object('kind', 'order', 'signedQuote', json_object('quote', json(quote), 'signature', signature), 'terms', json(@terms)), @atMs
     FROM quotes WHERE order_id = @orderId AND attempt = @attempt`,
  )
  const refills = refillEvidence(db)

  function apply(event: ChainEvent, atMs: number): void {
    if (isAboutMandate(event)) applyToMandate(event, atMs)
    else if (event.type === 'refused') refuse(basketOrders.all(event.txHash, event.basket), event, atMs)
    else applyToOrder(event, atMs)
  }

  /** The contract skipped our basket: no funds moved. Of several orders nobody knows which it meant: all are tried again. */
  function refuse(orders: HeldOrder[], event: ChainEvent & { type: 'refused' }, atMs: number): void {
    const reason = `The contract refused the order: ${event.sentence}`
    for (const order of orders) {
      if (order.auth_state !== 'sent') continue
      // Burnt, so that nobody sends it later; the next attempt of an order that is tried again burns it by itself.
      setState(order, 'refused', { giveBackAtMs: orders.length === 1 ? atMs : atMs + RETRY_BURNS_WITHIN_MS })
      if (order.state !== 'quoted' || order.attempt !== order.auth_attempt) continue
      const quoted = { ...orderOf(order), state: 'quoted' as const }
      const step = { atMs, reason, txHash: event.txHash, blockNumber: event.blockNumber }
      if (orders.length > 1) {
        moves.move(quoted, 'needed', { ...step, nextAtMs: atMs, attempt: order.attempt + 1 })
        continue
      }
      moves.move(quoted, 'dropped', step)
      tell({ ...about(order), kind: 'limit-reached', text: `${reason} Nothing was paid.`, txHash: event.txHash }, atMs)
    }
  }

  function applyToOrder(event: OrderEvent, atMs: number): void {
    const order = heldOrder.get(event.authorizationId)
    if (order === undefined) return
    if (isStray(order)) {
      // Funds that no order waits for: they are looked after on their own (orders/stray-funds.ts).
      const isHeld = event.type === 'authorized' || event.type === 'shipped' || event.type === 'disputed'
      setState(order, event.type === 'authorized' ? 'held' : event.type, isHeld ? { giveBackAtMs: atMs } : {})
      return
    }
    const terms = Terms.parse(JSON.parse(order.terms))
    const what = `${order.quantity} × ${order.product} for ${order.device_id} ${order.slot}`
    switch (event.type) {
      case 'authorized': {
        const dueAtMs = (event.atSeconds + terms.coolingOffSeconds) * 1000
        const cooling =
          terms.coolingOffSeconds === 0
            ? 'The seller may ship at once.'
            : `You can cancel until ${localTime(dueAtMs, order.time_zone)}.`
        setState(order, 'held', { heldAtSeconds: event.atSeconds })
        insertMessage.run({
          orderId: order.order_id,
          authorizationId: event.authorizationId,
          terms: order.terms,
          atMs,
          attempt: order.attempt,
        })
        advance(order, event, 'authorized', dueAtMs, {
          reason: `${formatAmount(event.amount)} held in escrow. ${cooling}`,
          kind: 'placed',
          text: `Ordered ${what}: ${formatAmount(event.amount)} is held in escrow. ${cooling}`,
        })
        return
      }
      case 'shipped':
        setState(order, 'shipped', { shipment: event.shipment, shippedAtSeconds: event.atSeconds })
        // Looked at once: evidence may be there already, from before a reorg too.
        advance(order, event, 'shipped', event.atSeconds * 1000, {
          reason: `The seller shipped (shipment ${event.shipment}).`,
          kind: 'shipped',
          text: `${what} is on its way. Say \`adept order received ${order.order_id}\` when it is there.`,
        })
        refills.seenBefore(order.order_id)
        return
      case 'captured':
        setState(order, 'captured', {})
        advance(order, event, 'completed', undefined, {
          reason: `The seller was paid ${formatAmount(event.amount)}; ${formatAmount(terms.amount - event.amount)} came back.`,
          kind: 'completed',
          text: `${what} is complete: the seller was paid ${formatAmount(event.amount)}.`,
        })
        return
      case 'cancelled':
        setState(order, 'cancelled', {})
        advance(order, event, 'cancelled', undefined, {
          reason: `Cancelled; ${formatAmount(event.amount)} came back.`,
          kind: 'cancelled',
          text: `The order of ${what} is cancelled: ${formatAmount(event.amount)} is back in the wallet.`,
        })
        return
      case 'declined':
      case 'reclaimed':
        takeBack(order, event, event.type, what)
        return
      default:
        setState(order, event.type === 'refunded' ? 'captured' : event.type, {})
        disputes(order, event, terms.seller, what)
    }
  }

  /** Money back without goods: before shipping the order is tried again, after it the order ends. */
  function takeBack(
    order: HeldOrder,
    event: OrderEvent & { amount: bigint },
    type: 'declined' | 'reclaimed',
    what: string,
  ): void {
    setState(order, type, {})
    const disputed = order.state === 'disputed'
    const shipped = order.state === 'shipped' || order.state === 'delivered' || disputed
    const because = disputed
      ? 'Nobody decided the dispute in time'
      : type === 'declined'
        ? 'The seller declined it'
        : order.state === 'delivered'
          ? 'The seller did not take its payment in time'
          : shipped
            ? 'Nobody confirmed its arrival in time'
            : 'The seller did not ship in time'
    const back = `${formatAmount(event.amount)} is back in the wallet`
    advance(order, event, shipped ? 'reclaimed' : 'needed', shipped ? undefined : event.atSeconds * 1000, {
      reason: `${because}; ${back}.`,
      kind: shipped ? 'refunded' : 'problem',
      text: `${what}: ${because.toLowerCase()}. ${back}${shipped ? '' : ', and the order is tried again'}.`,
    })
  }

  /** Moves the order if that arrow is open to it now; a log that comes twice finds it closed. */
  function advance(...[order, event, to, nextAtMs, told]: Parameters<Advance>): void {
    if (!(ORDER_TRANSITIONS[order.state] as readonly OrderState[]).includes(to)) return
    const amountMinorUnits = 'amount' in event ? event.amount : 'toPayer' in event ? event.toPayer : undefined
    const atMs = event.atSeconds * 1000
    moves.move(orderOf(order), to as NextState<OrderState>, {
      atMs,
      reason: told.reason,
      nextAtMs,
      attempt: to === 'needed' ? order.attempt + 1 : order.attempt,
      amountMinorUnits,
      txHash: event.txHash,
      blockNumber: event.blockNumber,
    })
    tell(
      {
        ...about(order),
        kind: told.kind,
        text: told.text,
        txHash: event.txHash,
        ...(amountMinorUnits !== undefined && { amountMinorUnits }),
      },
      atMs,
    )
  }

  function setState(
    order: HeldOrder,
    state: string,
    facts: { shipment?: string; heldAtSeconds?: number; shippedAtSeconds?: number; giveBackAtMs?: number },
  ): void {
    setAuthorization.run({
      authorizationId: order.authorization_id,
      state,
      shipment: facts.shipment ?? null,
      heldAtSeconds: facts.heldAtSeconds ?? null,
      shippedAtSeconds: facts.shippedAtSeconds ?? null,
      giveBackAtMs: facts.giveBackAtMs ?? null,
    })
  }

  return apply
}

/** Its order is at another attempt, or was given up before anything was held. */
function isStray(order: HeldOrder): boolean {
  return order.attempt !== order.auth_attempt || UNPAID_STATES.includes(order.state)
}
