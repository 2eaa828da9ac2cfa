import type { SlotDescription, Unit } from '../domain/level.ts'
import {
  type Assessment,
  assessLevel,
  historyAfter,
  type MeasuredLevel,
  type SlotHistory,
} from '../domain/plausibility.ts'
import type { Db } from './database.ts'
import { refillEvidence } from './refill-evidence.ts'

type SlotRow = {
  description: string | null
  remaining: number | null
  unit: Unit | null
  mark: 'verified' | 'unverified' | 'unknown'
  mark_reason: string
  measured_at_ms: number | null
  verified_remaining: number | null
  verified_at_ms: number | null
  lowest_remaining: number | null
  stuck_remaining: number | null
  fallen_remaining: number | null
}

type LoadedSlot = {
  deviceId: string
  slot: string
  description: SlotDescription | undefined
  history: SlotHistory
  /** What this group does to the row; undefined: nothing. */
  level: { markReason: string; readingId: number; refillAtMs: number | null } | undefined
}

/** Slots described since the process began, parsed once; a changed description is another key. */
const MAX_PARSED_DESCRIPTIONS = 1024
/** Slots kept in memory; each is read again from its row when it is needed. */
const MAX_LOADED_SLOTS = 4096

/**
 * Judges levels and keeps each slot's latest one: written once per slot and group, and read again only after somebody else
 * has written to the database, for these rows are not the intake's alone.
 */
export function slotLevels(db: Db) {
  const find = db.prepare<[string, string], SlotRow>(
    `SELECT description, remaining, unit, mark, mark_reason, measured_at_ms, verified_remaining, verified_at_ms,
            lowest_remaining, stuck_remaining, fallen_remaining
     FROM slots WHERE device_id = ? AND slot = ?`,
  )
  const update = db.prepare(
    `UPDATE slots SET remaining = ?, unit = ?, mark = ?, mark_reason = ?, measured_at_ms = ?, reading_id = ?,
            verified_remaining = ?, verified_at_ms = ?, lowest_remaining = ?,
            last_refill_at_ms = coalesce(?, last_refill_at_ms), low_told = iif(? IS NULL, low_told, 0), evaluate = 1,
            stuck_remaining = ?, fallen_remaining = ?
     WHERE device_id = ? AND slot = ?`,
  )
  const refills = refillEvidence(db)

  // Of this connection, and of all others.
  const writes = db.prepare<[], number>('SELECT total_changes()').pluck()
  const commits = db.prepare<[], number>('SELECT data_version FROM pragma_data_version').pluck()
  let writesSeen = 0
  let commitsSeen = 0

  const loaded = new Map<string, LoadedSlot>()
  const parsed = new Map<string, SlotDescription>()

  function describe(json: string): SlotDescription {
    let description = parsed.get(json)
    if (description === undefined) {
      description = JSON.parse(json) as SlotDescription
      if (parsed.size >= MAX_PARSED_DESCRIPTIONS) parsed.clear()
      parsed.set(json, description)
    }
    return description
  }

  function load(deviceId: string, slot: string): LoadedSlot {
    const key = `${deviceId}/${slot}`
    let known = loaded.get(key)
    if (known === undefined) {
      const row = find.get(deviceId, slot)
      const description = row?.description ? describe(row.description) : undefined
      known = { deviceId, slot, description, history: historyOf(row), level: undefined }
      loaded.set(key, known)
    }
    return known
  }

  function recordRefill(known: LoadedSlot, assessment: Assessment, report: MeasuredLevel, nowMs: number): void {
    const before = known.history.verified?.remaining
    const detail = `${known.deviceId} saw ${known.slot} rise from ${before} to ${report.remaining} ${report.unit}.`
    refills.seen(known.deviceId, known.slot, { refilledAtMs: assessment.measuredAtMs, detail }, nowMs)
  }

  return {
    /** At the begin of each group. */
    begin(): void {
      const commitsNow = commits.get()!
      if (writes.get() !== writesSeen || commitsNow !== commitsSeen || loaded.size > MAX_LOADED_SLOTS) loaded.clear()
      commitsSeen = commitsNow
    },
    assess(deviceId: string, slot: string, report: MeasuredLevel, nowMs: number): Assessment {
      const known = load(deviceId, slot)
      return assessLevel(known.history, report, known.description, nowMs)
    },
    /** Takes the judged level into the slot; an evidence row for a refill while goods are under way. */
    accept(
      deviceId: string,
      slot: string,
      report: MeasuredLevel,
      assessment: Assessment,
      readingId: number,
      nowMs: number,
    ): void {
      if (!assessment.latest) return
      const known = load(deviceId, slot)
      if (assessment.refill) recordRefill(known, assessment, report, nowMs)
      known.history = historyAfter(known.history, report, assessment, known.description)
      known.level = {
        markReason: assessment.reason,
        readingId,
        refillAtMs: assessment.refill ? assessment.measuredAtMs : (known.level?.refillAtMs ?? null),
      }
    },
    /** Writes each slot that changed. */
    save(): void {
      for (const known of loaded.values()) {
        const { deviceId, slot, history, level } = known
        if (level === undefined) continue
        const { latest, verified, lowest, stuckAt, fallenTo } = history
        update.run(
          ...[latest!.remaining, latest!.unit, latest!.mark, level.markReason, latest!.measuredAtMs, level.readingId],
          ...[verified?.remaining ?? null, verified?.measuredAtMs ?? null, lowest ?? null],
          ...[level.refillAtMs, level.refillAtMs, stuckAt ?? null, fallenTo ?? null, deviceId, slot],
        )
        known.level = undefined
      }
    },
    /** After the last write of a group. */
    end(): void {
      writesSeen = writes.get()!
    },
    forget(): void {
      loaded.clear()
    },
  }
}

function historyOf(row: SlotRow | undefined): SlotHistory {
  if (row === undefined) return { latest: undefined, verified: undefined, lowest: undefined }
  const { remaining, unit, mark, measured_at_ms, verified_remaining, verified_at_ms, lowest_remaining } = row
  return {
    latest:
      remaining === null || unit === null || measured_at_ms === null
        ? undefined
        : { remaining, unit, mark, measuredAtMs: measured_at_ms },
    verified:
      verified_remaining === null || verified_at_ms === null
        ? undefined
        : { remaining: verified_remaining, measuredAtMs: verified_at_ms },
    lowest: lowest_remaining ?? undefined,
    stuckAt: row.stuck_remaining ?? undefined,
    fallenTo: row.fallen_remaining ?? undefined,
  }
}
