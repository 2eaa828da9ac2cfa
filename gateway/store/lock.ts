import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A lock nobody names any more would be closed by the garbage collector, and another process could have the folder. */
const held = new Set<Database.Database>()

/**
 * Takes a data folder for this process alone, until `release` or its end, however it ends: two processes on one folder would
 * send with the same keys and nonces. Throws a sentence when another one has it.
 */
export function lockFolder(folder: string, what: string): { release(): void } {
  const lock = new Database(join(folder, 'lock.db'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!(error instanceof Database.SqliteError) || error.code !== 'SQLITE_BUSY') throw error
    throw new Error(`${what} already runs on the data folder ${folder}: stop it first, or name another with --data.`)
  }
  held.add(lock)
  return {
    release: () => {
      held.delete(lock)
      lock.close()
    },
  }
}
