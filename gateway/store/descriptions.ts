import type { SlotDescription } from '../domain/level.ts'
import type { DeviceDescription } from '../ports/ingest.ts'
import type { Db } from './database.ts'

type SlotRow = { slot: string; description: string | null; suspended_reason: string }

/**
 * Keeps what a device says it is. A change that could alter what is bought (products, unit, capacity, firmware) suspends
 * buying until the owner confirms: a compromised device must not choose what the home pays for.
 */
export function descriptions(db: Db) {
  const findDevice = db.prepare<[string], { description: string | null }>(
    'SELECT description FROM devices WHERE device_id = ?',
  )
  const saveDevice = db.prepare('UPDATE devices SET description = ?, described_at_ms = ? WHERE device_id = ?')
  const findSlots = db.prepare<[string], SlotRow>(
    'SELECT slot, description, suspended_reason FROM slots WHERE device_id = ?',
  )
  const insertSlot = db.prepare('INSERT INTO slots (device_id, slot, description, evaluate) VALUES (?, ?, ?, 1)')
  const saveSlot = db.prepare(
    'UPDATE slots SET description = ?, suspended_reason = ?, evaluate = 1 WHERE device_id = ? AND slot = ?',
  )
  // Of the readings to come: those that are stored were measured the old way.
  const insertMeasure = db.prepare(
    `INSERT OR REPLACE INTO slot_measures (device_id, slot, from_reading_id, unit, capacity, direction)
     SELECT @deviceId, @slot, coalesce(max(reading_id), 0) + 1, @unit, @capacity, @degradationDirection FROM readings`,
  )
  const forgetLevels = db.prepare(
    `UPDATE slots SET verified_remaining = NULL, verified_at_ms = NULL, lowest_remaining = NULL, stuck_remaining = NULL,
            fallen_remaining = NULL, mark = 'unknown',
            mark_reason = 'The slot was described anew: it waits for its next level.'
     WHERE device_id = ? AND slot = ?`,
  )

  function measure(deviceId: string, { slot, unit, capacity, degradationDirection }: SlotDescription): void {
    insertMeasure.run({ deviceId, slot, unit, capacity, degradationDirection })
  }

  return function saveDescription(deviceId: string, description: DeviceDescription, atMs: number): void {
    const row = findDevice.get(deviceId)
    const json = JSON.stringify(description)
    if (row === undefined || row.description === json) return
    saveDevice.run(json, atMs, deviceId)
    const before = row.description === null ? undefined : (JSON.parse(row.description) as DeviceDescription)
    const firmwareReason = before === undefined ? '' : firmwareChange(before, description)

    const known = new Map(findSlots.all(deviceId).map((slot) => [slot.slot, slot]))
    for (const slot of description.slots) {
      const old = known.get(slot.slot)
      known.delete(slot.slot)
      const slotJson = JSON.stringify(slot)
      if (old === undefined) {
        insertSlot.run(deviceId, slot.slot, slotJson)
        measure(deviceId, slot)
        continue
      }
      const oldSlot = old.description === null ? undefined : (JSON.parse(old.description) as SlotDescription)
      const change = oldSlot === undefined ? '' : slotChange(oldSlot, slot)
      saveSlot.run(slotJson, change || old.suspended_reason || firmwareReason, deviceId, slot.slot)
      if (oldSlot === undefined || !sameMeasure(oldSlot, slot)) measure(deviceId, slot)
      if (oldSlot !== undefined && !sameMeasure(oldSlot, slot)) forgetLevels.run(deviceId, slot.slot)
    }
    for (const gone of known.values()) {
      if (gone.description !== null) {
        saveSlot.run(null, 'the device no longer describes this slot', deviceId, gone.slot)
      }
    }
  }
}

function slotChange(before: SlotDescription, after: SlotDescription): string {
  if (JSON.stringify(before.replacementProducts) !== JSON.stringify(after.replacementProducts)) {
    return 'the device changed its product list: look at it, then confirm it with `adept device confirm`'
  }
  if (!sameMeasure(before, after)) {
    return 'the device changed its unit or capacity: look at it, then confirm it with `adept device confirm`'
  }
  return ''
}

function sameMeasure(before: SlotDescription, after: SlotDescription): boolean {
  return (
    before.unit === after.unit &&
    before.capacity === after.capacity &&
    before.degradationDirection === after.degradationDirection
  )
}

function firmwareChange(before: DeviceDescription, after: DeviceDescription): string {
  const same =
    before.firmware?.version === after.firmware?.version && before.firmware?.sha256 === after.firmware?.sha256
  return same ? '' : 'the firmware changed: if you expected that, confirm it with `adept device confirm`'
}
