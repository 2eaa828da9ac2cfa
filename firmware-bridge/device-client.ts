import { randomBytes } from 'node:crypto'
import { createConnection } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { MqttClient } from 'mqtt'
import type { SlotName } from '../gateway/domain/identifiers.ts'
import type { Unit } from '../gateway/domain/level.ts'
import { backoffMs } from '../gateway/lib/backoff.ts'
import { Command, type CommandResult, type Description, OrderMessage, type Status } from '../gateway/wire/messages.ts'
import { topicOf, type WriteTopic } from '../gateway/wire/topics.ts'

/** Reports that wait for the gateway; when there are more, the oldest goes: the newest level is what counts. */
const MAX_QUEUED = 1_000
/** Sent and not yet acknowledged; mqtt.js sends them again after a lost connection. */
const MAX_IN_FLIGHT = 64
const FIRST_RECONNECT_MS = 500
const LONGEST_RECONNECT_MS = 15_000
const CONNECT_WITHIN_MS = 5_000
const KEEPALIVE_SECONDS = 30
const GOODBYE_WITHIN_MS = 1_000
/** A report that waited longer says when it was measured; a fresh one needs no clock but the gateway's. */
const FRESH_MS = 1_000
/** A command that comes again gets the same answer and is not done again. */
const MAX_REMEMBERED_COMMANDS = 64

/** A level; `unverified` says why it is not to be trusted. */
export type LevelReport = { slot: SlotName; remaining: number; unit: Unit; unverified: string | undefined }
export type EventReport = { type: string; detail: Record<string, string> }
type Queued = { topic: 'consumable' | 'event'; body: object; atMs: number }

export type MqttState = 'online' | 'offline' | 'refused'

type Options = {
  deviceId: string
  password: string
  /** Where the broker is now: a gateway that restarts may have another port. */
  address(): { host: string; port: number }
  clock: { nowMs(): number }
  onCommand(command: Command): Promise<CommandResult>
  onOrder(order: OrderMessage): void
}

/**
 * One board on the wire (DOMAIN.md, wire), with credentials, will and retained description and status of its own. It
 * connects again by itself, and keeps a bounded queue while it cannot.
 */
export class DeviceClient {
  readonly #options: Options
  readonly #client: MqttClient
  readonly #queue: Queued[] = []
  readonly #results = new Map<string, Promise<CommandResult>>()
  #description: Description
  #isBoardOnline = false
  #session = newSession()
  #seq = 0
  #inFlight = 0
  #failures = 0
  state: MqttState = 'offline'
  /** Reports that were dropped because the queue was full. */
  droppedCount = 0

