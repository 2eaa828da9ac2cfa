import type { Level } from '../domain/level.ts'
import { SlotDescription } from '../domain/level.ts'
import { MandateFile } from '../domain/mandate.ts'
import type { Mode, OrderState } from '../domain/order.ts'
import { Quote } from '../domain/quote.ts'
import type { Decision, RulesStore, Situation } from '../ports.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { ENDED } from './order-rows.ts'

type SlotRow = {
  home_id: string
  device_id: string
  slot: string
  description: string | null
  mode: Mode
  confirmed_at_ms: number | null
  suspended_reason: string
  remaining: number | null
  unit: Level['unit'] | null
  mark: Level['mark']
  mark_reason: string
  measured_at_ms: number | null
  reading_id: number | null
  last_refill_at_ms: number | null
  low_told: number
}

/** `RulesStore` over the gateway's database. */
export function sqliteRulesStore(db: Db, channels: readonly Channel[]): RulesStore {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const dirty = db.prepare<[number, number], SlotRow>(
    `SELECT slots.*, devices.home_id FROM slots JOIN devices USING (device_id)
     WHERE evaluate = 1 OR evaluate_at_ms <= ? LIMIT ?`,
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(evaluate_at_ms) AS at FROM slots WHERE evaluate_at_ms IS NOT NULL',
  )
  const openOrder = db.prepare<[string, string], { orderId: string; state: OrderState }>(
    `SELECT order_id AS orderId, state FROM orders WHERE device_id = ? AND slot = ?
     AND state NOT IN (${ENDED})`,
  )
  // Delivered since the last refill: the goods of a completed order whose refill nobody has seen.
  const notPouredIn = db.prepare<[string, string, number], { quote: string }>(
    `SELECT quote FROM orders JOIN quotes USING (order_id, attempt)
     WHERE device_id = ? AND slot = ? AND state = 'completed'
       AND NOT EXISTS (SELECT 1 FROM evidence WHERE evidence.order_id = orders.order_id AND kind = 'refill')
       AND (SELECT MAX(at_ms) FROM order_steps WHERE order_steps.order_id = orders.order_id AND to_state = 'shipped') > ?`,
  )
  // An order that the homeowner's later word (a confirmation, a new mandate) has not overtaken. In the same millisecond
  // the order's end counts as later: else it would be ordered again at once, and again.
  const endedWithoutGoods = db.prepare<[string, string, number], { at: number | null }>(
    `SELECT MAX(state_changed_at_ms) AS at FROM orders
     WHERE device_id = ? AND slot = ? AND state IN ('dropped', 'cancelled', 'reclaimed') AND state_changed_at_ms >= ?`,
  )
  const granted = db.prepare<[string], { file: string; created_at_ms: number }>(
    `SELECT file, created_at_ms FROM mandates WHERE device_id = ? AND state = 'granted'`,
  )
  const insertDecision = db.prepare(
    `INSERT INTO decisions (device_id, slot, reading_id, at_ms, outcome, reasons, order_id)
     VALUES (@deviceId, @slot, @readingId, @atMs, @outcome, @reasons, @orderId)`,
  )
  const insertOrder = db.prepare(
    `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt,
                         next_at_ms, created_at_ms, reasons)
     VALUES (@orderId, @homeId, @deviceId, @slot, @gtin, @quantity, @mode, 'needed', @atMs, 1, @atMs, @atMs, @reasons)`,
  )
  const settle = db.prepare(
    `UPDATE slots SET evaluate = 0, evaluate_at_ms = @evaluateAtMs, low_told = @lowTold
     WHERE device_id = @deviceId AND slot = @slot`,
  )

  function situationOf(row: SlotRow): Situation {
    const description = row.description === null ? undefined : SlotDescription.parse(JSON.parse(row.description))
    const mandates = granted.all(row.device_id)
    const lastWordAtMs = Math.max(row.confirmed_at_ms ?? 0, ...mandates.map((mandate) => mandate.created_at_ms))
    const ended = endedWithoutGoods.get(row.device_id, row.slot, lastWordAtMs)?.at
    return {
      homeId: row.home_id,
      deviceId: row.device_id,
      slot: row.slot,
      description,
      mode: row.mode,
      suspendedReason: row.suspended_reason,
      level:
        row.remaining === null || row.unit === null || row.measured_at_ms === null
          ? undefined
          : {
              remaining: row.remaining,
              unit: row.unit,
              mark: row.mark,
              markReason: row.mark_reason,
              measuredAtMs: row.measured_at_ms,
            },
      readingId: row.reading_id ?? undefined,
      openOrder: openOrder.get(row.device_id, row.slot),
      onHand: onHand(row, description),
      mandateGtins: mandates.flatMap(({ file }) =>
        MandateFile.parse(JSON.parse(file)).products.map((product) => product.gtin),
      ),
      lowTold: row.low_told === 1,
      lastEndedWithoutGoodsAtMs: ended ?? undefined,
    }
  }

  /** A pack that is not measured in the slot's own unit counts as one filling. */
  function onHand(row: SlotRow, description: SlotDescription | undefined): number {
    if (description === undefined) return 0
    let content = 0
    for (const { quote } of notPouredIn.all(row.device_id, row.slot, row.last_refill_at_ms ?? 0)) {
      const { packSize, contentUnit, quantity } = Quote.parse(JSON.parse(quote))
      content += quantity * (contentUnit === description.unit ? packSize : description.capacity)
    }
    return content
  }

  function commit(situation: Situation, decision: Decision, atMs: number): void {
    const { homeId, deviceId, slot } = situation
    const reasons = JSON.stringify(decision.reasons)
    const orderId = decision.outcome === 'order' ? decision.order.orderId : undefined
    insertDecision.run({
      deviceId,
      slot,
      readingId: situation.readingId ?? null,
      atMs,
      outcome: decision.outcome,
      reasons,
      orderId: orderId ?? null,
    })
    const text = decision.reasons.join(' ')
    if (decision.outcome === 'order') {
      insertOrder.run({ ...decision.order, homeId, deviceId, slot, atMs, reasons })
      moves.record({ orderId: decision.order.orderId, attempt: 1 }, null, 'needed', { atMs, reason: text })
      tell(
        {
          homeId,
          deviceId,
          slot,
          orderId: decision.order.orderId,
          kind: 'order-planned',
          text: `${deviceId} ${slot}: ${text}`,
        },
        atMs,
      )
    } else if (decision.outcome === 'tell-low') {
      tell({ homeId, deviceId, slot, kind: 'low', text: `${deviceId} ${slot}: ${text}` }, atMs)
    }
    // The intake forgets it at the next refill.
    const lowTold = decision.outcome === 'tell-low' || situation.lowTold
    settle.run({ deviceId, slot, evaluateAtMs: decision.evaluateAgainAtMs ?? null, lowTold: lowTold ? 1 : 0 })
  }

  return {
    decideDue: inOneTransaction(db, (limit, atMs, decide) => {
      const rows = dirty.all(atMs, limit)
      for (const row of rows) {
        const situation = situationOf(row)
        commit(situation, decide(situation), atMs)
      }
      return { decided: rows.length, nextDueAtMs: nextDue.get()?.at ?? undefined }
    }),
  }
}
