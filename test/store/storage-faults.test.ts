import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type StorageWatch, storageWatch } from '../../gateway/ingest/storage-watch.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { storageProblem } from '../../gateway/lib/storage-problem.ts'
import { DamagedDatabase, damageOf, noteBackup } from '../../gateway/store/damage.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteStorageLog } from '../../gateway/store/health.ts'

const PAGE_BYTES = 4096
const MINUTE_MS = 60_000

let folder: string
let file: string
let db: Db
let clock: ManualClock
let damaged: number
let watch: StorageWatch
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'storage-'))
  file = join(folder, 'gateway.db')
  db = openDatabase(file, 'gateway')
  db.exec(`INSERT INTO homes (home_id, time_zone) VALUES ('one', 'UTC'), ('two', 'UTC')`)
  clock = new ManualClock(1_000_000)
  damaged = 0
  watch = storageWatch({ store: sqliteStorageLog(db, []), clock, onDamaged: () => damaged++ })
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

/** What SQLite throws when its file may not grow, as on a full disk. */
function errorOfFullDisk(): unknown {
  const pages = db.pragma('page_count', { simple: true })
  db.pragma(`max_page_count = ${pages}`)
  try {
    db.prepare('INSERT INTO dead_letters (topic, payload, reason, received_at_ms) VALUES (?, ?, ?, 0)').run(
      't',
      Buffer.alloc(100 * PAGE_BYTES),
      'r',
    )
  } catch (error) {
    return error
  } finally {
    db.pragma('max_page_count = 1000000')
  }
  throw new Error('It did fit.')
}

/** Overwrites the first page of a table. */
function spoil(table: string): void {
  db.pragma('wal_checkpoint(TRUNCATE)')
  const page = db.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table)!
  const handle = openSync(file, 'r+')
  writeSync(handle, Buffer.alloc(PAGE_BYTES, 0x5a), 0, PAGE_BYTES, (page - 1) * PAGE_BYTES)
  closeSync(handle)
}

const told = () => db.prepare<[], { home_id: string; text: string }>('SELECT home_id, text FROM notifications').all()

it('says why nothing is stored, has the stages rest, and tells every home once it can be written again', async () => {
  const other = new Database(file, { timeout: 0 })
  const stage = watch.resting({ name: 'a stage', step: async () => ({ worked: true }) })
  expect(await stage.step()).toEqual({ worked: true })
  watch.refused(storageProblem(errorOfFullDisk())!)
  db.pragma('busy_timeout = 0')
  other.exec('BEGIN IMMEDIATE')
  expect(await stage.step()).toEqual({ worked: false })
  clock.set(clock.nowMs() + 5 * MINUTE_MS)
  await watch.worker.step()
  expect(() => watch.check()).toThrow('Another program holds the database: end that.')

  other.close()
  expect(told()).toEqual([])
  expect(await watch.worker.step()).toEqual({ worked: true })
  expect(await stage.step()).toEqual({ worked: true })
  expect(() => watch.check()).not.toThrow()
  const text = expect.stringMatching(/^For 5 minutes the gateway could not store everything\. Another program holds/)
  expect(told()).toEqual([
    { home_id: 'one', text },
    { home_id: 'two', text },
  ])
})

it('is not ready for a moment after each fault, and tells of those that follow one another together', async () => {
  const full = storageProblem(errorOfFullDisk())!
  expect(full.kind).toBe('full')
  watch.refused(full)
  await watch.worker.step()
  watch.refused(full)
  await watch.worker.step()
  // Small writes succeed where large ones do not.
  expect(() => watch.check()).toThrow('The disk is full: make room on it.')
  expect(told()).toHaveLength(2)
  clock.set(clock.nowMs() + 9 * MINUTE_MS)
  await watch.worker.step()
  expect(() => watch.check()).not.toThrow()
  expect(told()).toHaveLength(2)
  clock.set(clock.nowMs() + MINUTE_MS)
  await watch.worker.step()
  expect(told()).toHaveLength(4)
})

it('does not bother the homeowner with a short wait for a lock, nor with faults of others', async () => {
  watch.hear(Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' }))
  expect(() => watch.check()).toThrow(/Another program/)
  await watch.worker.step()
  expect(told()).toEqual([])
  watch.hear(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
  watch.hear('no error')
  expect(() => watch.check()).not.toThrow()
})

it('tells of a start that had to wait', async () => {
  const error = new Error('no start', { cause: Object.assign(new Error('read-only'), { code: 'EROFS' }) })
  const failedBefore = { atMs: clock.nowMs() - 30 * MINUTE_MS, error }
  const later = storageWatch({ store: sqliteStorageLog(db, []), clock, onDamaged: () => damaged++, failedBefore })
  await later.worker.step()
  expect(told()[0]?.text).toMatch(/^For 30 minutes .* can only be read/)
})

it('ends the gateway when a page turns out to be damaged', () => {
  spoil('mandates')
  const reader = new Database(file)
  try {
    reader.prepare('SELECT * FROM mandates').all()
  } catch (error) {
    watch.hear(error)
  }
  reader.close()
  expect(damaged).toBe(1)
})

it('refuses to start on a damaged database, leaves it alone, and names what it can go back to', () => {
  noteBackup(folder, { file: join(folder, 'home.backup'), madeAtMs: Date.UTC(2026, 10, 20, 10) })
  writeFileSync(`${file}.v3`, 'a copy')
  spoil('orders')
  const before = readFileSync(file)
  const refusal = () => openDatabase(file, 'gateway', { check: true })
  expect(refusal).toThrow(DamagedDatabase)
  expect(refusal).toThrow(/is damaged, and was left as it is.*\(of 2026-11-20 10:00 UTC, once in .*home\.backup\)/)
  expect(refusal).toThrow(/`adept restore .*gateway\.db\.v3 --data .*`\. Found: /)
  writeFileSync(join(folder, 'home.backup'), 'a backup')
  expect(refusal).toThrow(/newest backup, of 2026-11-20 10:00 UTC: `adept restore .*home\.backup --passphrase-file/)
  expect(readFileSync(file)).toEqual(before)
})

it('looks at all of a small file, and at all but the readings of a large one', () => {
  const found = (maxBytes: number) => {
    const reader = new Database(file)
    try {
      return damageOf(reader, maxBytes)
    } finally {
      reader.close()
    }
  }
  expect(found(1)).toBeUndefined()
  spoil('readings')
  expect(found(2 ** 30)).toMatch(/page/)
  expect(found(1)).toBeUndefined()
  spoil('orders')
  expect(found(1)).toMatch(/^table orders: /)
})
