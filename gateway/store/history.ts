import { setImmediate } from 'node:timers/promises'
import type { SlotState } from '../domain/slot-state.ts'
import type { Decision, HistoryStore, KeptDecision, RulesVersion, Situation, SlotStep } from '../ports/rules.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type OrderRow, orderOf } from './order-rows.ts'
import { SLOT_COLUMNS, SLOT_TABLES, type SlotRow, situations } from './situations.ts'
import { measureReader, READINGS_BETWEEN, type ReadingRow, slotFold, USAGE_VERSION } from './slot-readings.ts'

/** Rows of one page: some 10 ms, then the gateway's other work gets its turn. */
const ROWS_PER_PAGE = 2_000

type DecisionRow = {
  decision_id: number
  device_id: string
  slot: string
  at_ms: number
  first_at_ms: number
  times: number
  read_until: number
  rules_version: number
  inputs: string
  decision: string
}
const DECISION_COLUMNS =
  'decision_id, device_id, slot, at_ms, first_at_ms, times, read_until, rules_version, inputs, decision'

/** `HistoryStore` over the gateway's database. */
export function sqliteHistoryStore(db: Db): HistoryStore {
  const situation = situations(db)
  const slots = db.prepare<[string, string | null, string | null, string | null], SlotRow>(
    `SELECT ${SLOT_COLUMNS} FROM ${SLOT_TABLES}
     WHERE home_id = ? AND (? IS NULL OR slots.device_id = ? AND slots.slot = ?) ORDER BY slots.device_id, slots.slot`,
  )
  const ends = db.prepare<[], { thinned_until: number; thinned_at_ms: number | null; newest: number | null }>(
    'SELECT thinned_until, thinned_at_ms, (SELECT max(reading_id) FROM readings) AS newest FROM retention',
  )
  const bases = db.prepare<[], { device_id: string; slot: string; state: string }>(
    `SELECT device_id, slot, state FROM slot_bases WHERE usage_version = ${USAGE_VERSION}`,
  )
  const between = db.prepare<[number, number, number], ReadingRow>(READINGS_BETWEEN)
  /** The retention may delete readings while others are being read: then it goes on from what they came to. */
  const readPage = db.transaction((after: number, ofReadings: number) => {
    const { thinned_until, thinned_at_ms } = ends.get()!
    if (thinned_until > after) {
      const states = bases.all().map((row) => ({
        deviceId: row.device_id,
        slot: row.slot,
        state: JSON.parse(row.state) as SlotState,
      }))
      return { kind: 'begin' as const, readUntil: thinned_until, goneAtMs: thinned_at_ms ?? undefined, bases: states }
    }
    const readUntil = Math.min(ofReadings, after + ROWS_PER_PAGE)
    return { kind: 'read' as const, readUntil, rows: between.all(after, readUntil, ROWS_PER_PAGE) }
  })
  const decisions = db.prepare<[number, number, number, number], DecisionRow>(
    `SELECT ${DECISION_COLUMNS} FROM decisions
     WHERE inputs IS NOT NULL AND (read_until, decision_id) > (?, ?) AND read_until <= ?
     ORDER BY read_until, decision_id LIMIT ?`,
  )
  const last = db.prepare<[string, string], DecisionRow>(
    `SELECT ${DECISION_COLUMNS} FROM decisions WHERE device_id = ? AND slot = ? AND inputs IS NOT NULL
     ORDER BY decision_id DESC LIMIT 1`,
  )
  const version = db.prepare<[number], RulesVersion>(
    'SELECT version, text, source, program, accepted_at_ms AS acceptedAtMs FROM rules_versions WHERE version = ?',
  )
  const orders = db.prepare<[string, number], OrderRow>(
    'SELECT * FROM orders WHERE home_id = ? AND created_at_ms >= ? ORDER BY created_at_ms, order_id',
  )
  return {
    situations: inOneTransaction(db, (homeId, atMs, only) => {
      situation.begin()
      const deviceId = only?.deviceId ?? null
      return slots.all(homeId, deviceId, deviceId, only?.slot ?? null).map((row) => {
        const state = row.state === null ? undefined : (JSON.parse(row.state) as SlotState)
        return situation.of(row, state, atMs)
      })
    }),

    async *states() {
      const states = new Map<string, SlotState>()
      const fold = slotFold(measureReader(db), (deviceId, slot) => states.get(`${deviceId}/${slot}`))
      const ofReadings = ends.get()!.newest ?? 0
      for (let readUntil = -1; readUntil < ofReadings; ) {
        const page = readPage(readUntil, ofReadings)
        readUntil = page.readUntil
        if (page.kind === 'begin') {
          states.clear()
          for (const { deviceId, slot, state } of page.bases) states.set(`${deviceId}/${slot}`, state)
          yield { ...page, ofReadings }
        } else {
          const steps = page.rows.flatMap((row) =>
            fold(row).map(({ slot, after: state }): SlotStep => {
              const { device_id: deviceId, reading_id: readingId, received_at_ms: receivedAtMs } = row
              states.set(`${deviceId}/${slot}`, { ...state, events: [] })
              return { deviceId, slot, readingId, receivedAtMs, state }
            }),
          )
          yield { kind: 'read', readUntil, ofReadings, steps }
        }
        await setImmediate()
      }
    },

    async decisions(after, readUntil, limit) {
      return decisions.all(after.readUntil, after.decisionId, readUntil, limit).map(keptOf)
    },
    async rules(number) {
      return version.get(number)
    },
    async lastDecision(deviceId, slot) {
      const row = last.get(deviceId, slot)
      return row && { ...keptOf(row), firstAtMs: row.first_at_ms, times: row.times }
    },
    async ordersSince(homeId, sinceMs) {
      return orders.all(homeId, sinceMs).map(orderOf)
    },
  }
}

function keptOf(row: DecisionRow): KeptDecision {
  return {
    decisionId: row.decision_id,
    deviceId: row.device_id,
    slot: row.slot,
    atMs: row.at_ms,
    readUntil: row.read_until,
    rulesVersion: row.rules_version,
    inputs: JSON.parse(row.inputs) as Situation,
    decision: JSON.parse(row.decision) as Decision,
  }
}
