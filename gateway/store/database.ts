import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

export type Db = Database.Database

/** How long a write waits for another process that holds the lock, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens a SQLite file in WAL mode with `synchronous = FULL`, so that a commit is on disk when it returns, and brings its
 * schema up to date with the numbered files of `migrations/<schema>/`. Throws a sentence when the file was written by a newer version.
 */
export function openDatabase(file: string, schema: 'gateway' | 'merchant'): Db {
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    migrate(db, file, schema)
    return db
  } catch (error) {
    db.close()
    throw error
  }
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
  for (const [index, name] of migrations.entries()) {
    if (index < version) continue
    db.transaction(() => {
      db.exec(readFileSync(join(folder, name), 'utf8'))
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}
