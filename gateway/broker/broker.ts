import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from 'aedes'
import type pino from 'pino'
import type { DeviceStore } from '../ports/devices.ts'
import type { Command, OrderMessage, Receipt } from '../wire/messages.ts'
import { topicOf } from '../wire/topics.ts'
import { AckBuffers } from './acks.ts'
import { capPacketLength, type PacketLimits } from './packet-cap.ts'
import { BrokerPersistence } from './persistence.ts'
import { mayPublish, maySubscribe, refusalOf, type Will } from './rights.ts'

export type BrokerLimits = PacketLimits & {
  maxConnections: number
  /** From the connection to its CONNECT packet. */
  connectTimeoutMs: number
  /** A device that does not read for this long is disconnected. */
  drainTimeoutMs: number
  maxTopicLevels: number
}

/** For one home; a connection costs about 25 kB of memory. */
const DEFAULT_LIMITS: BrokerLimits = {
  maxPacketBytes: 65_536,
  maxPacketBytesBeforeConnack: 8_192,
  maxConnections: 1_000,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 15_000,
  maxTopicLevels: 8,
}

/** Topics whose last message the broker keeps. */
const KEPT = /\/(description|status)$/

/** A vanished device without a keepalive of its own is noticed by TCP. */
const TCP_KEEPALIVE_MS = 60_000

/** Takes what a device published; calls back once it is on disk (undefined) or could not be stored (the fault). */
export type Intake = {
  add(topic: string, payload: Uint8Array, stored: (error?: Error) => void): 'accepted' | 'dead-letter'
  drained(): Promise<void>
}

export type Broker = {
  /** Listens; resolves to the real port. Rejects with a sentence when the port is taken. */
  start(): Promise<{ port: number }>
  /** Closes every connection (their wills say offline) and resolves when what came before is stored. */
  stop(): Promise<void>
  /** Sends to one device, QoS 1. A retained `order` is also given to it when it next subscribes; undefined clears it. */
  publish(deviceId: string, name: 'order', body: OrderMessage | undefined, options?: { retain?: boolean }): void
  publish(deviceId: string, name: 'command', body: Command): void
  /** Tells devices that listen what is committed. Skipped for one that does not read: the next receipt says more. */
  sendReceipts(receipts: ({ deviceId: string } & Receipt)[]): void
  /** Devices that are connected now. */
  connectedCount(): number
}

/** The MQTT 3.1.1 broker of the home: each device its own topics, and no ack before what it says is on disk. */
export function createBroker(options: {
  devices: Pick<DeviceStore, 'secretOf'>
  intake: Intake
  log: pino.Logger
  host: string
  /** 0: any free one. */
  port: number
  limits?: Partial<BrokerLimits>
}): Broker {
  return new MqttBroker({ ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } })
}

type Options = Parameters<typeof createBroker>[0] & { limits: BrokerLimits }

/**
 * Aedes without the routing of what devices say: they may not read each other, so it goes to the intake and nowhere else.
 * That saves a match, a counter and a copy for each message.
 */
class IntakeAedes extends Aedes {
  override publish(packet: PublishPacket, ...rest: unknown[]): void {
    const [client, done] = rest
    const fromDevice = typeof client === 'object' && client !== null
    const route = super.publish as (packet: PublishPacket, ...rest: unknown[]) => void
    if (fromDevice && !packet.retain) (done as () => void)()
    else route.call(this, packet, ...rest)
  }
}

class MqttBroker implements Broker {
  readonly #options: Options
  readonly #aedes: IntakeAedes
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #acks = new AckBuffers()
  readonly #wills = new WeakMap<Client, Will>()
  /** Clients that subscribed to their receipts. */
  readonly #receiptReaders = new Map<string, Client>()

