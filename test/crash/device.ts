import { join } from 'node:path'
import Database from 'better-sqlite3'
import { connectAsync, type MqttClient } from 'mqtt'
import { topicOf } from '../../gateway/wire/topics.ts'
import type { HomeProcesses } from '../support/home-processes.ts'

const GTIN = '04006381333931'
const RECONNECT_MS = 100

type OrderAnswer = { orderId: string; deviceId: string; state: string }

/** A device that keeps a report until it is acknowledged, and remembers which were. */
export class CrashDevice {
  readonly #home: HomeProcesses
  readonly #deviceId: string
  readonly #client: MqttClient
  readonly #acknowledged: number[] = []
  #seq = 0

  private constructor(home: HomeProcesses, deviceId: string, client: MqttClient) {
    this.#home = home
    this.#deviceId = deviceId
    this.#client = client
    // While the gateway is down there is nobody to connect to; the client tries again.
    client.on('error', () => undefined)
  }

  /** Added, described, with a mandate without cooling off, and allowed to buy. */
  static async add(home: HomeProcesses, deviceId: string): Promise<CrashDevice> {
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
      capacity: 1400,
      replacementProducts: [{ type: 'gtin14', value: GTIN }],
    }
    const description = JSON.stringify({ maker: 'Crash', model: 'C1', slots: [slot] })
    await client.publishAsync(topicOf(deviceId, 'description'), description, { qos: 1, retain: true })
    await home.api(`/v1/devices/${deviceId}/confirm`, { mode: 'auto' })
    await device.#signMandate()
    return device
  }

  async runLow(): Promise<void> {
    for (const remaining of [1400, 900, 500, 200]) await this.#level(remaining)
  }

  async refill(): Promise<void> {
    await this.#level(1400)
  }

  async received(): Promise<void> {
    await this.#retry(async () => {
      const order = await this.#order()
      await this.#home.api(`/v1/orders/${order?.orderId}/received`, {})
    })
  }

  /** Waits for the order to come to this state, or beyond it. */
  async until(state: 'shipped' | 'completed'): Promise<void> {
    const wanted = state === 'shipped' ? ['shipped', 'delivered', 'completed'] : ['completed']
    await this.#home.until(
      () => this.#order().catch(() => undefined),
      (order) => order !== undefined && wanted.includes(order.state),
    )
  }

  orderCount(): number {
    return this.#rows<{ count: number }>('SELECT COUNT(*) AS count FROM orders WHERE device_id = ?')[0]?.count ?? 0
  }

  /** Acknowledged readings that are not in the rows, as sentences. */
  lostReadings(): string[] {
    const stored = this.#rows<{ seq: number }>(
      'SELECT seq FROM readings JOIN sessions USING (session_key) WHERE device_id = ?',
    )
    return this.#acknowledged
      .filter((seq) => stored.filter((row) => row.seq === seq).length !== 1)
      .map((seq) => `The acknowledged reading ${seq} is not stored exactly once.`)
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  async #level(remaining: number): Promise<void> {
    const seq = this.#seq++
    const report = JSON.stringify({ session: 'crash', seq, slot: 'detergent', remaining, unit: 'ml' })
    await this.#client.publishAsync(topicOf(this.#deviceId, 'consumable'), report, { qos: 1 })
    this.#acknowledged.push(seq)
  }

  async #order(): Promise<OrderAnswer | undefined> {
    const { orders } = await this.#home.api<{ orders: OrderAnswer[] }>('/v1/orders?limit=500')
    return orders.find((order) => order.deviceId === this.#deviceId)
  }

  async #signMandate(): Promise<void> {
    const { draft } = await this.#home.api<{ draft: unknown }>('/v1/mandates/draft', {
      deviceId: this.#deviceId,
      sellerUrl: this.#home.shopUrl,
      allowance: '50000000',
      periodSeconds: 30 * 86_400,
      maxPerOrder: '25000000',
      coolingOffSeconds: 0,
      days: 365,
    })
    await this.#home.api('/v1/mandates', { draft, useGatewayWallet: true })
    type Mandates = { mandates: { deviceId: string; state: string }[] }
    await this.#home.until(
      () => this.#home.api<Mandates>('/v1/mandates'),
      ({ mandates }) => mandates.some(({ deviceId, state }) => deviceId === this.#deviceId && state === 'granted'),
    )
  }

  /** While the gateway restarts, a call is tried again. */
  async #retry(call: () => Promise<void>): Promise<void> {
    await this.#home.until(
      () => call().then(() => 'done', String),
      (outcome) => outcome === 'done',
    )
  }

  #rows<Row>(sql: string): Row[] {
    const db = new Database(join(this.#home.folder, 'gateway.db'), { readonly: true })
    try {
      return db.prepare<[string], Row>(sql).all(this.#deviceId)
    } finally {
      db.close()
    }
  }
}
