import { X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { isLoopback } from '../broker/addresses.ts'
import type { Config } from '../config/schema.ts'
import { damageAdvice, damageOf, lastBackup } from '../store/damage.ts'
import { plainTextWarning } from './endpoints.ts'
import { localTime } from './text.ts'

/** One line of the doctor. `look`: the homeowner may want it so; `wrong`: something does not work, or soon will not. */
export type Finding = { check: string; state: 'ok' | 'look' | 'wrong'; text: string }
type Answer = Omit<Finding, 'check'>
/** What a check comes to; several when it looks at several things. */
export type Found = Answer | Answer[]

export const ok = (text: string): Answer => ({ state: 'ok', text })
export const look = (text: string): Answer => ({ state: 'look', text })
export const wrong = (text: string): Answer => ({ state: 'wrong', text })

const MIB_BYTES = 2 ** 20
/** Below it the disk is as good as full: the log of the database alone may take 16. */
const MIN_FREE_BYTES = 100 * MIB_BYTES
const FREE_BYTES = 1024 * MIB_BYTES
/** A check reads every page; the readings of a larger file are left out, so that it ends within seconds. */
const MAX_CHECKED_BYTES = 1024 * MIB_BYTES
/** This program is of 2025 or later. */
const EARLIEST_MS = Date.UTC(2025, 0, 1)
const LATEST_MS = Date.UTC(2100, 0, 1)
/** A clock that is set back by less was only corrected. */
const CLOCK_SLACK_MS = 300_000
const DAY_MS = 86_400_000
export const SOON_MS = 14 * DAY_MS
const OLD_BACKUP_MS = 31 * DAY_MS
/** A transaction is included within minutes, or its fee is raised. */
const STUCK_MS = 900_000

export type Db = Database.Database

/** The database as it is, only to be read; undefined: there is none yet. */
export function openToRead(dataFolder: string): Db | undefined {
  const file = join(dataFolder, 'gateway.db')
  if (!existsSync(file)) return undefined
  return new Database(file, { readonly: true, fileMustExist: true, timeout: 1_000 })
}

export function clockCheck(db: Db | undefined, nowMs: number): Found {
  if (nowMs < EARLIEST_MS || nowMs > LATEST_MS)
    return wrong(`The clock shows ${localTime(nowMs)}. Set it, for example with \`timedatectl set-ntp true\`.`)
  const newestMs = db
    ?.prepare<[], number>('SELECT received_at_ms FROM readings ORDER BY reading_id DESC LIMIT 1')
    .pluck()
    .get()
  if (newestMs !== undefined && newestMs > nowMs + CLOCK_SLACK_MS)
    return wrong(
      `The clock shows ${localTime(nowMs)}, but a reading was stored at ${localTime(newestMs)}: it was set back. Set it right.`,
    )
  return ok(`It is ${localTime(nowMs)}.`)
}

export function diskCheck(dataFolder: string): Found {
  accessSync(dataFolder, constants.W_OK)
  const { bavail, bsize } = statfsSync(dataFolder)
  const freeBytes = bavail * bsize
  const text = `${Math.floor(freeBytes / MIB_BYTES).toLocaleString('en')} MiB are free for ${dataFolder}`
  if (freeBytes < MIN_FREE_BYTES) return wrong(`Only ${text}: make room, or nothing more is stored.`)
  if (freeBytes < FREE_BYTES) return look(`Only ${text}: make room soon, or set retention.rawDays lower.`)
  return ok(`${text}.`)
}

export function databaseCheck(db: Db | undefined, dataFolder: string): Found {
  if (db === undefined) return ok('There is none yet: the first start makes it.')
  const bytes = statSync(join(dataFolder, 'gateway.db')).size
  const isLarge = bytes > MAX_CHECKED_BYTES
  const damage = damageOf(db, MAX_CHECKED_BYTES)
  if (damage !== undefined) return wrong(`Stop the gateway. ${damageAdvice(dataFolder)} Found: ${damage}.`)
  const size = `${Math.ceil(bytes / MIB_BYTES).toLocaleString('en')} MiB`
  return ok(isLarge ? `${size}; sound, the readings were too many to look at.` : `${size}, and it is sound.`)
}

/** A disk that fails takes all since the newest backup with it. */
export function backupCheck(dataFolder: string, nowMs: number): Found {
  const how = '`adept backup <file> --passphrase-file <path>` makes one, also while the gateway runs.'
  const backup = lastBackup(dataFolder)
  if (backup === undefined) return look(`None was made yet: ${how}`)
  const what = `The newest is ${backup.file}, of ${localTime(backup.madeAtMs)}`
  if (nowMs - backup.madeAtMs > OLD_BACKUP_MS) return look(`${what}: make one more often. ${how}`)
  return ok(`${what}.`)
}

/** Whether what the gateway wants to listen on is free; only while it does not run. */
export async function portsCheck({ mqtt, http }: Config): Promise<Found> {
  const wanted = [
    { setting: 'mqtt', host: mqtt.host, port: mqtt.port },
    { setting: 'mqtt.tls', ...mqtt.tls },
    { setting: 'mqtt.webSocket', ...mqtt.webSocket },
    { setting: 'http', host: '127.0.0.1', port: http.port },
  ]
  const taken: Answer[] = []
  for (const { setting, host, port } of wanted) {
    if (host === undefined || port === undefined || port === 0) continue
    const code = await listenProblem(host, port)
    if (code === 'EADDRINUSE')
      taken.push(
        wrong(`Another program has ${host}:${port}: stop it (\`ss -ltnp\` names it), or set another ${setting}.port.`),
      )
    else if (code !== undefined)
      taken.push(wrong(`Nothing can listen on ${host}:${port} (${code}): correct ${setting}.host and ${setting}.port.`))
  }
  return taken.length > 0 ? taken : ok('They are free.')
}

function listenProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

export function plainTextCheck({ mqtt }: Config): Found {
  const listeners = [
    { url: `mqtt://${mqtt.host}:${mqtt.port}`, host: mqtt.host, secure: false },
    ...(mqtt.webSocket === undefined
      ? []
      : [
          {
            url: `ws://${mqtt.webSocket.host}:${mqtt.webSocket.port}`,
            host: mqtt.webSocket.host,
            secure: mqtt.tls !== undefined,
          },
        ]),
  ]
  const warning = plainTextWarning(
    listeners.map(({ url, host, secure }) => ({ url, secure, isLoopback: isLoopback(host) })),
  )
  return warning === undefined ? ok('Nothing leaves this machine without encryption.') : look(warning)
}

/** The broker's certificate. Its authority's is good for 20 years. */
export function certificateCheck({ mqtt }: Config, dataFolder: string, nowMs: number): Found {
  if (mqtt.tls === undefined) return ok('None is used: mqtt.tls is not set.')
  const own = mqtt.tls.certificateFile
  const file = own ?? join(dataFolder, 'tls', 'server.pem')
  if (own === undefined && !existsSync(file)) return ok(`${file} is made at the next start.`)
  const endMs = new X509Certificate(readFileSync(file)).validToDate.getTime()
  const todo = own === undefined ? 'Restart the gateway, which makes a new one.' : 'Put a new one in its place.'
  if (endMs < nowMs) return wrong(`${file} ended at ${localTime(endMs)}: devices refuse it. ${todo}`)
  if (endMs < nowMs + SOON_MS) return wrong(`${file} ends at ${localTime(endMs)}. ${todo}`)
  return ok(`${file} is good until ${localTime(endMs)}.`)
}

export function transactionsCheck(db: Db | undefined, nowMs: number): Found {
  const stuck = db
    ?.prepare<[number], { count: number; since: number | null }>(
      `SELECT count(*) AS count, min(created_at_ms) AS since FROM transactions WHERE state = 'sent' AND created_at_ms < ?`,
    )
    .get(nowMs - STUCK_MS)
  if (stuck === undefined || stuck.count === 0) return ok('None waits for long.')
  return wrong(
    `${stuck.count} wait for the chain, the oldest since ${localTime(stuck.since!)}. Look whether the chain answers, the relayer has coin for gas (\`adept status\`) and chain.maxFeeGwei is high enough.`,
  )
}

export function notificationsCheck(db: Db | undefined, { notify }: Config): Found {
  if (notify.webhookUrl === undefined)
    return look('You are told in the feed only (`adept feed`, the dashboard): set notify.webhookUrl to hear elsewhere.')
  const { host } = new URL(notify.webhookUrl)
  const failing = db
    ?.prepare<[], number>('SELECT count(*) FROM deliveries WHERE delivered_at_ms IS NULL AND attempts > 0')
    .pluck()
    .get()
  if (failing)
    return wrong(`${failing} could not be delivered to ${host}. Look whether notify.webhookUrl still answers.`)
  return ok(`They are sent to ${host}.`)
}

/** Who would notice that the gateway is gone. The address itself is not asked: that would be a sign of life. */
export async function signOfLifeCheck({ notify, home }: Config): Promise<Found> {
  const { aliveUrl, aliveEveryMinutes, statusBroker } = notify
  if (aliveUrl === undefined && statusBroker === undefined)
    return look(
      'Nobody hears it when the gateway is gone: set notify.aliveUrl (a check of healthchecks.io, say) or notify.statusBroker.',
    )
  const found: Answer[] = []
  if (aliveUrl !== undefined)
    found.push(ok(`${new URL(aliveUrl).host} is asked every ${aliveEveryMinutes} min while all is well.`))
  if (statusBroker === undefined) return found
  const { host } = new URL(statusBroker.url)
  const { gatewayStatusTopic, tryStatusBroker } = await import('../notify/status-broker.ts')
  try {
    await tryStatusBroker(statusBroker)
    found.push(ok(`${host} has it at ${gatewayStatusTopic(home.id)}.`))
  } catch (error) {
    found.push(wrong(`${host} does not let the gateway in (${(error as Error).message}): correct notify.statusBroker.`))
  }
  return found
}

export function timeZoneCheck({ home }: Config): Found {
  if (home.timeZone !== 'UTC') return ok(`The home is in ${home.timeZone}.`)
  const here = new Intl.DateTimeFormat().resolvedOptions().timeZone
  return look(
    `Days and quiet hours are those of UTC: set home.timeZone${here === 'UTC' ? ', such as Europe/Berlin' : ` (this machine is in ${here})`}.`,
  )
}

/** Shops that a mandate names. */
export function sellersOf(db: Db | undefined): string[] {
  const sellers = db
    ?.prepare<[], string>(`SELECT DISTINCT seller_url FROM mandates WHERE state <> 'revoked' LIMIT 10`)
    .pluck()
    .all()
  return sellers ?? []
}
