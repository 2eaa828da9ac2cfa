import type { Incoming, IntakeStore, Report } from '../ports/ingest.ts'
import { sqliteBrokerState } from './broker-state.ts'
import type { Db } from './database.ts'
import { descriptions } from './descriptions.ts'
import { markStored, receiptOf, type Session, sessionMarks } from './session-marks.ts'
import { slotLevels } from './slot-levels.ts'

/** Order of `readings.kind`. */
export const READING_KINDS = ['consumable', 'telemetry', 'event'] as const

/** The newest this many dead letters are kept: a broken device must not fill the disk. */
const MAX_DEAD_LETTERS = 10_000

/**
 * What arrived, one transaction per group, `synchronous = FULL`. Says at its making that every device is offline: no
 * connection outlives the process, and after a crash no will was sent.
 */
export function sqliteIntakeStore(db: Db): IntakeStore {
  const insertReading = db.prepare(
    `INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark,
                           mark_reason, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const setStatus = db.prepare('UPDATE devices SET status = ?, status_at_ms = ? WHERE device_id = ?')
  const insertDeadLetter = db.prepare(
    'INSERT INTO dead_letters (device_id, topic, payload, reason, received_at_ms) VALUES (?, ?, ?, ?, ?)',
  )
  const trimDeadLetters = db.prepare(
    `DELETE FROM dead_letters WHERE dead_letter_id <= (SELECT max(dead_letter_id) FROM dead_letters) - ${MAX_DEAD_LETTERS}`,
  )
  const marks = sessionMarks(db)
  const levels = slotLevels(db)
  const saveDescription = descriptions(db)
  const brokerState = sqliteBrokerState(db)

  function saveReport(report: Report, atMs: number): void {
    const session = marks.of(report.deviceId, report.session, atMs)
    if (!markStored(session, report.seq)) return
    const { deviceId, seq, body, level } = report
    const kind = READING_KINDS.indexOf(report.kind)
    if (level === undefined) {
      const gatewayTime = report.measuredAtMs === undefined || report.measuredAtMs > atMs
      const measuredAtMs = gatewayTime ? atMs : report.measuredAtMs
      insertReading.run(
        session.sessionKey,
        seq,
        kind,
        measuredAtMs,
        gatewayTime ? 1 : 0,
        atMs,
        null,
        null,
        null,
        null,
        body,
      )
      return
    }
    const { slot, remaining, unit, unverified } = level
    const measured = { remaining, unit, measuredAtMs: report.measuredAtMs, unverified }
    const assessment = levels.assess(deviceId, slot, measured, atMs)
    const { measuredAtMs, gatewayTime, mark, reason } = assessment
    const fromGateway = gatewayTime ? 1 : 0
    // biome-ignore format: one row's values, in the order of its columns
    const { lastInsertRowid } = insertReading.run(
      session.sessionKey, seq, kind, measuredAtMs, fromGateway, atMs, slot, remaining, mark, reason, body,
    )
    levels.accept(deviceId, slot, measured, assessment, Number(lastInsertRowid), atMs)
  }

  function save(incoming: Incoming, atMs: number): void {
    switch (incoming.kind) {
      case 'report':
        saveReport(incoming.report, atMs)
        return
      case 'description':
        // Levels of this group that came before it were judged by the old description.
        levels.save()
        saveDescription(incoming.deviceId, incoming.description, atMs)
        levels.forget()
        return
      case 'status':
        setStatus.run(incoming.status, atMs, incoming.deviceId)
        return
      case 'broker-state':
        brokerState.apply(incoming.changes)
        return
      case 'dead-letter':
        insertDeadLetter.run(incoming.deviceId ?? null, incoming.topic, incoming.payload, incoming.reason, atMs)
        if (incoming.report !== undefined && incoming.deviceId !== undefined) {
          markStored(marks.of(incoming.deviceId, incoming.report.session, atMs), incoming.report.seq)
        }
        return
    }
  }

  const commitGroup = db.transaction((group: Incoming[], atMs: number): Session[] => {
    levels.begin()
    for (const incoming of group) save(incoming, atMs)
    if (group.some((incoming) => incoming.kind === 'dead-letter')) trimDeadLetters.run()
    levels.save()
    const sessions = marks.save(atMs)
    levels.end()
    return sessions
  })

  db.prepare(`UPDATE devices SET status = 'offline' WHERE status = 'online'`).run()

  return {
    // async, so that a fault is a rejection; the work itself is done when it returns
    async commit(group, receivedAtMs) {
      try {
        const sessions = commitGroup.immediate(group, receivedAtMs)
        return { receipts: sessions.flatMap(receiptsOf) }
      } catch (error) {
        marks.forget()
        levels.forget()
        throw error
      }
    },
  }
}

function receiptsOf(session: Session): { deviceId: string; session: string; seq: number }[] {
  const seq = receiptOf(session)
  return seq === undefined ? [] : [{ deviceId: session.deviceId, session: session.session, seq }]
}
