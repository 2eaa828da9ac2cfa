import type { Address } from '../domain/identifiers.ts'
import type { Level, SlotDescription } from '../domain/level.ts'
import type { Mode } from '../domain/order.ts'
import { printable } from '../lib/printable.ts'
import type { DeviceStore, DeviceView, SlotView } from '../ports/devices.ts'
import type { DeviceDescription } from '../ports/ingest.ts'
import { type Db, inOneTransaction } from './database.ts'
import { READING_KINDS } from './intake.ts'
import { newDevices } from './onboarding.ts'

/** Readings of one device are looked for among the newest of all: about 50 ms at most, and no index that slows intake. */
const READINGS_SEARCHED = 200_000
const PAYLOAD_TEXT_LENGTH = 2_000

type DeviceRow = {
  device_id: string
  home_id: string
  key_address: string
  added_at_ms: number
  status: 'online' | 'offline'
  status_at_ms: number | null
  description: string | null
}
type SlotRow = {
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
}
type ReadingRow = {
  reading_id: number
  session: string
  seq: number
  kind: number
  measured_at_ms: number
  gateway_time: number
  received_at_ms: number
  mark: Level['mark'] | null
  mark_reason: string | null
  body: string
}

export function sqliteDeviceStore(db: Db): DeviceStore {
  const insert = newDevices(db)
  const credentials = db.prepare<
    [string],
    { home_id: string; secret_sha256: Buffer; certificate_sha256: Buffer | null; may_pair: number }
  >(
    `SELECT home_id, secret_sha256, certificate_sha256, may_pair FROM devices
     WHERE device_id = ? AND removed_at_ms IS NULL`,
  )
  const sealedKey = db.prepare<[string], { key_sealed: Buffer }>('SELECT key_sealed FROM devices WHERE device_id = ?')
  const all = db.prepare<[string], DeviceRow>(
    'SELECT * FROM devices WHERE home_id = ? AND removed_at_ms IS NULL ORDER BY device_id',
  )
  const one = db.prepare<[string, string], DeviceRow>(
    'SELECT * FROM devices WHERE home_id = ? AND device_id = ? AND removed_at_ms IS NULL',
  )
  const slotsOf = db.prepare<[string], SlotRow>('SELECT * FROM slots WHERE device_id = ? ORDER BY slot')
  const lastDecision = db.prepare<[string, string], { reasons: string }>(
    'SELECT reasons FROM decisions WHERE device_id = ? AND slot = ? ORDER BY decision_id DESC LIMIT 1',
  )
  const confirmSlots = db.prepare<[Mode, number, string, string, string | null, string | null], { slot: string }>(
    `UPDATE slots SET mode = ?, confirmed_at_ms = ?, suspended_reason = '', evaluate = 1
     WHERE device_id = (SELECT device_id FROM devices WHERE home_id = ? AND device_id = ? AND removed_at_ms IS NULL)
       AND description IS NOT NULL AND (? IS NULL OR slot = ?)
     RETURNING slot`,
  )
  const readingsOf = db.prepare<[string, string, number, number], ReadingRow>(
    `SELECT reading_id, session, seq, kind, measured_at_ms, gateway_time, received_at_ms, mark, mark_reason, body
     FROM readings JOIN sessions USING (session_key)
     WHERE device_id = (SELECT device_id FROM devices WHERE home_id = ? AND device_id = ?)
       AND reading_id > (SELECT max(reading_id) FROM readings) - ?
     ORDER BY reading_id DESC LIMIT ?`,
  )
  const newestDeadLetters = db.prepare<
    [string, number],
    {
      dead_letter_id: number
      device_id: string | null
      topic: string
      /** SQLite gives null for the beginning of an empty one. */
      payload: Buffer | null
      reason: string
      received_at_ms: number
    }
  >(
    `SELECT dead_letter_id, device_id, topic, substr(payload, 1, ${PAYLOAD_TEXT_LENGTH}) AS payload, reason, received_at_ms
     FROM dead_letters
     WHERE device_id IS NULL OR device_id IN (SELECT device_id FROM devices WHERE home_id = ?)
     ORDER BY dead_letter_id DESC LIMIT ?`,
  )

  const view = (row: DeviceRow): DeviceView => {
    const description = row.description === null ? undefined : (JSON.parse(row.description) as DeviceDescription)
    return {
      deviceId: row.device_id,
      homeId: row.home_id,
      status: row.status,
      statusAtMs: row.status_at_ms ?? undefined,
      addedAtMs: row.added_at_ms,
      maker: description?.maker,
      model: description?.model,
      keyAddress: row.key_address as Address,
      slots: slotsOf.all(row.device_id).map((slot) => slotView(slot, lastDecision.get(row.device_id, slot.slot))),
    }
  }

  return {
    add: inOneTransaction(db, (device, atMs) => insert(device, atMs)),
    async credentialsOf(deviceId) {
      const row = credentials.get(deviceId)
      return (
        row && {
          homeId: row.home_id,
          secretSha256: row.secret_sha256,
          certificateSha256: row.certificate_sha256 ?? undefined,
          mayPair: row.may_pair === 1,
        }
      )
    },
    async sealedKeyOf(deviceId) {
      return sealedKey.get(deviceId)?.key_sealed
    },
    async list(homeId) {
      return all.all(homeId).map(view)
    },
    async get(homeId, deviceId) {
      const row = one.get(homeId, deviceId)
      return row === undefined ? undefined : view(row)
    },
    async confirm(homeId, deviceId, slot, mode, atMs) {
      const rows = confirmSlots.all(mode, atMs, homeId, deviceId, slot ?? null, slot ?? null)
      return rows.map((row) => row.slot).sort()
    },
    async readings(homeId, deviceId, limit) {
      return readingsOf.all(homeId, deviceId, READINGS_SEARCHED, limit).map((row) => ({
        readingId: row.reading_id,
        deviceId,
        session: row.session,
        seq: row.seq,
        kind: READING_KINDS[row.kind]!,
        measuredAtMs: row.measured_at_ms,
        gatewayTime: row.gateway_time === 1,
        receivedAtMs: row.received_at_ms,
        mark: row.mark ?? undefined,
        markReason: row.mark_reason ?? undefined,
        body: JSON.parse(row.body) as unknown,
      }))
    },
    async deadLetters(homeId, limit) {
      return newestDeadLetters.all(homeId, limit).map((row) => ({
        deadLetterId: row.dead_letter_id,
        deviceId: row.device_id ?? undefined,
        topic: row.topic,
        payloadText: printable(row.payload?.toString() ?? '').slice(0, PAYLOAD_TEXT_LENGTH),
        reason: row.reason,
        receivedAtMs: row.received_at_ms,
      }))
    },
  }
}

function slotView(row: SlotRow, decision: { reasons: string } | undefined): SlotView {
  const { remaining, unit, mark, measured_at_ms } = row
  const description = row.description === null ? undefined : (JSON.parse(row.description) as SlotDescription)
  return {
    slot: row.slot,
    description,
    mode: row.mode,
    confirmed: row.confirmed_at_ms !== null,
    suspendedReason: row.suspended_reason,
    level:
      remaining === null || unit === null || measured_at_ms === null
        ? undefined
        : { remaining, unit, mark, markReason: row.mark_reason, measuredAtMs: measured_at_ms },
    lastDecision:
      decision === undefined || isHalfFull(remaining, description)
        ? undefined
        : (JSON.parse(decision.reasons) as string[]).join(' '),
  }
}

function isHalfFull(remaining: number | null, description: SlotDescription | undefined): boolean {
  if (remaining === null || description === undefined) return false
  const { capacity, degradationDirection } = description
  return (degradationDirection === 'up' ? capacity - remaining : remaining) >= capacity / 2
}
