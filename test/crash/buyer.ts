import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { HomeProcesses } from '../support/home-processes.ts'

/** What a crash device needs; the demo shop has it. */
export const GTIN = '04006381333931'
/** What the demo shop asks for a pack. */
export const PRICE_MINOR_UNITS = 12_490_000n
const MAX_PER_ORDER_MINOR_UNITS = 25_000_000n
/** Of the slot, in its unit. */
export const CAPACITY = 1400

type OrderRow = { orderId: string; state: string }

/** A device that buys for its slot, however its levels reach the gateway, and its owner. */
export abstract class Buyer {
  readonly deviceId: string
  protected readonly home: HomeProcesses
  /** Orders that it has had a need for. */
  #needs = 0
  #paidOrder: string | undefined

  constructor(home: HomeProcesses, deviceId: string) {
    this.home = home
    this.deviceId = deviceId
  }

  /** Reports a level; resolves when the gateway has it. */
  protected abstract level(remaining: number): Promise<void>

  /** What is wrong with its stored readings, as sentences. */
  protected abstract readingProblems(): string[]

  /** One need from the low level to the payment. */
  async live(): Promise<void> {
    await this.runLow()
    await this.refill()
  }

  /** Until the goods are on their way. */
  async runLow(): Promise<void> {
    this.#needs++
    for (const remaining of [CAPACITY, 900, 500, 200]) await this.level(remaining)
    await this.#until(['shipped', 'delivered', 'completed'])
  }

  /** Pours them in, says so, and waits for the payment. */
  async refill(): Promise<void> {
    await this.level(CAPACITY)
    await this.#received()
    this.#paidOrder = (await this.#until(['completed'])).orderId
  }

  /** What is wrong with its rows, as sentences: one paid order per need, and readings as they must be. */
  problems(): string[] {
    const states = this.rows<{ state: string }>('SELECT state FROM orders WHERE device_id = ?')
    const unpaid = states.filter(({ state }) => state !== 'completed')
    return [
      ...this.readingProblems(),
      ...(states.length === this.#needs ? [] : [`There are ${states.length} orders, not ${this.#needs}.`]),
      ...unpaid.map(({ state }) => `An order is ${state}.`),
    ]
  }

  /** With a mandate for so many orders without cooling off, and allowed to buy; the gateway knows its slot already. */
  protected async allow(orders = 4): Promise<void> {
    await this.home.api(`/v1/devices/${this.deviceId}/confirm`, { mode: 'auto' })
    await this.#signMandate(orders)
  }

  /** While the gateway restarts, the owner tries again. */
  async #received(): Promise<void> {
    await this.home.until(
      () => this.#sayReceived().then(() => 'said', String),
      (outcome) => outcome === 'said',
    )
  }

  async #sayReceived(): Promise<void> {
    await this.home.api(`/v1/orders/${this.#newestOrder()?.orderId}/received`, {})
  }

  /** Waits for the order of the latest need to be in one of these states. */
  async #until(states: string[]): Promise<OrderRow> {
    const isThere = (order: OrderRow | undefined) =>
      order !== undefined && order.orderId !== this.#paidOrder && states.includes(order.state)
    const order = await this.home.until(async () => this.#newestOrder(), isThere)
    return order!
  }

  /** From the rows: the list of the API ends at the newest 50 of all devices. */
  #newestOrder(): OrderRow | undefined {
    return this.rows<OrderRow>(
      'SELECT order_id AS orderId, state FROM orders WHERE device_id = ? ORDER BY created_at_ms DESC LIMIT 1',
    )[0]
  }

  async #signMandate(orders: number): Promise<void> {
    const { draft } = await this.home.api<{ draft: unknown }>('/v1/mandates/draft', {
      deviceId: this.deviceId,
      sellerUrl: this.home.shopUrl,
      allowance: String(PRICE_MINOR_UNITS * BigInt(orders)),
      periodSeconds: 30 * 86_400,
      maxPerOrder: String(MAX_PER_ORDER_MINOR_UNITS),
      coolingOffSeconds: 0,
      days: 365,
    })
    await this.home.api('/v1/mandates', { draft, useGatewayWallet: true })
    type Mandates = { mandates: { deviceId: string; state: string }[] }
    await this.home.until(
      () => this.home.api<Mandates>('/v1/mandates'),
      ({ mandates }) => mandates.some(({ deviceId, state }) => deviceId === this.deviceId && state === 'granted'),
    )
  }

  /** Of a statement about its device id. */
  protected rows<Row>(sql: string): Row[] {
    const db = new Database(join(this.home.folder, 'gateway.db'), { readonly: true })
    try {
      return db.prepare<[string], Row>(sql).all(this.deviceId)
    } finally {
      db.close()
    }
  }
}
