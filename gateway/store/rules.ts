import { STUCK } from '../domain/plausibility.ts'
import type { SlotState } from '../domain/slot-state.ts'
import type { Decision, RulesStore, Situation } from '../ports/rules.ts'
import { type Db, inLaxTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { SLOT_COLUMNS, SLOT_TABLES, type SlotRow, situations } from './situations.ts'
import { slotReadings } from './slot-readings.ts'

/** While readings wait, slots are decided only every so many steps: a busy intake is read first, and nobody starves. */
const STEPS_WITHOUT_DECISIONS = 10

/** `RulesStore` over the gateway's database. */
export function sqliteRulesStore(db: Db, channels: readonly Channel[]): RulesStore {
  const readings = slotReadings(db)
  const situation = situations(db)
  const commit = decisionWriter(db, channels)
  const due = db.prepare<[number, number], SlotRow>(
    `SELECT ${SLOT_COLUMNS} FROM ${SLOT_TABLES} WHERE evaluate = 1 OR evaluate_at_ms <= ? LIMIT ?`,
  )
  const one = db.prepare<[string, string], SlotRow>(
    `SELECT ${SLOT_COLUMNS} FROM ${SLOT_TABLES} WHERE slots.device_id = ? AND slots.slot = ?`,
  )
  const nextDue = db.prepare<[], { at: number | null }>(
    'SELECT MIN(evaluate_at_ms) AS at FROM slots WHERE evaluate_at_ms IS NOT NULL',
  )
  let undecidedSteps = 0

  return {
    step: inLaxTransaction(db, (limit, atMs, rulesVersion, decide) => {
      const { behind, read, readUntil } = readings.readOn(atMs, (deviceId, slot) => {
        const row = one.get(deviceId, slot)
        if (row !== undefined) situation.of(row, undefined, atMs)
      })
      if (behind && undecidedSteps < STEPS_WITHOUT_DECISIONS) {
        undecidedSteps += 1
        return { worked: true, decided: 0, nextDueAtMs: undefined }
      }
      undecidedSteps = 0
      situation.begin()
      const rows = due.all(atMs, limit)
      for (const row of rows) {
        const state = row.state === null ? undefined : (JSON.parse(row.state) as SlotState)
        const seen = situation.of(row, state, atMs)
        const decision = decide(seen)
        commit(seen, decision, { atMs, rulesVersion, readUntil, readingId: state?.readingId })
        if (state !== undefined && state.events.length > 0) {
          readings.save(row.device_id, row.slot, { ...state, events: decision.heldEvents })
        }
      }
      return { worked: read > 0 || rows.length > 0, decided: rows.length, nextDueAtMs: nextDue.get()?.at ?? undefined }
    }),
  }
}

const STALE = 'It is stale: no level has come for longer than usual.'

type Circumstances = { atMs: number; rulesVersion: number; readUntil: number; readingId: number | undefined }

/** Writes what a decision says, inside the transaction of its step. */
function decisionWriter(db: Db, channels: readonly Channel[]) {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const last = db.prepare<
    [string, string],
    { decision_id: number; outcome: string; why: string; rules_version: number | null; acts: number }
  >(
    `SELECT decision_id, outcome, why, rules_version, acts FROM decisions
     WHERE device_id = ? AND slot = ? ORDER BY decision_id DESC LIMIT 1`,
  )
  const insertDecision = db.prepare(
    `INSERT INTO decisions (device_id, slot, reading_id, at_ms, first_at_ms, outcome, why, reasons, order_id, rules_version,
                            inputs, decision, acts, read_until)
     VALUES (@deviceId, @slot, @readingId, @atMs, @atMs, @outcome, @why, @reasons, @orderId, @rulesVersion, @inputs,
             @decision, @acts, @readUntil)`,
  )
  const repeatDecision = db.prepare(
    `UPDATE decisions SET reading_id = @readingId, at_ms = @atMs, reasons = @reasons, inputs = @inputs,
            decision = @decision, read_until = @readUntil, times = times + 1
     WHERE decision_id = @decisionId`,
  )
  const insertOrder = db.prepare(
    `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt,
                         next_at_ms, created_at_ms, reasons, limits)
     VALUES (@orderId, @homeId, @deviceId, @slot, @gtin, @quantity, @mode, 'needed', @atMs, 1, @atMs, @atMs, @reasons,
             @limits)`,
  )
  const insertCommand = db.prepare(
    `INSERT INTO commands (home_id, device_id, slot, name, arguments, created_at_ms, next_at_ms)
     VALUES (@homeId, @deviceId, @slot, @name, @arguments, @atMs, @atMs)`,
  )
  const settle = db.prepare(
    `UPDATE slots SET evaluate = 0, evaluate_at_ms = @evaluateAtMs, low_told = @lowTold
     WHERE device_id = @deviceId AND slot = @slot`,
  )
  // The next levels are judged by it (domain/plausibility.ts); it ends with the first that differs.
  const markBlind = db.prepare(
    `UPDATE slots SET mark = 'unverified', mark_reason = @reason, stuck_remaining = @stuckRemaining
     WHERE device_id = @deviceId AND slot = @slot AND reading_id = @readingId`,
  )
  const keep = db.prepare(
    `INSERT INTO slot_needs (device_id, slot, acted, blind_told) VALUES (@deviceId, @slot, @acted, @blindTold)
     ON CONFLICT (device_id, slot) DO UPDATE SET acted = excluded.acted, blind_told = excluded.blind_told`,
  )

  return function commit(situation: Situation, decision: Decision, circumstances: Circumstances): void {
    const { homeId, deviceId, slot } = situation
    const { atMs, rulesVersion } = circumstances
    const reasons = JSON.stringify(decision.reasons)
    const row = {
      deviceId,
      slot,
      atMs,
      reasons,
      rulesVersion,
      readUntil: circumstances.readUntil,
      readingId: circumstances.readingId ?? null,
      inputs: JSON.stringify(situation),
      decision: JSON.stringify(decision),
    }
    const before = last.get(deviceId, slot)
    const isRepeat =
      decision.outcome === 'nothing' &&
      decision.acts.length === 0 &&
      before?.outcome === 'nothing' &&
      before.why === decision.why &&
      before.rules_version === rulesVersion &&
      before.acts === 0
    if (isRepeat) repeatDecision.run({ ...row, decisionId: before.decision_id })
    else {
      const orderId = decision.outcome === 'order' ? decision.order.orderId : null
      const acts = decision.acts.length
      insertDecision.run({ ...row, outcome: decision.outcome, why: decision.why, orderId, acts })
    }

    const about = { homeId, deviceId, slot }
    const text = `${deviceId} ${slot}: ${decision.reasons.join(' ')}`
    if (decision.outcome === 'order') {
      const { limits, ...order } = decision.order
      insertOrder.run({ ...order, homeId, deviceId, slot, atMs, reasons, limits: JSON.stringify(limits) })
      moves.record({ orderId: order.orderId, attempt: 1 }, null, 'needed', { atMs, reason: decision.reasons.join(' ') })
      tell({ ...about, orderId: order.orderId, kind: 'order-planned', text }, atMs)
    } else if (decision.outcome === 'tell-low') {
      tell({ ...about, kind: 'low', text }, atMs)
    }
    for (const act of decision.acts) {
      if (act.kind === 'tell') tell({ ...about, kind: act.as, text: `${deviceId} ${slot}: ${act.text}` }, atMs)
      else insertCommand.run({ ...about, name: act.name, arguments: JSON.stringify(act.arguments), atMs })
    }
    // The intake forgets it at the next refill.
    const lowTold = decision.outcome === 'tell-low' || situation.lowTold
    settle.run({ deviceId, slot, evaluateAtMs: decision.evaluateAgainAtMs ?? null, lowTold: lowTold ? 1 : 0 })
    if (decision.trust === 'stuck' || decision.trust === 'extrapolated') {
      const isStuck = decision.trust === 'stuck'
      const reason = isStuck ? STUCK : STALE
      const stuckRemaining = isStuck ? (situation.level?.remaining ?? null) : null
      markBlind.run({ deviceId, slot, reason, stuckRemaining, readingId: circumstances.readingId ?? null })
    }
    const acted = JSON.stringify(decision.actedAtMs)
    if (decision.blindTold !== situation.blindTold || acted !== JSON.stringify(situation.actedAtMs)) {
      keep.run({ deviceId, slot, acted, blindTold: decision.blindTold ? 1 : 0 })
    }
  }
}
