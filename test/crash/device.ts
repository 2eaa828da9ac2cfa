import { join } from 'node:path'
import Database from 'better-sqlite3'
import { connectAsync, type MqttClient } from 'mqtt'
import { topicOf } from '../../gateway/wire/topics.ts'
import type { HomeProcesses } from '../support/home-processes.ts'

const GTIN = '04006381333931'
const RECONNECT_MS = 100
/** What the demo shop asks for a pack. */
export const PRICE_MINOR_UNITS = 12_490_000n
const MAX_PER_ORDER_MINOR_UNITS = 25_000_000n

type OrderAnswer = { orderId: string; deviceId: string; state: string }

/** A device that keeps a report until it is acknowledged, and remembers which were. */
export class CrashDevice {
  readonly deviceId: string
  readonly #home: HomeProcesses
  readonly #client: MqttClient
  readonly #acknowledged: number[] = []
  #seq = 0
  /** Orders that it has had a need for. */
  #needs = 0
  #paidOrder: string | undefined

  private constructor(home: HomeProcesses, deviceId: string, client: MqttClient) {
    this.#home = home
    this.deviceId = deviceId
    this.#client = client
    // While the gateway is down there is nobody to connect to; the client tries again.
    client.on('error', () => undefined)
  }

  /** Added, described, with a mandate for so many orders without cooling off, and allowed to buy. */
  static async add(home: HomeProcesses, deviceId: string, orders = 4): Promise<CrashDevice> {
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
    await device.#signMandate(orders)
    return device
  }

  /** One need from the low level to the payment. */
  async live(): Promise<void> {
    this.#needs++
    for (const remaining of [1400, 900, 500, 200]) await this.#level(remaining)
    await this.#until(['shipped', 'delivered', 'completed'])
    await this.#level(1400)
    await this.#received()
    this.#paidOrder = (await this.#until(['completed'])).orderId
  }

  /** What is wrong with its rows, as sentences: one paid order per need, and no acknowledged reading lost. */
  problems(): string[] {
    const states = this.#rows<{ state: string }>('SELECT state FROM orders WHERE device_id = ?')
    const unpaid = states.filter(({ state }) => state !== 'completed')
    return [
      ...this.#lostReadings(),
      ...(states.length === this.#needs ? [] : [`There are ${states.length} orders, not ${this.#needs}.`]),
      ...unpaid.map(({ state }) => `An order is ${state}.`),
    ]
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  #lostReadings(): string[] {
    const stored = this.#rows<{ seq: number }>(
      'SELECT seq FROM readings JOIN sessions USING (session_key) WHERE device_id = ?',
    )
    const times = new Map<number, number>()
    for (const { seq } of stored) times.set(seq, (times.get(seq) ?? 0) + 1)
    return this.#acknowledged
      .filter((seq) => times.get(seq) !== 1)
      .map((seq) => `The acknowledged reading ${seq} is not stored exactly once.`)
  }

  async #level(remaining: number): Promise<void> {
    const seq = this.#seq++
    const report = JSON.stringify({ session: 'crash', seq, slot: 'detergent', remaining, unit: 'ml' })
    await this.#client.publishAsync(topicOf(this.deviceId, 'consumable'), report, { qos: 1 })
    this.#acknowledged.push(seq)
  }

  /** While the gateway restarts, the owner tries again. */
  async #received(): Promise<void> {
    await this.#home.until(
      () => this.#sayReceived().then(() => 'said', String),
      (outcome) => outcome === 'said',
    )
  }

  async #sayReceived(): Promise<void> {
    const order = await this.#newestOrder()
    await this.#home.api(`/v1/orders/${order?.orderId}/received`, {})
  }

  /** Waits for the order of the latest need to be in one of these states. */
  async #until(states: string[]): Promise<OrderAnswer> {
    const isThere = (order: OrderAnswer | undefined) =>
      order !== undefined && order.orderId !== this.#paidOrder && states.includes(order.state)
    const order = await this.#home.until(() => this.#newestOrder().catch(() => undefined), isThere)
    return order!
  }

  async #newestOrder(): Promise<OrderAnswer | undefined> {
    const { orders } = await this.#home.api<{ orders: OrderAnswer[] }>('/v1/orders')
    return orders.find(({ deviceId }) => deviceId === this.deviceId)
  }

  async #signMandate(orders: number): Promise<void> {
    const { draft } = await this.#home.api<{ draft: unknown }>('/v1/mandates/draft', {
      deviceId: this.deviceId,
      sellerUrl: this.#home.shopUrl,
      allowance: String(PRICE_MINOR_UNITS * BigInt(orders)),
      periodSeconds: 30 * 86_400,
      maxPerOrder: String(MAX_PER_ORDER_MINOR_UNITS),
      coolingOffSeconds: 0,
      days: 365,
    })
    await this.#home.api('/v1/mandates', { draft, useGatewayWallet: true })
    type Mandates = { mandates: { deviceId: string; state: string }[] }
    await this.#home.until(
      () => this.#home.api<Mandates>('/v1/mandates'),
      ({ mandates }) => mandates.some(({ deviceId, state }) => deviceId === this.deviceId && state === 'granted'),
    )
  }

  #rows<Row>(sql: string): Row[] {
    const db = new Database(join(this.#home.folder, 'gateway.db'), { readonly: true })
    try {
      return db.prepare<[string], Row>(sql).all(this.deviceId)
    } finally {
      db.close()
    }
  }
}