  /** Connects at once, and for as long as it lives. */
  constructor(options: Options, description: Description) {
    const { deviceId, password, address } = options
    this.#options = options
    this.#description = description
    this.#client = new MqttClient(() => createConnection(address()), {
      protocolVersion: 4,
      clientId: deviceId,
      username: deviceId,
      password,
      clean: true,
      resubscribe: false,
      keepalive: KEEPALIVE_SECONDS,
      reconnectPeriod: FIRST_RECONNECT_MS,
      connectTimeout: CONNECT_WITHIN_MS,
      will: { topic: topicOf(deviceId, 'status'), payload: Buffer.from('offline'), qos: 1, retain: true },
    })
    this.#client.on('connect', () => this.#connected())
    this.#client.on('message', (topic, payload) => this.#receive(topic, payload))
    this.#client.on('error', (error) => {
      // CONNACK 4 and 5 [MQTT-3.2.2-5]: bad password, not authorized
      if ('code' in error && (error.code === 4 || error.code === 5)) this.state = 'refused'
    })
    this.#client.on('close', () => {
      if (this.state === 'online') this.state = 'offline'
      this.#client.options.reconnectPeriod = backoffMs(this.#failures++, FIRST_RECONNECT_MS, LONGEST_RECONNECT_MS)
    })
  }

  /** What the homeowner should know of its connection, as a sentence. */
  get problem(): string | undefined {
    const { deviceId } = this.#options
    if (this.state === 'refused') {
      return `The gateway does not know ${deviceId} by its password: add it there, and pair the board again.`
    }
    if (this.state === 'online' || this.#queue.length < MAX_QUEUED) return undefined
    return `The gateway cannot be reached: ${MAX_QUEUED} levels of ${deviceId} wait, and ${this.droppedCount} older ones were dropped.`
  }

  /** The board started anew, and is what it says. */
  boardStarted(description: Description): void {
    this.#session = newSession()
    this.#seq = 0
    this.#isBoardOnline = true
    this.#description = description
    if (this.#client.connected) this.#introduce()
  }

  boardGone(): void {
    this.#isBoardOnline = false
    if (this.#client.connected) this.#publishStatus()
  }

  reportLevel({ slot, remaining, unit, unverified }: LevelReport): void {
    this.#enqueue('consumable', { slot, remaining, unit, ...(unverified !== undefined && { unverified }) })
  }

  reportEvent(event: EventReport): void {
    this.#enqueue('event', event)
  }

  /** Says offline, waits a moment for what is under way, and disconnects. */
  async stop(): Promise<void> {
    if (this.#client.connected) {
      this.#isBoardOnline = false
      const goodbye = new Promise<void>((resolve) => this.#publishStatus(resolve))
      await Promise.race([goodbye, wait(GOODBYE_WITHIN_MS, undefined, { ref: false })])
    }
    await this.#client.endAsync(true)
  }

  #enqueue(topic: Queued['topic'], body: object): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.#queue.shift()
      this.droppedCount++
    }
    this.#queue.push({ topic, body, atMs: this.#options.clock.nowMs() })
    this.#pump()
  }

  /** `seq` is given when a report leaves: what the queue dropped makes no gap, which receipts would wait at. */
  #pump(): void {
    while (this.state === 'online' && this.#inFlight < MAX_IN_FLIGHT) {
      const next = this.#queue.shift()
      if (next === undefined) return
      const isFresh = this.#options.clock.nowMs() - next.atMs < FRESH_MS
      const head = { session: this.#session, seq: this.#seq++, ...(!isFresh && { measuredAtMs: next.atMs }) }
      this.#inFlight++
      this.#publish(next.topic, { ...head, ...next.body }, () => {
        this.#inFlight--
        this.#pump()
      })
    }
  }

  #connected(): void {
    const { deviceId } = this.#options
    this.#introduce()
    // Online is who hears commands, too.
    this.#client.subscribe([topicOf(deviceId, 'order'), topicOf(deviceId, 'command')], { qos: 1 }, (error) => {
      if (error || !this.#client.connected) return
      this.state = 'online'
      this.#failures = 0
      this.#pump()
    })
  }

  #introduce(): void {
    this.#publish('description', this.#description, () => undefined, true)
    this.#publishStatus()
  }

  #publishStatus(done: () => void = () => undefined): void {
    const status: Status = this.#isBoardOnline ? 'online' : 'offline'
    this.#client.publish(topicOf(this.#options.deviceId, 'status'), status, { qos: 1, retain: true }, done)
  }

  #publish(name: WriteTopic, body: object, done: () => void, retain = false): void {
    this.#client.publish(topicOf(this.#options.deviceId, name), JSON.stringify(body), { qos: 1, retain }, done)
  }

  #receive(topic: string, payload: Buffer): void {
    if (payload.length === 0) return // a retained message that was cleared
    const json = jsonOf(payload)
    if (topic === topicOf(this.#options.deviceId, 'order')) {
      const order = OrderMessage.safeParse(json)
      if (order.success) this.#options.onOrder(order.data)
      return
    }
    const command = Command.safeParse(json)
    if (command.success) void this.#answer(command.data)
  }

  async #answer(command: Command): Promise<void> {
    let result = this.#results.get(command.id)
    if (result === undefined) {
      result = this.#options.onCommand(command)
      this.#results.set(command.id, result)
      const [oldest] = this.#results.keys()
      if (this.#results.size > MAX_REMEMBERED_COMMANDS && oldest !== undefined) this.#results.delete(oldest)
    }
    this.#publish('command/result', await result, () => undefined)
  }
}

function newSession(): string {
  return randomBytes(8).toString('hex')
}

function jsonOf(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch {
    return undefined
  }
}
