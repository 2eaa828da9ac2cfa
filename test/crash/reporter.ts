import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { connectAsync, type MqttClient } from 'mqtt'
import { topicOf } from '../../gateway/wire/topics.ts'
import type { HomeProcesses } from '../support/home-processes.ts'

const RECONNECT_MS = 100

/** A device that reports without pause, sends again what was not acknowledged, and knows what was. */
export class Reporter {
  readonly acknowledged: number[] = []
  readonly #deviceId: string
  readonly #client: MqttClient
  #seq = 0
  #ended = false

  private constructor(deviceId: string, client: MqttClient) {
    this.#deviceId = deviceId
    this.#client = client
    client.on('error', () => undefined)
  }

  /** `inFlight` reports wait for their acknowledgement at a time, each `everyMs` after the one before. */
  static async start(
    home: HomeProcesses,
    deviceId: string,
    { inFlight, everyMs }: { inFlight: number; everyMs: number },
  ): Promise<Reporter> {
    const { password } = await home.api<{ password: string }>('/v1/devices', { deviceId })
    const client = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
      ...{ protocolVersion: 4, clientId: deviceId, username: deviceId, password, clean: false },
      reconnectPeriod: RECONNECT_MS,
    })
    const reporter = new Reporter(deviceId, client)
    for (let lane = 0; lane < inFlight; lane++) void reporter.#report(everyMs)
    return reporter
  }

  async #report(everyMs: number): Promise<void> {
    while (!this.#ended) {
      const seq = this.#seq++
      const body = JSON.stringify({ session: 'reporter', seq, slot: 'softener', remaining: 900, unit: 'ml' })
      try {
        await this.#client.publishAsync(topicOf(this.#deviceId, 'consumable'), body, { qos: 1 })
        this.acknowledged.push(seq)
      } catch {
        // Only once it is closed: until then the client sends it again.
      }
      if (everyMs > 0) await wait(everyMs)
    }
  }

  /** What was acknowledged and is not stored exactly once. */
  problems(home: HomeProcesses): string[] {
    const db = new Database(join(home.folder, 'gateway.db'), { readonly: true })
    try {
      const times = new Map<number, number>()
      const stored = db.prepare<[string], number>(
        'SELECT seq FROM readings JOIN sessions USING (session_key) WHERE device_id = ?',
      )
      for (const seq of stored.pluck().all(this.#deviceId)) times.set(seq, (times.get(seq) ?? 0) + 1)
      const lost = this.acknowledged.filter((seq) => times.get(seq) !== 1).length
      return lost === 0 ? [] : [`${lost} of ${this.acknowledged.length} acknowledged readings are not stored once.`]
    } finally {
      db.close()
    }
  }

  async close(): Promise<void> {
    this.#ended = true
    await this.#client.endAsync(true)
  }
}
