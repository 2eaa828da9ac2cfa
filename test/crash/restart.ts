import { join } from 'node:path'
import { openDatabase } from '../../gateway/store/database.ts'
import { HomeProcesses } from '../support/home-processes.ts'

export const RESTART = 'restart with a million readings stored'

const READINGS = 1_000_000
const DEVICES = 40
const DAYS_MS = 20 * 86_400_000
/** From the start of the process to its being ready, the look at every page of the database included. */
const READY_WITHIN_MS = 5_000

/** A home with a million readings, whose gateway is killed and must soon be ready again. */
export class MillionHome {
  readonly #home: HomeProcesses

  private constructor(home: HomeProcesses) {
    this.#home = home
  }

  static async start(): Promise<MillionHome> {
    const home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error' }, 'no shop')
    try {
      await home.gateway.stop()
      fill(join(home.folder, 'gateway.db'))
      await home.startGateway()
    } catch (error) {
      await home.close()
      throw error
    }
    return new MillionHome(home)
  }

  /** Resolves to what is wrong, and the time to ready. */
  async round(): Promise<{ problems: string[]; tookMs: number }> {
    await this.#home.gateway.kill()
    await this.#home.startGateway()
    const { readyMs } = this.#home
    return {
      problems: readyMs <= READY_WITHIN_MS ? [] : [`It was ready after ${Math.round(readyMs)} ms.`],
      tookMs: readyMs,
    }
  }

  close(): Promise<void> {
    return this.#home.close()
  }
}

/** As the intake would have written them, in one statement: 137 MB within seconds. */
function fill(file: string): void {
  const db = openDatabase(file, 'gateway')
  const firstMs = Date.now() - DAYS_MS
  try {
    db.transaction(() => {
      const session = db.prepare(
        `INSERT INTO sessions (session_key, device_id, session, high_water, last_seen_at_ms) VALUES (?, ?, 'boot-1', ?, ?)`,
      )
      for (let device = 1; device <= DEVICES; device++) {
        session.run(device, `washer-${device}`, READINGS / DEVICES - 1, firstMs + DAYS_MS)
      }
      db.prepare(
        `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < @last)
         INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark, body)
         SELECT i % @devices + 1, i / @devices, 0, @firstMs + i * @everyMs, 0, @firstMs + i * @everyMs, 'detergent',
                1400 - i / @devices % 1400, 'verified',
                json_object('session', 'boot-1', 'seq', i / @devices, 'slot', 'detergent', 'remaining',
                            1400 - i / @devices % 1400, 'unit', 'ml')
         FROM n`,
      ).run({
        last: READINGS - 1,
        devices: BigInt(DEVICES),
        firstMs: BigInt(firstMs),
        everyMs: BigInt(DAYS_MS / READINGS),
      })
    })()
  } finally {
    db.close()
  }
}
