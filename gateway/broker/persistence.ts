import { Readable } from 'node:stream'
import type pino from 'pino'
import { systemClock } from '../lib/clock.ts'
import type { BrokerChange } from '../ports/broker-state.ts'
import type { Clock } from '../ports/clock.ts'
import { topicOf } from '../wire/topics.ts'
import { type BrokerLimits, DEFAULT_LIMITS } from './limits.ts'
import { type AtOnce, atOnce } from './persistence-at-once.ts'
import { ChangeLog } from './persistence-changes.ts'
import { type ClientRef, IncomingMessages } from './persistence-incoming.ts'
import { copyOf, type Message, messageOf, rowOf } from './persistence-messages.ts'
import { OutgoingMessages } from './persistence-outgoing.ts'
import { RetainedMessages } from './persistence-retained.ts'
import { Sessions } from './persistence-sessions.ts'
import { type ClientSubscription, type Subscription, Subscriptions } from './persistence-subscriptions.ts'

/** What a session without subscriptions is said to have: without any, Aedes says there is no session [MQTT-3.2.2-2]. */
export const SESSION_MARK = '$session'

/** What is used of Aedes; the broker of aedes-persistence's suite has no events. */
type BrokerRef = {
  id: string
  on?(event: 'client' | 'clientDisconnect', listener: (client: ClientRef) => void): unknown
}

/**
 * What the broker must still know after a crash: sessions, what waits for them, retained messages and wills.
 * All of it is in memory too, and each step between taking a message's counter and delivering it is synchronous: with a
 * promise in between, a message that is overtaken there is dropped by Aedes as a duplicate (675 of 1000 retained ones were
 * lost). So a message is retained and queued without waiting; who must know that it is on disk waits for `committed`.
 * What a client takes for a promise (SUBACK, UNSUBACK, the end of its old session, PUBREC, PUBREL, PUBCOMP) waits by itself.
 * When a write fails, the memory stays ahead of the disk and nobody is promised anything until a later write has brought
 * the disk up to it.
 */
export class BrokerPersistence {
  broker: BrokerRef = { id: '' }
  readonly #maySubscribe: (clientId: string, filter: string) => boolean
  readonly #changes: ChangeLog
  readonly #sessions: Sessions
  readonly #subscriptions: Subscriptions
  readonly #outgoing: OutgoingMessages
  readonly #incoming: IncomingMessages
  readonly #retained: RetainedMessages
  readonly #wills = new Map<string, Message>()

