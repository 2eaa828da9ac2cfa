import { Readable } from 'node:stream'
import type { Aedes, PublishPacket } from 'aedes'

/** Messages kept for a device with a persistent session that is away; then the oldest goes. */
const MAX_OUTGOING_PER_CLIENT = 100

/** A message with the broker's own count of it. */
type StoredPacket = PublishPacket & { brokerId?: string; brokerCounter?: number }
type ClientRef = { id: string }
type Subscription = { topic: string; qos: 0 | 1 | 2; rh?: number; rap?: boolean; nl?: boolean }
type StoredSubscription = Subscription & { clientId: string }
type Brokers = Record<string, number>

/** Runs what follows at once. A promise runs it later, and by then a newer message may have overtaken this one. */
type AtOnce<T> = { then(done: (value: T) => void): void }
function atOnce<T>(value: T): AtOnce<T> {
  // biome-ignore lint/suspicious/noThenProperty: Aedes only calls `then`, and it must call back synchronously
  return { then: (done) => done(value) }
}

/**
 * What the broker keeps in memory: retained messages and the sessions of devices. Each step between taking a message's
 * counter and delivering it is synchronous. With a promise in between, a message that is overtaken there is dropped by Aedes
 * as a duplicate: 675 of 1000 retained ones were lost.
 * Topics are compared whole, since nobody may subscribe with wildcards.
 */
export class BrokerPersistence {
  readonly #retained = new Map<string, StoredPacket>()
  readonly #subscriptions = new Map<string, Map<string, Subscription>>()
  readonly #outgoing = new Map<string, StoredPacket[]>()
  readonly #incoming = new Map<string, Map<number, StoredPacket>>()
  readonly #wills = new Map<string, StoredPacket>()
  #brokerId = ''

  async setup(broker: Aedes): Promise<void> {
    this.#brokerId = broker.id
  }

  storeRetained(packet: StoredPacket): AtOnce<void> {
    if (packet.payload.length === 0) this.#retained.delete(packet.topic)
    else this.#retained.set(packet.topic, { ...packet })
    return atOnce(undefined)
  }

  createRetainedStreamCombi(topics: string[]): Readable {
    return Readable.from(topics.flatMap((topic) => this.#retained.get(topic) ?? []))
  }

  createRetainedStream(topic: string): Readable {
    return this.createRetainedStreamCombi([topic])
  }

  async addSubscriptions(client: ClientRef, subscriptions: Subscription[]): Promise<void> {
    const stored = entry(this.#subscriptions, client.id, () => new Map<string, Subscription>())
    for (const subscription of subscriptions) stored.set(subscription.topic, subscription)
  }

  async removeSubscriptions(client: ClientRef, topics: string[]): Promise<void> {
    for (const topic of topics) this.#subscriptions.get(client.id)?.delete(topic)
  }

  async subscriptionsByClient(client: ClientRef): Promise<Subscription[]> {
    return [...(this.#subscriptions.get(client.id)?.values() ?? [])]
  }

  /** Persistent subscriptions with QoS 1 or 2 to this topic. A read topic belongs to one device: the third part of it. */
  subscriptionsByTopic(topic: string): AtOnce<StoredSubscription[]> {
    const clientId = topic.split('/')[2] ?? ''
    const subscription = this.#subscriptions.get(clientId)?.get(topic)
    return atOnce(subscription !== undefined && subscription.qos > 0 ? [{ ...subscription, clientId }] : [])
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    this.#subscriptions.delete(client.id)
    this.#outgoing.delete(client.id)
  }

  outgoingEnqueueCombi(subscriptions: { clientId: string }[], packet: StoredPacket): AtOnce<void> {
    for (const { clientId } of subscriptions) {
      const queue = entry(this.#outgoing, clientId, () => [])
      const { messageId: _, ...copy } = packet
      queue.push(copy)
      if (queue.length > MAX_OUTGOING_PER_CLIENT) queue.shift()
    }
    return atOnce(undefined)
  }

  async outgoingEnqueue(subscription: { clientId: string }, packet: StoredPacket): Promise<void> {
    this.outgoingEnqueueCombi([subscription], packet)
  }

  /** Gives a queued message its packet id, or replaces the one with that id (PUBREL after PUBREC). */
  async outgoingUpdate(client: ClientRef, packet: StoredPacket): Promise<void> {
    const queue = this.#outgoing.get(client.id) ?? []
    const index = queue.findIndex((queued) =>
      queued.brokerId === packet.brokerId
        ? queued.brokerCounter === packet.brokerCounter
        : queued.messageId === packet.messageId,
    )
    const found = queue[index]
    if (found === undefined) throw new Error('no such packet')
    if (found.brokerId === packet.brokerId) found.messageId = packet.messageId!
    else queue[index] = packet
  }

  async outgoingClearMessageId(client: ClientRef, packet: StoredPacket): Promise<StoredPacket | undefined> {
    const queue = this.#outgoing.get(client.id) ?? []
    const index = queue.findIndex((queued) => queued.messageId === packet.messageId)
    return index < 0 ? undefined : queue.splice(index, 1)[0]
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from([...(this.#outgoing.get(client.id) ?? [])])
  }

  async incomingStorePacket(client: ClientRef, packet: StoredPacket): Promise<void> {
    entry(this.#incoming, client.id, () => new Map<number, StoredPacket>()).set(packet.messageId!, { ...packet })
  }

  async incomingGetPacket(client: ClientRef, packet: StoredPacket): Promise<StoredPacket> {
    const stored = this.#incoming.get(client.id)?.get(packet.messageId!)
    if (stored === undefined) throw new Error('no such packet')
    return stored
  }

  async incomingDelPacket(client: ClientRef, packet: StoredPacket): Promise<void> {
    if (!this.#incoming.get(client.id)?.delete(packet.messageId!)) throw new Error('no such packet')
  }

  async cleanIncoming(client: ClientRef): Promise<void> {
    this.#incoming.delete(client.id)
  }

  async putWill(client: ClientRef, packet: StoredPacket): Promise<void> {
    this.#wills.set(client.id, Object.assign(packet, { brokerId: this.#brokerId, clientId: client.id }))
  }

  async getWill(client: ClientRef): Promise<StoredPacket | undefined> {
    return this.#wills.get(client.id)
  }

  async delWill(client: ClientRef): Promise<StoredPacket | undefined> {
    const will = this.#wills.get(client.id)
    this.#wills.delete(client.id)
    return will
  }

  streamWill(brokers: Brokers = {}): Readable {
    return Readable.from([...this.#wills.values()].filter((will) => brokers[will.brokerId ?? ''] === undefined))
  }

  async destroy(): Promise<void> {
    this.#retained.clear()
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
