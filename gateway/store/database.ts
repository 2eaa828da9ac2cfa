import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { moveDurably } from '../lib/files.ts'
import { storageProblem } from '../lib/storage-problem.ts'
import { CHECKED_AT_START_BYTES, DamagedDatabase, damageAdvice, damageOf } from './damage.ts'

export type Db = Database.Database

/** How long a write waits for another process that holds the lock, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Pages in the write-ahead log (16 MiB) before they are copied into the database; SQLite's 1,000 made every hundredth commit
 * of the rules wait 10 ms and more.
 */
const CHECKPOINT_PAGES = 4_000

/**
 * Opens a SQLite file in WAL mode with `synchronous = FULL`, so that a commit is on disk when it returns, and brings its
 * schema up to date with the numbered files of `migrations/<schema>/`. Throws a sentence when the file cannot be used, or was
 * written by a newer version; with `check` also when a page of it is damaged.
 */
export function openDatabase(file: string, schema: 'gateway' | 'merchant', { check = false } = {}): Db {
  let db: Db | undefined
  try {
    db = new Database(file, { timeout: BUSY_TIMEOUT_MS })
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    if (check) refuseDamage(db)
    migrate(db, file, schema)
    return db
  } catch (error) {
    db?.close()
    throw withAdvice(error, file, schema)
  }
}

function refuseDamage(db: Db): void {
  const damage = damageOf(db, CHECKED_AT_START_BYTES)
  if (damage !== undefined) throw new DamagedDatabase(`${damageAdvice(dirname(db.name))} Found: ${damage}.`)
}

const ADVICE: Record<string, string> = {
  SQLITE_CANTOPEN: 'It must be a file, in a folder that this user may write to',
  SQLITE_READONLY: 'This user must be allowed to write to it and to its folder',
  SQLITE_NOTADB: 'Move it away and restore your backup; without the file a start makes a new, empty one',
  SQLITE_CORRUPT: 'Move it away and restore your backup',
  SQLITE_BUSY: 'Another program holds it: end that first',
  SQLITE_FULL: 'The disk is full: make room on it',
}

function withAdvice(error: unknown, file: string, schema: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error
  if (schema === 'gateway' && storageProblem(error)?.kind === 'damaged')
    return new DamagedDatabase(`${damageAdvice(dirname(file))} Found: ${error.message}.`, { cause: error })
  // Some codes have a third part, such as SQLITE_READONLY_DIRECTORY.
  const advice = ADVICE[error.code.split('_', 2).join('_')]
  if (advice === undefined) return error
  return new Error(`The database ${file} cannot be used: ${error.message}. ${advice}.`, { cause: error })
}

/** Applies the migrations above the file's `user_version`, each in its own transaction. A landed migration is never edited. */
function migrate(db: Db, file: string, schema: string): void {
  const folder = join(import.meta.dirname, 'migrations', schema)
  const migrations = readdirSync(folder)
    .filter((name) => /^\d{3}-.*\.sql$/.test(name))
    .sort()
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > migrations.length) {
    throw new Error(
      `${file} has schema version ${version}, but this program knows only up to ${migrations.length}. ` +
        'Start the newer version that wrote it, or restore a backup made by this one.',
    )
  }
  if (version > 0 && version < migrations.length) keepCopy(db, file, version)
  for (const [index, name] of migrations.entries()) {
    if (index < version) continue
    db.transaction(() => {
      db.exec(readFileSync(join(folder, name), 'utf8'))
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}

/**
 * Keeps `<file>.v<version>`, the database as it was before a new version changed its schema: should that fail, the older program
 * goes on from it. In place of the copy before.
 */
function keepCopy(db: Db, file: string, version: number): void {
  const copy = `${file}.v${version}`
  const temporary = `${copy}.new`
  rmSync(temporary, { force: true })
  closeSync(openSync(temporary, 'wx', 0o600))
  db.prepare('VACUUM INTO ?').run(temporary)
  moveDurably(temporary, copy)
  const copies = `${basename(file)}.v`
  for (const name of readdirSync(dirname(file))) {
    if (name.startsWith(copies) && name !== basename(copy)) rmSync(join(dirname(file), name))
  }
}

/** Wraps a body of statements as an async method: all of it is committed, or nothing. */
export function inOneTransaction<Arguments extends unknown[], Result>(
  db: Db,
  body: (...args: Arguments) => Result,
): (...args: Arguments) => Promise<Result> {
  const run = db.transaction(body)
  return async (...args) => run.immediate(...args)
}

/**
 * The same for work that is only done again when it is lost: its commit does not wait for the disk (2 ms and more), and is on
 * disk with the next commit that does. A power cut takes it back whole, never half.
 */
export function inLaxTransaction<Arguments extends unknown[], Result>(
  db: Db,
  body: (...args: Arguments) => Result,
): (...args: Arguments) => Promise<Result> {
  const run = db.transaction(body)
  return async (...args) => {
    db.pragma('synchronous = NORMAL')
    try {
      return run.immediate(...args)
    } finally {
      db.pragma('synchronous = FULL')
    }
  }
}
