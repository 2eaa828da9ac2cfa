import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type Database from 'better-sqlite3'
import { z } from 'zod'
import { replaceFile } from '../lib/files.ts'

/** The database is broken: no second start mends that, a person must choose what it goes back to. */
export class DamagedDatabase extends Error {
  override name = 'DamagedDatabase'
}

/**
 * A look at every page of 137 MB, a million readings, takes 0.45 s (all in memory; a card that reads 40 MB/s makes it 3.5 s). Of a larger
 * file the start leaves out what may be lost without harm to money.
 */
export const CHECKED_AT_START_BYTES = 256 * 2 ** 20
const LARGE_TABLES = ['readings', 'readings_hourly']

/** What is broken in it, or undefined; of a file above `maxBytes` the tables of readings are left out. */
export function damageOf(db: Database.Database, maxBytes: number): string | undefined {
  if (statSync(db.name).size <= maxBytes) return findingOf(db.pragma('quick_check(1)', { simple: true }))
  const tables = db.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all()
  for (const table of tables.filter((name) => !LARGE_TABLES.includes(name))) {
    const finding = findingOf(db.pragma(`quick_check("${table}")`, { simple: true }))
    if (finding !== undefined) return `table ${table}: ${finding}`
  }
  return undefined
}

function findingOf(answer: unknown): string | undefined {
  if (answer === 'ok') return undefined
  return String(answer).replace('*** in database main ***', '').replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

const LastBackup = z.object({ file: z.string(), madeAtMs: z.int() })
const lastBackupFile = (dataFolder: string) => join(dataFolder, 'last-backup.json')

/** Notes where the newest backup of this folder is, for whoever needs it one day. */
export function noteBackup(dataFolder: string, backup: z.infer<typeof LastBackup>): void {
  replaceFile(lastBackupFile(dataFolder), JSON.stringify(backup))
}

/** The newest backup that was made here; its file may be gone since. */
export function lastBackup(dataFolder: string): z.infer<typeof LastBackup> | undefined {
  try {
    return LastBackup.parse(JSON.parse(readFileSync(lastBackupFile(dataFolder), 'utf8')))
  } catch {
    return undefined
  }
}

/** The copies that updates left of a database before they changed its schema, with their times. */
export function copiesOf(databaseFile: string): { file: string; madeAtMs: number }[] {
  const folder = dirname(databaseFile)
  const isCopy = (name: string) => name.startsWith(`${basename(databaseFile)}.v`) && /\.v\d+$/.test(name)
  return readdirSync(folder)
    .filter(isCopy)
    .map((name) => ({ file: join(folder, name), madeAtMs: statSync(join(folder, name)).mtimeMs }))
}

/** What a person does about a damaged database of this data folder. */
export function damageAdvice(dataFolder: string): string {
  const databaseFile = join(dataFolder, 'gateway.db')
  const backup = lastBackup(dataFolder)
  const isThere = backup !== undefined && existsSync(backup.file)
  const restore = (file: string) => `\`adept restore ${file} --passphrase-file <path> --data <new folder>\``
  const ways = [
    isThere
      ? `Restore the newest backup, of ${timeText(backup.madeAtMs)}: ${restore(backup.file)}.`
      : `Restore your newest backup${backup === undefined ? '' : ` (of ${timeText(backup.madeAtMs)}, once in ${backup.file})`}: ${restore('<file>')}.`,
    ...copiesOf(databaseFile).map(
      ({ file, madeAtMs }) =>
        `Or go back to the copy that an update made ${timeText(madeAtMs)}: \`adept restore ${file} --data ${dataFolder}\`.`,
    ),
  ]
  return `The database ${databaseFile} is damaged, and was left as it is; look at the disk, too. ${ways.join(' ')}`
}

const timeText = (atMs: number) => `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
