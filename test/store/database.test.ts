import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from '../../gateway/store/database.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'database-'))
  file = join(folder, 'gateway.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('makes commits durable, and migrates a new file once', () => {
  openDatabase(file, 'gateway').close()
  const db = openDatabase(file, 'gateway')
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(db.pragma('synchronous', { simple: true })).toBe(2)
  expect(db.pragma('user_version', { simple: true })).toBeGreaterThan(0)
  db.close()
})

it('refuses the schema of a newer version with a sentence, and leaves the file alone', () => {
  openDatabase(file, 'gateway').close()
  const newer = new Database(file)
  newer.pragma('user_version = 999')
  newer.close()
  expect(() => openDatabase(file, 'gateway')).toThrow(/schema version 999.*knows only up to.*restore a backup/s)
  const untouched = new Database(file)
  expect(untouched.pragma('user_version', { simple: true })).toBe(999)
  untouched.close()
})

it('keeps a copy of what a new version is about to change, and only the newest', () => {
  const migrations = join(import.meta.dirname, '../../gateway/store/migrations/gateway')
  const landed = readdirSync(migrations).sort()
  const version = landed.length - 1
  const older = new Database(file)
  for (const name of landed.slice(0, version)) older.exec(readFileSync(join(migrations, name), 'utf8'))
  older.exec(`INSERT INTO homes VALUES ('home', 'UTC')`)
  older.pragma(`user_version = ${version}`)
  older.close()
  writeFileSync(`${file}.v1`, 'an older copy')
  openDatabase(file, 'gateway').close()
  expect(readdirSync(folder).sort()).toEqual(['gateway.db', `gateway.db.v${version}`])
  const copy = new Database(`${file}.v${version}`, { readonly: true })
  expect(copy.pragma('user_version', { simple: true })).toBe(version)
  expect(copy.prepare('SELECT home_id FROM homes').get()).toEqual({ home_id: 'home' })
  copy.close()
  openDatabase(file, 'gateway').close()
  expect(statSync(`${file}.v${version}`).mode & 0o777).toBe(0o600)
})

it('says what to do about a file that cannot be opened, and leaves it alone', () => {
  writeFileSync(file, 'no database')
  expect(() => openDatabase(file, 'gateway')).toThrow(
    /gateway\.db is damaged, and was left as it is.*Found: file is not a database/,
  )
  expect(readFileSync(file, 'utf8')).toBe('no database')
  mkdirSync(join(folder, 'folder.db'))
  expect(() => openDatabase(join(folder, 'folder.db'), 'gateway')).toThrow(
    /folder\.db cannot be used: .*must be a file/,
  )
})

it('takes one open order per slot, and a second only after the first has ended', () => {
  const db = openDatabase(file, 'gateway')
  db.prepare(`INSERT INTO homes VALUES ('home', 'UTC')`).run()
  const insert = db.prepare(
    `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons)
     VALUES (?, 'home', 'washer-1', 'detergent', '04006381333931', 1, 'auto', 'needed', 0, 1, 0, '[]')`,
  )
  insert.run('first')
  expect(() => insert.run('second')).toThrow(/UNIQUE/)
  db.prepare(`UPDATE orders SET state = 'completed'`).run()
  expect(insert.run('second').changes).toBe(1)
  db.close()
})
