import type { OrderState } from '../domain/order.ts'
import { DECISION_MS } from '../domain/timers.ts'
import { localTime } from '../lib/local-time.ts'
import type { ChainEvent } from '../ports/chain.ts'
import type { HeldOrder, OrderEvent } from './chain-events.ts'
import type { Db } from './database.ts'
import type { notifier } from './notifications.ts'
import type { orderMoves } from './order-moves.ts'
import { about, orderOf } from './order-rows.ts'

type Tell = ReturnType<typeof notifier>
/** Moves an order along an arrow that is open to it, with what is told of it. */
export type Advance = (
  order: HeldOrder,
  event: OrderEvent,
  to: OrderState,
  nextAtMs: number | undefined,
  told: { reason: string; kind: Parameters<Tell>[0]['kind']; text: string },
) => void
type DisputeEvent = ChainEvent & { type: 'disputed' | 'settled' | 'decided' | 'refunded' }
type Split = ChainEvent & { type: 'settled' | 'decided' }
type Refunded = ChainEvent & { type: 'refunded' }

/** Makes the function that applies a log of a disagreement, inside the watcher's transaction. */
export function disputeEvents(
  db: Db,
  parts: {
    advance: Advance
    tell: Tell
    moves: ReturnType<typeof orderMoves>
    formatAmount: (minorUnits: bigint) => string
  },
) {
  const { advance, tell, moves, formatAmount } = parts
  // Steps that a reorg took back have lost their block.
  const refundedBefore = db
    .prepare<[string], string>(
      `SELECT amount FROM order_steps WHERE order_id = ? AND from_state = 'completed' AND to_state = 'completed'
         AND amount IS NOT NULL AND block_number IS NOT NULL`,
    )
    .pluck()
  const paidAmount = db
    .prepare<[string], string>(
      `SELECT amount FROM order_steps WHERE order_id = ? AND from_state <> 'completed' AND to_state = 'completed'
       ORDER BY step_id DESC LIMIT 1`,
    )
    .pluck()

  /** Neither side gets anything until both agree, the arbiter decides, or its time is over. */
  function freeze(order: HeldOrder, event: OrderEvent, bySeller: boolean, what: string): void {
    const overAtMs = event.atSeconds * 1000 + DECISION_MS
    const over = localTime(overAtMs, order.time_zone)
    const reason = `${bySeller ? 'The seller' : 'You'} disputed it: the money stays in escrow.`
    advance(order, event, 'disputed', overAtMs + 1000, {
      reason,
      kind: 'problem',
      text: `${what}: ${reason} It moves when you and the seller both sign a split or the arbiter decides; after ${over} it comes back to you.`,
    })
  }

  function split(order: HeldOrder, event: Split, what: string): void {
    const who = event.type === 'settled' ? 'You and the seller agreed' : 'The arbiter decided'
    const parts = `${formatAmount(event.toSeller)} to the seller, ${formatAmount(event.toPayer)} back to you`
    advance(order, event, event.type, undefined, {
      reason: `${who}: ${parts}.`,
      kind: event.toPayer > 0n ? 'refunded' : 'completed',
      text: `${what}: ${who.toLowerCase()}: ${parts}.`,
    })
  }

  /** The seller gave back what it had been paid, or a part: only with all of it the order counts as refunded. */
  function refund(order: HeldOrder, event: Refunded, what: string): void {
    const told = `The seller gave back ${formatAmount(event.amount)}`
    const kind = 'refunded' as const
    const before = refundedBefore.all(order.order_id).reduce((sum, amount) => sum + BigInt(amount), 0n)
    const paid = BigInt(paidAmount.get(order.order_id) ?? 0)
    const { txHash, blockNumber, amount, atSeconds } = event
    const atMs = atSeconds * 1000
    if (before + amount >= paid) {
      advance(order, event, 'refunded', undefined, { reason: `${told}.`, kind, text: `${what}: ${told}.` })
    } else if (order.state === 'completed') {
      const reason = `${told} of ${formatAmount(paid)}.`
      const step = { atMs, reason, amountMinorUnits: amount, txHash, blockNumber }
      moves.record(orderOf(order), 'completed', 'completed', step)
      tell({ ...about(order), kind, text: `${what}: ${reason}`, txHash, amountMinorUnits: amount }, atMs)
    }
  }

  return (order: HeldOrder, event: DisputeEvent, seller: string, what: string): void => {
    if (event.type === 'disputed') freeze(order, event, event.by === seller, what)
    else if (event.type === 'refunded') refund(order, event, what)
    else split(order, event, what)
  }
}
