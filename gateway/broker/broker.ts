import type { Duplex } from 'node:stream'
import type { AuthenticateError, Client, PublishPacket } from 'aedes'
import type pino from 'pino'
import type { Intake } from '../ports/ingest.ts'
import type { Command, Credentials, OrderMessage, Receipt } from '../wire/messages.ts'
import { publishPacket } from '../wire/publish-packet.ts'
import { topicOf } from '../wire/topics.ts'
import type { Connection } from './connection.ts'
import { Guard } from './guard.ts'
import { handOver } from './hand-over.ts'
import { IntakeAedes } from './intake-aedes.ts'
import { type BrokerLimits, DEFAULT_LIMITS } from './limits.ts'
import { BrokerPersistence, SESSION_MARK } from './persistence.ts'
import { QuietLog } from './quiet-log.ts'
import { PacketReader } from './reader.ts'
import { ReceiptReaders } from './receipt-readers.ts'
import type { Rights, Will } from './rights.ts'
import { grantedQos, type Subscriptions } from './topic-filter.ts'
import { refuseViolations } from './violations.ts'

const IDENTIFIER_REJECTED = Buffer.of(0x20, 2, 0, 2) // CONNACK with return code 2
/** Of a name that a stranger chose. */
const MAX_LOGGED_CHARACTERS = 100

export type Broker = {
  /** Before the first connection. */
  start(): Promise<void>
  /** Takes a connection over from its listener. One that is too many is closed. */
  accept(connection: Connection): void
  /** Closes every connection (their wills say offline) and resolves when what came before is stored. */
  stop(): Promise<void>
  /**
   * Sends to one device, QoS 1. A retained `order` is also given to it when it next subscribes; undefined clears it.
   * Resolves when what it adds to retained and queued messages is on disk; rejects when it could not be kept.
   */
  publish(deviceId: string, name: 'order', body: OrderMessage | undefined, how?: { retain?: boolean }): Promise<void>
  publish(deviceId: string, name: 'command', body: Command): Promise<void>
  /** Sends to the live connection of a client that pairs, and keeps nothing; true once it is acknowledged. */
  hand(clientId: string, credentials: Credentials): Promise<boolean>
  /** Tells devices that listen what is committed. Skipped for one that does not read: the next receipt says more. */
  sendReceipts(receipts: ({ deviceId: string } & Receipt)[]): void
  /** Drops all connections of this name; resolves when they are gone. */
  disconnect(clientId: string): Promise<void>
  /** What devices sent could not be stored, and they were cut for it: no device is called flapping for coming back. */
  excuse(): void
  /** Devices that are connected now. */
  connectedCount(): number
}

/** The MQTT 3.1.1 broker of the home: each device its own topics, and no ack before what it says is on disk. */
export function createBroker(options: {
  rights: Rights
  intake: Intake
  log: pino.Logger
  limits?: Partial<BrokerLimits>
  persistence?: BrokerPersistence
  /** A device connected too often and is now refused for a while; told once a while. */
  onFlapping?(deviceId: string): void
}): Broker {
  return new MqttBroker({ ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } })
}

type Options = Parameters<typeof createBroker>[0] & { limits: BrokerLimits }

class MqttBroker implements Broker {
  readonly #options: Options
  readonly #aedes: IntakeAedes
  readonly #persistence: BrokerPersistence
  readonly #guard: Guard
  readonly #quietLog: QuietLog
  readonly #connections = new Map<Duplex, Connection>()
  readonly #wills = new WeakMap<Client, Will>()
  readonly #receiptReaders = new ReceiptReaders()
  readonly excuse = () => this.#guard.excuse()

