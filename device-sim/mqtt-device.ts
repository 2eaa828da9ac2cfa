import { setTimeout as wait } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import type { Seed } from '../gateway/lib/seed.ts'
import {
  Command,
  type CommandResult,
  type ConsumableReport,
  type Description,
  type EventReport,
  OrderMessage,
  type Status,
  type TelemetryReport,
} from '../gateway/wire/messages.ts'
import { topicOf } from '../gateway/wire/topics.ts'

const RECONNECT_EVERY_MS = 500
const CONNECT_WITHIN_MS = 5_000
const GOODBYE_WITHIN_MS = 1_000

type Unsent<Report> = Omit<Report, 'session' | 'seq'> & { measuredAtMs: number }
/** A report before its connection gives it session and seq. */
export type DeviceReport =
  | ({ topic: 'consumable' } & Unsent<ConsumableReport>)
  | ({ topic: 'telemetry' } & Unsent<TelemetryReport>)
  | ({ topic: 'event' } & Unsent<EventReport>)

export type DeviceOptions = {
  /** `mqtt://host:port`; also mqtts, ws and wss. */
  url: string
  /** By TLS: PEM of the authority that the broker's certificate is checked with. */
  ca?: string | undefined
  deviceId: string
  password: string
  description: Description
  /** Random at each boot, from the seed. */
  session: string
  /** Each state of an order for one of its slots; the retained ones come again with every connection. */
  onOrder(message: OrderMessage): void
}

/** Session names of a device: 8 hex digits, another at each boot. */
export function sessionOf(seed: Seed, boot: number): string {
  return seed.fork(`boot ${boot}`).hex(8)
}

/**
 * A device on the wire (DOMAIN.md, wire): will, retained status and description, one seq over all reports of a boot. It
 * connects again by itself and sends again what was not acknowledged.
 */
export class MqttDevice {
  readonly #options: DeviceOptions
  #client: MqttClient | undefined
  #seq = 0

  constructor(options: DeviceOptions) {
    this.#options = options
  }

  /** Resolves when the broker has the description; throws when it cannot be reached or refuses the password. */
  async connect(): Promise<void> {
    const { url, deviceId, password, ca } = this.#options
    const client = await mqtt.connectAsync(
      url,
      {
        protocolVersion: 4,
        clientId: deviceId,
        username: deviceId,
        password,
        clean: true,
        ...(ca !== undefined && { ca }),
        reconnectPeriod: RECONNECT_EVERY_MS,
        connectTimeout: CONNECT_WITHIN_MS,
        will: { topic: topicOf(deviceId, 'status'), payload: Buffer.from('offline'), qos: 1, retain: true },
      },
      false,
    )
    this.#client = client
    client.on('message', (topic, payload) => this.#receive(topic, payload))
    client.on('error', () => undefined) // it connects again; what stays unacknowledged is its caller's to notice
    client.on('connect', () => void this.#introduce(client).catch(() => undefined))
    await this.#introduce(client)
  }

  /** Resolves when the gateway has it on disk (PUBACK). */
  async report({ topic, ...body }: DeviceReport): Promise<void> {
    await this.#publish(topic, { session: this.#options.session, seq: this.#seq++, ...body })
  }

  /** Resolves when everything that the broker had sent before has been received: a ping there and back. */
  async flush(): Promise<void> {
    const client = this.#connected()
    const answered = Promise.withResolvers<void>()
    const onPacket = ({ cmd }: { cmd: string }) => {
      if (cmd === 'pingresp') answered.resolve()
    }
    const onClose = () => answered.reject(new Error(`${this.#options.deviceId} lost its connection.`))
    client.on('packetreceive', onPacket).once('close', onClose)
    client.sendPing()
    await answered.promise.finally(() => client.off('packetreceive', onPacket).off('close', onClose))
  }

  /** Switches off in good order; a broker that does not answer is not waited for long. */
  async close(): Promise<void> {
    if (this.#client === undefined) return
    if (this.#client.connected) {
      const goodbye = this.#status('offline').catch(() => undefined)
      await Promise.race([goodbye, wait(GOODBYE_WITHIN_MS, undefined, { ref: false })])
    }
    await this.#client.endAsync(!this.#client.connected)
  }

  async #introduce(client: MqttClient): Promise<void> {
    const { deviceId, description } = this.#options
    await client.subscribeAsync([topicOf(deviceId, 'order'), topicOf(deviceId, 'command')], { qos: 1 })
    await this.#publish('description', description, true)
    await this.#status('online')
  }

  async #status(status: Status): Promise<void> {
    const topic = topicOf(this.#options.deviceId, 'status')
    await this.#connected().publishAsync(topic, status, { qos: 1, retain: true })
  }

  async #publish(name: Parameters<typeof topicOf>[1], body: object, retain = false): Promise<void> {
    const topic = topicOf(this.#options.deviceId, name)
    await this.#connected().publishAsync(topic, JSON.stringify(body), { qos: 1, retain })
  }

  #receive(topic: string, payload: Buffer): void {
    const json: unknown = JSON.parse(payload.toString())
    if (topic === topicOf(this.#options.deviceId, 'order')) {
      this.#options.onOrder(OrderMessage.parse(json))
    } else {
      const { id, name } = Command.parse(json)
      const result: CommandResult = { id, ok: false, error: `this washer knows no command ${name}` }
      void this.#publish('command/result', result).catch(() => undefined)
    }
  }

  #connected(): MqttClient {
    if (this.#client === undefined) throw new Error(`${this.#options.deviceId} is not connected yet.`)
    return this.#client
  }
}
