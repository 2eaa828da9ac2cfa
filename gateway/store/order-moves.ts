import { ENDED_STATES, type NextState, type Order, type OrderState, StaleOrderError } from '../domain/order.ts'
import type { Db } from './database.ts'

/** What goes with an arrow into the order's history. */
export type Step = {
  atMs: number
  reason: string
  nextAtMs?: number | undefined
  attempt?: number | undefined
  amountMinorUnits?: bigint | undefined
  txHash?: string | undefined
  blockNumber?: number | undefined
}

export type MovableOrder<S extends OrderState = OrderState> = Pick<Order, 'orderId' | 'attempt'> & { state: S }

/** The only writers of an order's state; both belong inside the transaction of their unit of work. */
export function orderMoves(db: Db) {
  const update = db.prepare(
    `UPDATE orders SET state = @to, state_changed_at_ms = @atMs, attempt = @attempt, next_at_ms = @nextAtMs, failures = 0
     WHERE order_id = @orderId AND state = @from`,
  )
  const insertStep = db.prepare(
    `INSERT INTO order_steps (order_id, attempt, from_state, to_state, at_ms, reason, amount, tx_hash, block_number)
     VALUES (@orderId, @attempt, @from, @to, @atMs, @reason, @amount, @txHash, @blockNumber)`,
  )

  const wakeRules = db.prepare(
    `UPDATE slots SET evaluate = 1 FROM orders
     WHERE order_id = ? AND slots.device_id = orders.device_id AND slots.slot = orders.slot`,
  )

  function record(
    order: Pick<Order, 'orderId' | 'attempt'>,
    from: OrderState | null,
    to: OrderState,
    step: Step,
  ): void {
    insertStep.run({
      orderId: order.orderId,
      attempt: order.attempt,
      from,
      to,
      atMs: step.atMs,
      reason: step.reason,
      amount: step.amountMinorUnits?.toString() ?? null,
      txHash: step.txHash ?? null,
      blockNumber: step.blockNumber ?? null,
    })
  }

  return {
    record,
    /**
     * Moves one order along one legal arrow; throws `StaleOrderError` when someone else moved it first. At an order's end
     * the rules look at its slot again: a device that stays silent must not keep it empty.
     */
    move<S extends OrderState>(order: MovableOrder<S>, to: NextState<S>, step: Step): void {
      const { changes } = update.run({
        orderId: order.orderId,
        from: order.state,
        to,
        atMs: step.atMs,
        attempt: step.attempt ?? order.attempt,
        nextAtMs: step.nextAtMs ?? null,
      })
      if (changes !== 1) throw new StaleOrderError(order.orderId, order.state)
      record(order, order.state, to, step)
      if ((ENDED_STATES as readonly OrderState[]).includes(to)) wakeRules.run(order.orderId)
    },
    /** Puts an order back to the state before a step that a reorg took away. */
    putBack(order: MovableOrder, to: OrderState, attempt: number, step: Step): void {
      update.run({
        orderId: order.orderId,
        from: order.state,
        to,
        atMs: step.atMs,
        attempt,
        nextAtMs: step.nextAtMs ?? null,
      })
      record({ orderId: order.orderId, attempt }, order.state, to, step)
    },
  }
}