  constructor(options: Options) {
    this.#options = options
    const { limits, rights, log } = options
    this.#persistence = options.persistence ?? new BrokerPersistence({ limits, maySubscribe: rights.subscribe, log })
    const quietLog = new QuietLog(log)
    this.#quietLog = quietLog
    this.#guard = new Guard(limits, (deviceId) => options.onFlapping?.(deviceId))
    this.#aedes = new IntakeAedes({
      persistence: this.#persistence,
      connectTimeout: limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      maxInflightInbound: limits.maxInflightMessages,
      maxTopicLevels: limits.maxTopicLevels,
      preConnect: (client, packet, done) => {
        // Aedes answers an unknown protocol version with CONNACK 1 [MQTT-3.1.2-2]; 3 is MQTT 3.1.
        if (packet.protocolVersion !== 4) Object.assign(packet, { protocolVersion: 0 })
        if (packet.will !== undefined) this.#wills.set(client, packet.will)
        if (packet.clientId !== '' || packet.clean !== false) return done(null, true)
        client.conn.write(IDENTIFIER_REJECTED) // [MQTT-3.1.3-8]
        done(new Error('a session to keep needs a client id') as AuthenticateError, false)
      },
      authenticate: (client, userName, password, done) => void this.#authenticate(client, userName, password, done),
      authorizePublish: (client, packet, done) => this.#take(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        const { topic } = subscription
        if (topic === SESSION_MARK) return done(null, null)
        const allowed = rights.subscribe(client.id, topic) && this.#guard.mayHold(client, topic)
        const refused = { deviceId: client.id, topic: topic.slice(0, MAX_LOGGED_CHARACTERS) }
        if (allowed) this.#receiptReaders.subscribed(client, topic)
        else quietLog.write('warn', refused, 'subscription refused')
        done(null, allowed ? subscription : null)
      },
      authorizeForward: (client, packet) => {
        const granted = grantedQos((client as Client & { subscriptions: Subscriptions }).subscriptions, packet.topic)
        if (granted !== undefined && granted < packet.qos) packet.qos = granted // [MQTT-3.8.4-6]
        if (this.#persistence.isResent(packet)) packet.dup = true // [MQTT-3.3.1-1]
        return packet
      },
      // The last step before PUBREC: what the message added to queues is on disk then.
      published: (packet, client, done) => {
        if (client === null || packet.qos !== 2) return done(null)
        this.#persistence.committed().then(() => done(null), done)
      },
    })
    this.#aedes.onFault((err) => log.error({ err }, 'a fault in the broker'))
    this.#aedes.on('clientError', ({ id }, err) => quietLog.write('info', { deviceId: id, err }, 'device disconnected'))
    this.#aedes.on('connectionError', (_client, err) => quietLog.write('info', { err }, 'connection refused'))
    this.#aedes.on('clientDisconnect', (client) => this.#receiptReaders.gone(client))
    this.#aedes.on('subscribe', (subscriptions, client) => {
      for (const { topic, qos } of subscriptions) if (qos < 128) rights.subscribed?.(client.id, topic)
    })
    this.#aedes.on('unsubscribe', (topics, client) => this.#receiptReaders.unsubscribed(client, topics))
  }

  start(): Promise<void> {
    return this.#aedes.listen()
  }

  accept(connection: Connection): void {
    const { stream } = connection
    if (this.#aedes.closed || !this.#guard.admit(connection)) {
      stream.destroy()
      return
    }
    this.#connections.set(stream, connection)
    stream.once('close', () => this.#connections.delete(stream))
    const client = this.#aedes.handle(stream)
    refuseViolations(client)
    const { intake, rights, limits } = this.#options
    const guard = this.#guard.watch(client)
    new PacketReader(client, { intake, rights, guard, maxPacketBytes: limits.maxPacketBytes })
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    // Aedes closes its clients; those that have not said CONNECT are none yet.
    for (const stream of this.#connections.keys()) stream.destroy()
    await this.#options.intake.drained()
    await this.#persistence.committed().catch((err) => this.#options.log.error({ err }, 'sessions were not kept'))
  }

  async publish(
    deviceId: string,
    name: 'order' | 'command',
    body: OrderMessage | Command | undefined,
    options: { retain?: boolean } = {},
  ): Promise<void> {
    if (this.#aedes.closed) throw new Error('The broker is stopped: nothing can be sent.')
    const payload = Buffer.from(body === undefined ? '' : JSON.stringify(body))
    // It is retained and queued when this returns, and given to a device that is slow to read some time later.
    const fault = this.#send({ topic: topicOf(deviceId, name), payload, qos: 1, retain: options.retain ?? false })
    if (fault !== undefined) throw fault
    await this.#persistence.committed()
  }

  async hand(clientId: string, credentials: Credentials): Promise<boolean> {
    const client = this.#aedes.clients[clientId]
    return client !== undefined && handOver(this.#aedes, client, topicOf(clientId, 'credentials'), credentials)
  }

  sendReceipts(receipts: ({ deviceId: string } & Receipt)[]): void {
    if (this.#aedes.closed) return
    for (const message of this.#receiptReaders.messages(receipts)) this.#send({ ...message, qos: 0, retain: false })
  }

  async disconnect(clientId: string): Promise<void> {
    // Not only the client of that name: one that is just being let in is none yet.
    for (const { client } of this.#connections.keys() as Iterable<Duplex & { client?: Client }>) {
      if (client?.id === clientId) await new Promise<void>((resolve) => client.close(resolve))
    }
  }

  connectedCount(): number {
    return this.#aedes.connectedClients
  }

  /** Returns the fault because of which it is neither kept nor sent. */
  #send(packet: Pick<PublishPacket, 'topic' | 'payload' | 'qos' | 'retain'>): Error | undefined {
    let fault: Error | undefined
    this.#aedes.publish({ cmd: 'publish', dup: false, ...packet }, (error?: Error) => {
      fault = error ?? undefined
      if (error) this.#options.log.error({ err: error, topic: packet.topic }, 'could not publish to a device')
    })
    return fault
  }

  async #authenticate(
    client: Client,
    userName: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    const { rights, log } = this.#options
    try {
      const connection = this.#connections.get(client.conn as Duplex)
      if (connection === undefined) return done(new Error('closed meanwhile') as AuthenticateError, false)
      const will = this.#wills.get(client)
      const request = { clientId: client.id, userName, password, will, clean: client.clean, connection }
      const refusal = (await rights.admit(request)) ?? this.#guard.refusalOf(client)
      if (refusal === undefined) return done(null, true)
      const clientId = client.id.slice(0, MAX_LOGGED_CHARACTERS)
      this.#quietLog.write('warn', { clientId, reason: refusal.reason }, 'a device may not connect')
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
    const clientId = client?.id ?? (packet as { clientId?: string }).clientId ?? ''
    const right = this.#options.rights.publish(clientId, topic)
    if (right === 'refused') {
      done(new Error(`${clientId} may not publish to ${topic.slice(0, MAX_LOGGED_CHARACTERS)}`))
      return
    }
    if (right === 'route') {
      packet.dup = false // [MQTT-3.3.1-3]
      done(null)
      return
    }
    this.#aedes.taken.add(packet)
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    // The intake keeps the last description and status; nobody may subscribe to them.
    packet.retain = false
    this.#options.intake.take(publishPacket(topic, payload), 1, ({ fault }) => {
      // Only the id of what the intake has is kept until the client releases it.
      if (fault === undefined && packet.qos === 2) packet.payload = Buffer.alloc(0)
      done(fault ?? null)
    })
  }
}