  constructor(options: Options) {
    this.#options = options
    const { limits } = options
    this.#aedes = new IntakeAedes({
      persistence: new BrokerPersistence(),
      connectTimeout: limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      maxTopicLevels: limits.maxTopicLevels,
      preConnect: (client, packet, done) => {
        // Aedes answers an unknown protocol version with CONNACK 1 [MQTT-3.1.2-2]; 3 is MQTT 3.1.
        if (packet.protocolVersion !== 4) Object.assign(packet, { protocolVersion: 0 })
        if (packet.will !== undefined) this.#wills.set(client, packet.will)
        done(null, true)
      },
      authenticate: (client, userName, password, done) => void this.#authenticate(client, userName, password, done),
      authorizePublish: (client, packet, done) => this.#take(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        const allowed = maySubscribe(client.id, subscription.topic)
        if (!allowed) options.log.warn({ deviceId: client.id, topic: subscription.topic }, 'subscription refused')
        if (subscription.topic === topicOf(client.id, 'receipt')) this.#receiptReaders.set(client.id, client)
        done(null, allowed ? subscription : null)
      },
    })
    this.#aedes.on('clientError', (client, error) =>
      options.log.info({ deviceId: client.id, err: error }, 'device disconnected'),
    )
    this.#aedes.on('connectionError', (_client, error) => options.log.info({ err: error }, 'connection refused'))
    this.#aedes.on('clientDisconnect', (client) => this.#forgetReader(client))
    this.#aedes.on('unsubscribe', (topics, client) => {
      if (topics.includes(topicOf(client.id, 'receipt'))) this.#forgetReader(client)
    })
    this.#server = createServer((socket) => this.#connect(socket))
    this.#server.maxConnections = limits.maxConnections
  }

  async start(): Promise<{ port: number }> {
    const { host, port } = this.#options
    await this.#aedes.listen()
    this.#server.listen(port, host)
    await once(this.#server, 'listening').catch((error: NodeJS.ErrnoException) => {
      this.#aedes.close()
      const why =
        error.code === 'EADDRINUSE' ? 'another program uses it: stop that, or set another port' : error.message
      throw new Error(`The MQTT broker cannot listen on ${host}:${port}: ${why}.`, { cause: error })
    })
    const address = this.#server.address()
    return { port: typeof address === 'object' && address !== null ? address.port : port }
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    // Aedes closes its clients; those that have not said CONNECT are none yet.
    for (const socket of this.#sockets) socket.destroy()
    await closed
    await this.#options.intake.drained()
  }

  publish(
    deviceId: string,
    name: 'order' | 'command',
    body: OrderMessage | Command | undefined,
    options: { retain?: boolean } = {},
  ): void {
    const payload = Buffer.from(body === undefined ? '' : JSON.stringify(body))
    this.#send({ topic: topicOf(deviceId, name), payload, qos: 1, retain: options.retain ?? false })
  }

  sendReceipts(receipts: ({ deviceId: string } & Receipt)[]): void {
    if (this.#receiptReaders.size === 0) return
    for (const { deviceId, session, seq } of receipts) {
      const reader = this.#receiptReaders.get(deviceId)
      if (reader === undefined || reader.conn.writableNeedDrain) continue
      const payload = Buffer.from(JSON.stringify({ session, seq } satisfies Receipt))
      this.#send({ topic: topicOf(deviceId, 'receipt'), payload, qos: 0, retain: false })
    }
  }

  connectedCount(): number {
    return this.#aedes.connectedClients
  }

  #send(packet: Pick<PublishPacket, 'topic' | 'payload' | 'qos' | 'retain'>): void {
    if (this.#aedes.closed) return
    this.#aedes.publish({ cmd: 'publish', dup: false, ...packet }, (error?: Error) => {
      if (error) this.#options.log.error({ err: error, topic: packet.topic }, 'could not publish to a device')
    })
  }

  #connect(socket: Socket): void {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const client = this.#aedes.handle(socket)
    capPacketLength(client, this.#options.limits)
  }

  async #authenticate(
    client: Client,
    userName: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    const { devices, log } = this.#options
    try {
      const request = { clientId: client.id, userName, password, will: this.#wills.get(client) }
      const refusal = await refusalOf(request, (deviceId) => devices.secretOf(deviceId))
      if (refusal === undefined) return done(null, true)
      log.warn({ clientId: client.id.slice(0, 64), reason: refusal.reason }, 'a device may not connect')
      done(Object.assign(new Error(refusal.reason), { returnCode: refusal.returnCode }), false)
    } catch (error) {
      log.error({ err: error }, 'storage fault while a device connected')
      // [MQTT-3.2.2-5], table 3.1: 3 is "server unavailable"
      done(Object.assign(new Error('storage fault'), { returnCode: 3 }), false)
    }
  }

  /** Holds the PUBACK until the message is stored. Wills come this way too, some without a client. */
  #take(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const { topic } = packet
    const deviceId = client?.id ?? topic.split('/')[2] ?? ''
    if (!mayPublish(deviceId, topic)) {
      done(new Error(`${deviceId} may not publish to ${topic.slice(0, 200)}`))
      return
    }
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const acknowledge = client === null ? undefined : this.#acks.take(client, packet)
    const outcome = this.#options.intake.add(topic, payload, (error) => {
      if (error === undefined) acknowledge?.()
      done(error)
    })
    // Only what describes a device is kept for those who come later, and only when it could be read.
    if (packet.retain && !(outcome === 'accepted' && KEPT.test(topic))) packet.retain = false
  }

  #forgetReader(client: Client): void {
    if (this.#receiptReaders.get(client.id) === client) this.#receiptReaders.delete(client.id)
  }
}
