import { closeSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { StorageStand } from './storage-stand.ts'

/** A fault of the storage, played on a home and a disk of its own; resolves to what was wrong, as sentences. */
export type StorageFault = { name: string; play(stand: StorageStand): Promise<string[]>; disk: 'tmpfs' | 'ext4' }

const EXIT_DAMAGED = 3
/** SQLite's own size, as the gateway's file has it. */
const PAGE_BYTES = 4096

export const STORAGE_FAULTS: StorageFault[] = [
  { name: 'disk full', disk: 'tmpfs', play: diskFull },
  { name: 'stop on a full disk', disk: 'tmpfs', play: stopOnFullDisk },
  { name: 'database locked by another program', disk: 'tmpfs', play: locked },
  { name: 'disk turns read-only', disk: 'ext4', play: turnsReadOnly },
  { name: 'disk read-only at the start', disk: 'tmpfs', play: readOnlyAtStart },
  { name: 'page corrupted while it runs', disk: 'tmpfs', play: corruptedRunning },
  { name: 'page corrupted while it is stopped', disk: 'tmpfs', play: corruptedStopped },
]

/** One round of a row, with `kill -9` and a restart at its end. */
export async function storageRound({ disk, play }: StorageFault): Promise<string[]> {
  const stand = await StorageStand.start(disk)
  return await oneRound(stand, play).finally(() => stand.close())
}

async function oneRound(stand: StorageStand, play: StorageFault['play']): Promise<string[]> {
  try {
    await stand.hears()
    const problems = await play(stand)
    await stand.hears()
    await stand.kill()
    await stand.home.startGateway()
    return [...problems, ...stand.problems()]
  } catch (error) {
    return [(error as Error).message, ...stand.home.gateway.lines.slice(-5)]
  }
}

async function diskFull(stand: StorageStand): Promise<string[]> {
  fill(stand)
  const problems = await unable(stand, /The disk is full: make room on it\./)
  empty(stand)
  await stand.isReady()
  await stand.told(/could not store everything\. The disk is full/)
  return problems
}

async function stopOnFullDisk(stand: StorageStand): Promise<string[]> {
  fill(stand)
  await stand.isDeaf()
  const { gateway } = stand.home
  const startedAt = performance.now()
  await gateway.stop()
  const seconds = (performance.now() - startedAt) / 1000
  const problems = [
    ...(gateway.child.signalCode === null ? [] : [`It ended by ${gateway.child.signalCode}.`]),
    ...(seconds < 10 ? [] : [`It took ${seconds.toFixed(1)} s to stop.`]),
    ...gateway.lines.filter((line) => /ENOSPC|^ +at /.test(line) && !/"err"/.test(line)),
    ...(gateway.child.exitCode === 0 || gateway.lines.some((line) => line.includes('The disk is full'))
      ? []
      : [`It ended with ${gateway.child.exitCode} and does not say why.`]),
  ]
  // Where nothing can be written it waits, and goes on by itself.
  const starting = stand.home.startGateway()
  await wait(2_000)
  empty(stand)
  await starting
  await stand.isReady()
  return problems
}

async function locked(stand: StorageStand): Promise<string[]> {
  const other = new Database(join(stand.home.folder, 'gateway.db'))
  other.exec('BEGIN IMMEDIATE')
  const problems = await unable(stand, /Another program holds the database: end that\./).finally(() => other.close())
  await stand.isReady()
  await stand.told(/could not store everything\. Another program holds the database/)
  return problems
}

/** As ext4 does by itself when a card gives errors; whoever restarts the machine has it checked. */
async function turnsReadOnly(stand: StorageStand): Promise<string[]> {
  stand.disk.remount('abort')
  const problems = await unable(stand, /The (disk fails|database can only be read): see/)
  await stand.kill()
  await stand.disk.repair()
  await stand.home.startGateway()
  await stand.isReady()
  await stand.told(/The gateway is back/)
  return problems
}

async function readOnlyAtStart(stand: StorageStand): Promise<string[]> {
  await stand.kill()
  await wait(200)
  stand.disk.remount('ro')
  const starting = stand.home.startGateway()
  starting.catch(() => undefined)
  await stand.home.until(
    async () => stand.home.gateway.lines,
    (lines) => lines.some((line) => line.startsWith('The gateway waits to start: ')),
  )
  stand.disk.remount('rw')
  await starting
  await stand.isReady()
  await stand.told(/could not store everything\. The database can only be read/)
  return []
}

async function corruptedRunning(stand: StorageStand): Promise<string[]> {
  const { home } = stand
  await checkpoint(stand)
  const restore = spoil(stand, 'devices')
  // Whoever reads the page meets it; nothing is acknowledged from then on.
  await home.until(
    () => home.api('/v1/devices').catch(() => undefined),
    () => home.gateway.child.exitCode !== null,
  )
  const problems = [
    ...(home.gateway.child.exitCode === EXIT_DAMAGED ? [] : [`It ended with ${home.gateway.child.exitCode}.`]),
    ...(await refusesToStart(stand)),
  ]
  restore()
  await home.startGateway()
  await stand.isReady()
  return problems
}

async function corruptedStopped(stand: StorageStand): Promise<string[]> {
  const { home } = stand
  const backup = join(stand.disk.folder, 'newest.backup')
  const passphrase = join(stand.disk.folder, 'passphrase')
  writeFileSync(passphrase, 'correct horse battery\n')
  const made = await stand.adept('backup', backup, '--passphrase-file', passphrase)
  await home.gateway.stop()
  const restore = spoil(stand, 'readings')
  const problems = await refusesToStart(stand)
  const { text } = await stand.adept('doctor')
  if (made.code !== 0 || !text.includes(`adept restore ${backup} --passphrase-file`))
    problems.push(`The doctor does not name the backup: ${text}`)
  restore()
  await home.startGateway()
  await stand.isReady()
  return problems
}

/** While nothing can be stored: no acknowledgement, and both the supervisor and the person are told why. */
async function unable(stand: StorageStand, pattern: RegExp): Promise<string[]> {
  const deaf = stand.isDeaf()
  await stand.saysNotReady(pattern)
  const { text } = await stand.adept('status')
  await deaf
  return pattern.test(text) ? [] : [`adept status does not say ${pattern}: ${text}`]
}

async function refusesToStart({ home }: StorageStand): Promise<string[]> {
  const said = await home.startGateway().then(
    () => 'The gateway is ready.',
    (error: Error) => error.message,
  )
  const { exitCode } = home.gateway.child
  const isClear = exitCode === EXIT_DAMAGED && /is damaged, and was left as it is.*adept restore/.test(said)
  return isClear ? [] : [`The start on a damaged database ended with ${exitCode}: ${said}`]
}

const fillerOf = ({ disk }: StorageStand) => join(disk.folder, 'filler')
function fill(stand: StorageStand): void {
  const file = openSync(fillerOf(stand), 'w')
  try {
    for (const bytes of [65_536, 4_096]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(bytes))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
  } finally {
    closeSync(file)
  }
}
const empty = (stand: StorageStand) => rmSync(fillerOf(stand))

/** Has SQLite put its log into the database, so that pages are read from there. */
async function checkpoint({ home }: StorageStand): Promise<void> {
  const db = new Database(join(home.folder, 'gateway.db'))
  try {
    // 1: somebody was at it, and it is not whole.
    while (db.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) !== 0) await wait(10)
  } finally {
    db.close()
  }
}

/** Overwrites the first page of a table; returns what puts it back. */
function spoil({ home }: StorageStand, table: string): () => void {
  const file = join(home.folder, 'gateway.db')
  const db = new Database(file, { readonly: true })
  const page = db.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table)!
  db.close()
  const at = (page - 1) * PAGE_BYTES
  const handle = openSync(file, 'r+')
  const before = Buffer.alloc(PAGE_BYTES)
  readSync(handle, before, 0, PAGE_BYTES, at)
  writeSync(handle, Buffer.alloc(PAGE_BYTES, 0x5a), 0, PAGE_BYTES, at)
  closeSync(handle)
  return () => {
    const again = openSync(file, 'r+')
    writeSync(again, before, 0, PAGE_BYTES, at)
    closeSync(again)
  }
}
