import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { HomeProcesses } from '../support/home-processes.ts'
import { RawDevice } from './raw-device.ts'
import { pause, quantile, type Watched } from './watch.ts'

const HONEST = 'honest-1'
/** How long it is watched. */
const AT_LEAST_MS = 1_500

/** What a row of the table found. */
export type Finding = { figures: string; problems: string[] }

/** A real gateway (`npm start`) with an honest device beside whatever a row does to it. */
export class Stand {
  readonly home: HomeProcesses
  readonly #passwords = new Map<string, string>()
  #honestRows = 0

  private constructor(home: HomeProcesses) {
    this.home = home
  }

  static async start(env: Record<string, string>): Promise<Stand> {
    const stand = new Stand(await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error', ...env }, 'no shop'))
    await stand.add(HONEST)
    return stand
  }

  get port(): number {
    return this.home.running.mqttPort
  }

  /** Adds a device, once; returns its password. */
  async add(deviceId: string): Promise<string> {
    const known = this.#passwords.get(deviceId)
    if (known !== undefined) return known
    const { password } = await this.home.api<{ password: string }>('/v1/devices', { deviceId })
    this.#passwords.set(deviceId, password)
    return password
  }

  async connect(deviceId: string, more: Parameters<typeof RawDevice.connect>[3] = {}): Promise<RawDevice> {
    return RawDevice.connect(this.port, deviceId, await this.add(deviceId), more)
  }

  rows<Row>(sql: string, ...values: unknown[]): Row[] {
    const db = new Database(join(this.home.folder, 'gateway.db'), { readonly: true })
    try {
      return db.prepare<unknown[], Row>(sql).all(...values)
    } finally {
      db.close()
    }
  }

  count(sql: string, ...values: unknown[]): number {
    return this.rows<{ count: number }>(sql, ...values)[0]?.count ?? 0
  }

  /** Resident memory of the gateway, all its threads. */
  rssMb(): number {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(this.home.running.pid)], { encoding: 'utf8' })) / 1024
  }

  /**
   * Runs `attack` beside an honest device, which reports every 50 ms: each report must be acknowledged in time and stored
   * exactly once, nothing more may be stored of it, and the gateway must be the same process afterwards.
   */
  async beside(attack: () => Promise<Finding>): Promise<Finding> {
    const { pid } = this.home.gateway.child
    const session = `row-${this.#honestRows++}`
    const honest = await this.#startHonest(session)
    const startedAtMs = performance.now()
    const grownFrom = this.rssMb()
    const { figures, problems } = await attack()
    // A p99 of a few is none.
    await pause(Math.max(0, AT_LEAST_MS - (performance.now() - startedAtMs)))
    const { sent, timesMs, problems: missed } = await honest.stop()
    const grownMb = this.rssMb() - grownFrom
    if (this.home.gateway.child.pid !== pid || this.home.gateway.child.exitCode !== null) {
      missed.push(`The gateway ended:\n${this.home.gateway.lines.slice(-10).join('\n')}`)
    }
    const stored = this.count(
      'SELECT count(DISTINCT seq) AS count FROM readings JOIN sessions USING (session_key) WHERE device_id = ? AND session = ?',
      HONEST,
      session,
    )
    const rows = this.count(
      `SELECT count(*) AS count FROM readings JOIN sessions USING (session_key) WHERE device_id = ? AND session = ?`,
      HONEST,
      session,
    )
    if (stored !== sent || rows !== sent)
      missed.push(`Of ${sent} honest reports ${stored} are stored, in ${rows} rows.`)
    return {
      figures: `${figures} · honest p99 ${quantile(timesMs, 0.99).toFixed(1)} ms · RSS ${grownMb < 0 ? '−' : '+'}${Math.abs(grownMb).toFixed(0)} MB`,
      problems: [...problems, ...missed],
    }
  }

  async #startHonest(session: string): Promise<{ stop(): Promise<Watched> }> {
    const job = { port: this.port, deviceId: HONEST, password: await this.add(HONEST), session }
    const path = fileURLToPath(new URL('honest.ts', import.meta.url))
    const child = spawn(process.execPath, [path, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async () => {
      const { value, done } = await lines.next()
      if (done) throw new Error('The honest device ended before its time.')
      return value as string
    }
    await next()
    return {
      async stop() {
        child.stdin.end()
        return JSON.parse(await next()) as Watched
      },
    }
  }

  async close(): Promise<void> {
    await this.home.close()
  }
}