  /** Without `write` nothing outlives it. `state` is what was written before. */
  constructor({
    clock = systemClock,
    state = [],
    limits = DEFAULT_LIMITS,
    ...options
  }: {
    clock?: Clock
    state?: Iterable<BrokerChange>
    write?: (changes: readonly BrokerChange[]) => Promise<void>
    maySubscribe?: (clientId: string, filter: string) => boolean
    limits?: BrokerLimits
    log?: pino.Logger
  } = {}) {
    this.#maySubscribe = options.maySubscribe ?? (() => true)
    this.#changes = new ChangeLog(options.write)
    this.#sessions = new Sessions(this.#changes, clock, limits, (clientId) => this.#end(clientId))
    this.#subscriptions = new Subscriptions(this.#changes, limits.maxSubscriptions)
    this.#outgoing = new OutgoingMessages(this.#changes, limits.maxQueuedMessages, (clientId) =>
      options.log?.warn({ clientId }, 'too many messages wait for a client: the oldest are dropped'),
    )
    this.#incoming = new IncomingMessages(this.#changes)
    this.#retained = new RetainedMessages(this.#changes, limits, options.log)
    for (const change of state) this.#restore(change)
    this.#sessions.expire()
  }

  async setup(broker: BrokerRef): Promise<void> {
    this.broker = broker
    broker.on?.('client', ({ id, clean }) => clean === false && this.#sessions.open(id))
    broker.on?.('clientDisconnect', ({ id, clean }) => clean === false && this.#sessions.leave(id))
  }

  /** Resolves when every change until now is on disk; rejects on a storage fault. */
  committed(): Promise<void> {
    return this.#changes.committed()
  }

  /** Whether this packet was sent before and not acknowledged; for `authorizeForward`, which sets DUP [MQTT-3.3.1-1]. */
  isResent(packet: object): boolean {
    return this.#outgoing.isResent(packet)
  }

  /** Forgets a device whose connection has ended: its session, its will and the retained messages below its topics. */
  async forget(clientId: string): Promise<void> {
    this.#end(clientId)
    await this.delWill({ id: clientId })
    this.#retained.removeAll(topicOf(clientId, 'order').slice(0, -'/order'.length))
    await this.committed()
  }

  storeRetained(packet: Message): AtOnce<void> {
    return atOnce(() => {
      this.#changes.refuseWhenFull()
      this.#retained.set(packet)
    })
  }

  createRetainedStreamCombi(filters: string[]): Readable {
    return Readable.from(filters.flatMap((filter) => [...this.#retained.matching(filter)]))
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter])
  }

  /** Aedes gives all filters of a SUBSCRIBE when one of them was granted: those that were refused are left out here. */
  async addSubscriptions(client: ClientRef, subscriptions: Subscription[]): Promise<void> {
    this.#changes.refuseWhenFull()
    for (const subscription of subscriptions) {
      if (this.#maySubscribe(client.id, subscription.topic)) this.#subscriptions.add(client.id, subscription)
    }
    await this.committed()
  }

  async removeSubscriptions(client: ClientRef, filters: string[]): Promise<void> {
    for (const filter of filters) this.#subscriptions.remove(client.id, filter)
    await this.committed()
  }

  /** Called at each connect with clean session off. What it restores is on disk. */
  async subscriptionsByClient(client: ClientRef): Promise<Subscription[]> {
    this.#changes.refuseWhenFull()
    if (this.#changes.isBehind) await this.committed()
    const subscriptions = this.#subscriptions.of(client.id)
    if (subscriptions.length > 0 || !this.#sessions.has(client.id)) return subscriptions
    return [{ topic: SESSION_MARK, qos: 0 }]
  }

  subscriptionsByTopic(topic: string): AtOnce<ClientSubscription[]> {
    return atOnce(() => this.#subscriptions.matching(topic))
  }

  /** Called at each connect with clean session on: ends the session before it, if there was one [MQTT-3.1.2-6]. */
  async cleanSubscriptions(client: ClientRef): Promise<void> {
    this.#changes.refuseWhenFull()
    if (this.#end(client.id)) await this.committed()
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return this.#subscriptions.count()
  }

  getClientList(filter: string): Readable {
    return Readable.from(this.#subscriptions.clientsOf(filter))
  }

  outgoingEnqueueCombi(subscriptions: { clientId: string; qos?: 0 | 1 | 2 }[], packet: Message): AtOnce<void> {
    return atOnce(() => {
      this.#changes.refuseWhenFull()
      this.#outgoing.enqueue(subscriptions, packet)
    })
  }

  async outgoingEnqueue(subscription: { clientId: string }, packet: Message): Promise<void> {
    this.#changes.refuseWhenFull()
    this.#outgoing.enqueue([subscription], packet)
    await this.committed()
  }

  /** A message of QoS 2 must be sent again with the same id, and never after its PUBREL: so these wait for the disk. */
  outgoingUpdate(client: ClientRef, packet: Message): AtOnce<void> | Promise<void> {
    const updated = atOnce(() => this.#outgoing.update(client.id, packet))
    return packet.cmd === 'pubrel' || packet.qos === 2 ? this.committed() : updated
  }

  async outgoingClearMessageId(client: ClientRef, packet: Message): Promise<Message | undefined> {
    return this.#outgoing.acknowledge(client.id, packet.messageId)
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from(this.#outgoing.of(client.id), { highWaterMark: 1 })
  }

  async incomingStorePacket(client: ClientRef, packet: Message): Promise<void> {
    this.#changes.refuseWhenFull()
    await this.#incoming.add(client, packet)
  }

  async incomingGetPacket(client: ClientRef, packet: Message): Promise<Message> {
    return this.#incoming.get(client.id, packet.messageId!)
  }

  async incomingDelPacket(client: ClientRef, packet: Message): Promise<void> {
    await this.#incoming.delete(client, packet.messageId!)
  }

  async cleanIncoming(client: ClientRef): Promise<void> {
    await this.#incoming.clear(client.id)
  }

  async putWill(client: ClientRef, packet: Message): Promise<void> {
    Object.assign(packet, { brokerId: this.broker.id, clientId: client.id })
    this.#wills.set(client.id, packet)
    this.#changes.add(['will', client.id, ...rowOf(copyOf(packet))])
  }

  async getWill(client: ClientRef): Promise<Message | undefined> {
    return this.#wills.get(client.id)
  }

  async delWill(client: ClientRef): Promise<Message | undefined> {
    const will = this.#wills.get(client.id)
    if (this.#wills.delete(client.id)) this.#changes.add(['no-will', client.id])
    return will
  }

  /** The wills of other brokers than these: of one that was killed, which Aedes then sends. */
  streamWill(brokers: Record<string, number> = {}): Readable {
    return Readable.from([...this.#wills.values()].filter((will) => brokers[will.brokerId ?? ''] === undefined))
  }

  async destroy(): Promise<void> {
    await this.committed()
  }

  #restore(change: BrokerChange): void {
    if (change[0] === 'session') this.#sessions.restore(change[1], change[2])
    if (change[0] === 'retained') this.#retained.restore(messageOf(change[2], change[3]))
    if (change[0] === 'will') this.#wills.set(change[1], messageOf(change[2], change[3]))
    if (change[0] === 'incoming') {
      const [, clientId, messageId, header, payload] = change
      this.#incoming.restore(clientId, { ...messageOf(header, payload), messageId })
    }
    if (change[0] === 'queued') {
      const [, place, clientId, messageId, header, payload] = change
      this.#outgoing.restore(place, clientId, { ...messageOf(header, payload), messageId: messageId ?? undefined })
    }
    if (change[0] === 'subscription') {
      const [, clientId, topic, options] = change
      if (!this.#maySubscribe(clientId, topic)) return
      this.#subscriptions.restore(clientId, { topic, ...(JSON.parse(options) as Omit<Subscription, 'topic'>) })
    }
  }

  /** Whether there was a session. */
  #end(clientId: string): boolean {
    const ended = [this.#sessions, this.#subscriptions, this.#outgoing, this.#incoming].map((part) =>
      part.end(clientId),
    )
    if (!ended.includes(true)) return false
    this.#changes.add(['end-session', clientId])
    return true
  }
}
