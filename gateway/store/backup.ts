import { closeSync, copyFileSync, existsSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { moveDurably } from '../lib/files.ts'
import { openDatabase } from './database.ts'
import { markRestored } from './restored.ts'

/** How long a copy waits for the end of another process's commit. */
const BUSY_TIMEOUT_MS = 5_000
const FORMAT = 1

const BackupInfo = z.strictObject({
  format: z.int().positive(),
  /** Version of the gateway that made it. */
  program: z.string(),
  madeAtMs: z.int(),
  /** Of the key that is derived from the passphrase, in hex. */
  salt: z.string().regex(/^[0-9a-f]{32}$/),
})
export type BackupInfo = z.infer<typeof BackupInfo>
/** A file of the data folder, sealed. */
export type BackupFile = { name: string; sealed: Uint8Array }
export type Backup = { info: BackupInfo; files: BackupFile[] }

/**
 * Copies a database, in use or not, into one file together with the other files of its folder: one moment of it, checked, and
 * complete when it has its name. `files` are read after the database is copied: none is older than it.
 */
export function makeBackup(
  databaseFile: string,
  target: string,
  info: Omit<BackupInfo, 'format'>,
  files: () => BackupFile[],
): void {
  const temporary = `${target}.new`
  rmSync(temporary, { force: true })
  try {
    // Empty and closed to others before anything is in it.
    closeSync(openSync(temporary, 'wx', 0o600))
    const source = new Database(databaseFile, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
    try {
      // One read transaction: unlike a copy page by page it needs no second beginning when somebody writes meanwhile.
      source.prepare('VACUUM INTO ?').run(temporary)
    } finally {
      source.close()
    }
    const copy = new Database(temporary)
    try {
      copy.transaction(() => {
        copy.exec(
          'CREATE TABLE backup_info (info TEXT NOT NULL); CREATE TABLE backup_files (name TEXT PRIMARY KEY, sealed BLOB)',
        )
        copy.prepare('INSERT INTO backup_info VALUES (?)').run(JSON.stringify({ format: FORMAT, ...info }))
        const insert = copy.prepare('INSERT INTO backup_files VALUES (?, ?)')
        for (const { name, sealed } of files()) insert.run(name, sealed)
      })()
      // Read later from a disk that perhaps cannot be written to.
      copy.pragma('journal_mode = DELETE')
      const check = copy.pragma('quick_check', { simple: true })
      if (check !== 'ok') throw new Error(`The copy of ${databaseFile} is damaged: ${check}.`)
    } finally {
      copy.close()
    }
    moveDurably(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Throws a sentence when the file is no backup, is damaged, or was made by a newer version. */
export function readBackup(file: string): Backup {
  let db: Database.Database | undefined
  try {
    db = new Database(file, { readonly: true, fileMustExist: true })
    const check = db.pragma('quick_check', { simple: true })
    if (check !== 'ok') throw new Error(`${file} is damaged: ${check}. Take another backup.`)
    const info = BackupInfo.parse(
      JSON.parse(db.prepare<[], string>('SELECT info FROM backup_info').pluck().get() ?? ''),
    )
    if (info.format > FORMAT)
      throw new Error(`${file} was made by the newer version ${info.program}: restore it with that.`)
    return { info, files: db.prepare<[], BackupFile>('SELECT name, sealed FROM backup_files ORDER BY name').all() }
  } catch (error) {
    if (!(error instanceof Database.SqliteError || error instanceof z.ZodError || error instanceof SyntaxError))
      throw error
    throw new Error(`${file} is no backup of a gateway, or it is damaged.`, { cause: error })
  } finally {
    db?.close()
  }
}

/**
 * Makes the database of a backup that of a new gateway, which has its name only when all is done: brought up to date, and
 * with nothing in it that would be bought or sent a second time. Resolves to how many orders were given up.
 */
export function restoreDatabase(backupFile: string, databaseFile: string, madeAtMs: number, nowMs: number): number {
  const temporary = `${databaseFile}.new`
  removeAll(temporary)
  copyFileSync(backupFile, temporary)
  const db = openDatabase(temporary, 'gateway')
  let dropped: number
  try {
    db.exec('DROP TABLE IF EXISTS backup_info; DROP TABLE IF EXISTS backup_files')
    dropped = markRestored(db, madeAtMs, nowMs)
    // All in one file, so that the rename takes all of it along.
    db.pragma('journal_mode = DELETE')
  } finally {
    db.close()
  }
  moveDurably(temporary, databaseFile)
  removeAll(temporary)
  return dropped
}

/**
 * Puts the copy that an update left (database.ts) in the place of a database, which is kept under another name: brought up to
 * date, and with nothing in it that would be bought or sent a second time. Throws a sentence when the copy is damaged.
 */
export function restoreCopy(
  copy: { file: string; madeAtMs: number },
  databaseFile: string,
  nowMs: number,
): { aside: string; dropped: number } {
  const check = new Database(copy.file, { readonly: true })
  try {
    const answer = check.pragma('quick_check', { simple: true })
    if (answer !== 'ok') throw new Error(`${copy.file} is damaged, too: ${answer}. Restore a backup.`)
  } finally {
    check.close()
  }
  const aside = `${databaseFile}.damaged-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '')}`
  moveWithLog(databaseFile, aside)
  try {
    return { aside, dropped: restoreDatabase(copy.file, databaseFile, copy.madeAtMs, nowMs) }
  } catch (error) {
    // Without a database the next start would make a new, empty one.
    moveWithLog(aside, databaseFile)
    throw error
  }
}

function moveWithLog(from: string, to: string): void {
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix)
  }
}

/** A file with those beside it: its log, and the copy that a change of its schema leaves. */
function removeAll(file: string): void {
  for (const name of readdirSync(dirname(file))) {
    if (name.startsWith(basename(file))) rmSync(join(dirname(file), name))
  }
}
