import { connectAsync, type MqttClient } from 'mqtt'
import { topicOf } from '../../gateway/wire/topics.ts'
import type { HomeProcesses } from '../support/home-processes.ts'
import { Buyer, CAPACITY, GTIN } from './buyer.ts'

const RECONNECT_MS = 100

/** A device that keeps a report until it is acknowledged, and remembers which were. */
export class CrashDevice extends Buyer {
  readonly #client: MqttClient
  readonly #acknowledged: number[] = []
  #seq = 0

  private constructor(home: HomeProcesses, deviceId: string, client: MqttClient) {
    super(home, deviceId)
    this.#client = client
    // While the gateway is down there is nobody to connect to; the client tries again.
    client.on('error', () => undefined)
  }

  /** Added, described, with a mandate for so many orders without cooling off, and allowed to buy. */
  static async add(home: HomeProcesses, deviceId: string, orders?: number): Promise<CrashDevice> {
    const { password } = await home.api<{ password: string }>('/v1/devices', { deviceId })
    const client = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
      protocolVersion: 4,
      clientId: deviceId,
      username: deviceId,
      password,
      reconnectPeriod: RECONNECT_MS,
      clean: false,
    })
    const device = new CrashDevice(home, deviceId, client)
    const slot = {
      slot: 'detergent',
      unit: 'ml',
      capacity: CAPACITY,
      replacementProducts: [{ type: 'gtin14', value: GTIN }],
    }
    const description = JSON.stringify({ maker: 'Crash', model: 'C1', slots: [slot] })
    await client.publishAsync(topicOf(deviceId, 'description'), description, { qos: 1, retain: true })
    await device.allow(orders)
    return device
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  protected async level(remaining: number): Promise<void> {
    const seq = this.#seq++
    const report = JSON.stringify({ session: 'crash', seq, slot: 'detergent', remaining, unit: 'ml' })
    await this.#client.publishAsync(topicOf(this.deviceId, 'consumable'), report, { qos: 1 })
    this.#acknowledged.push(seq)
  }

  /** No acknowledged reading is lost. */
  protected readingProblems(): string[] {
    const stored = this.rows<{ seq: number }>(
      'SELECT seq FROM readings JOIN sessions USING (session_key) WHERE device_id = ?',
    )
    const times = new Map<number, number>()
    for (const { seq } of stored) times.set(seq, (times.get(seq) ?? 0) + 1)
    return this.#acknowledged
      .filter((seq) => times.get(seq) !== 1)
      .map((seq) => `The acknowledged reading ${seq} is not stored exactly once.`)
  }
}
