import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { HomeProcesses } from '../support/home-processes.ts'
import { RawDevice } from './raw-device.ts'

const HONEST = 'honest-1'
const HONEST_EVERY_MS = 50
/** An ack of the honest device that takes longer is a problem of the row. */
const ANSWER_MS = 5_000
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
    const honest = await this.connect(HONEST)
    const watch = watchHonest(honest, session)
    const startedAtMs = performance.now()
    const grownFrom = this.rssMb()
    const { figures, problems } = await attack()
    // A p99 of a few is none.
    await pause(Math.max(0, AT_LEAST_MS - (performance.now() - startedAtMs)))
    const { sent, p99Ms, problems: missed } = await watch.stop()
    honest.close()
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
      figures: `${figures} · honest p99 ${p99Ms.toFixed(1)} ms · RSS ${grownMb < 0 ? '−' : '+'}${Math.abs(grownMb).toFixed(0)} MB`,
      problems: [...problems, ...missed],
    }
  }

  async close(): Promise<void> {
    await this.home.close()
  }
}

/** Reports at a steady pace and keeps the times to the acks. */
export function watchHonest(device: RawDevice, session: string, everyMs = HONEST_EVERY_MS) {
  const times: number[] = []
  const problems: string[] = []
  const acks: Promise<void>[] = []
  let isEnding = false
  let seq = 0
  void device.closed.then(() => {
    if (!isEnding) problems.push('The honest device was disconnected.')
  })
  const timer = setInterval(() => {
    const body = JSON.stringify({ session, seq: seq++, values: { temperatureCelsius: 40 } })
    const ack = device.publish('telemetry', body).then(
      (ms) => {
        times.push(ms)
        if (ms > ANSWER_MS) problems.push(`An honest report was acknowledged after ${ms.toFixed(0)} ms.`)
      },
      (error: Error) => void problems.push(`An honest report was not acknowledged: ${error.message}`),
    )
    acks.push(ack)
  }, everyMs)
  return {
    async stop(): Promise<{ sent: number; p50Ms: number; p99Ms: number; problems: string[] }> {
      clearInterval(timer)
      const late = pause(ANSWER_MS).then(() => 'late' as const)
      if ((await Promise.race([Promise.all(acks), late])) === 'late')
        problems.push('Honest reports wait for their acks.')
      isEnding = true
      return { sent: seq, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), problems: problems.slice(0, 5) }
    },
  }
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
