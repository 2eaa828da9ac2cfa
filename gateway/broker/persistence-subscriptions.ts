import type { ChangeLog } from './persistence-changes.ts'
import { hasWildcard, matches } from './topic-filter.ts'

export type Subscription = { topic: string; qos: 0 | 1 | 2 }
export type ClientSubscription = Subscription & { clientId: string }
type ByFilter = Map<string, Map<string, ClientSubscription>>

/** The subscriptions of persistent sessions. Devices use no wildcards: each filter with one is looked at for each message. */
export class Subscriptions {
  readonly #changes: ChangeLog
  readonly #maxPerClient: number
  readonly #byClient = new Map<string, Map<string, Subscription>>()
  /** Those with QoS 1 or 2: messages to them are queued. */
  readonly #exact: ByFilter = new Map()
  readonly #wildcards: ByFilter = new Map()

  constructor(changes: ChangeLog, maxPerClient: number) {
    this.#changes = changes
    this.#maxPerClient = maxPerClient
  }

  restore(clientId: string, subscription: Subscription): void {
    const { topic } = subscription
    const own = this.#byClient.get(clientId) ?? new Map<string, Subscription>()
    this.#byClient.set(clientId, own.set(topic, subscription))
    if (subscription.qos === 0) {
      this.#unindex(clientId, topic)
      return
    }
    const index = this.#indexOf(topic)
    const clients = index.get(topic) ?? new Map<string, ClientSubscription>()
    index.set(topic, clients.set(clientId, { clientId, ...subscription }))
  }

  add(clientId: string, subscription: Subscription): void {
    const { topic, ...options } = subscription
    const own = this.#byClient.get(clientId)
    const before = own?.get(topic)
    if (own !== undefined && before === undefined && own.size >= this.#maxPerClient)
      throw new Error('too many subscriptions')
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(subscription)) return
    this.restore(clientId, { ...subscription })
    this.#changes.add(['subscription', clientId, topic, JSON.stringify(options)])
  }

  remove(clientId: string, filter: string): void {
    const own = this.#byClient.get(clientId)
    if (own?.delete(filter) !== true) return
    if (own.size === 0) this.#byClient.delete(clientId)
    this.#unindex(clientId, filter)
    this.#changes.add(['unsubscribed', clientId, filter])
  }

  /** With the session: its rows go with it. */
  end(clientId: string): boolean {
    const own = this.of(clientId)
    for (const { topic } of own) this.#unindex(clientId, topic)
    return this.#byClient.delete(clientId)
  }

  of(clientId: string): Subscription[] {
    return [...(this.#byClient.get(clientId)?.values() ?? [])].map((subscription) => ({ ...subscription }))
  }

  /** Those with QoS 1 or 2 to this topic. */
  matching(topic: string): ClientSubscription[] {
    const found: ClientSubscription[] = []
    for (const [filter, clients] of this.#wildcards) if (matches(filter, topic)) found.push(...clients.values())
    const exact = this.#exact.get(topic)
    if (exact !== undefined) found.push(...exact.values())
    return found
  }

  clientsOf(filter: string): string[] {
    return [...this.#byClient].flatMap(([clientId, own]) => (own.has(filter) ? [clientId] : []))
  }

  count(): { subsCount: number; clientsCount: number } {
    let subsCount = 0
    for (const own of this.#byClient.values()) for (const { qos } of own.values()) if (qos > 0) subsCount++
    return { subsCount, clientsCount: this.#byClient.size }
  }

  #unindex(clientId: string, filter: string): void {
    const index = this.#indexOf(filter)
    const clients = index.get(filter)
    if (clients?.delete(clientId) && clients.size === 0) index.delete(filter)
  }

  #indexOf(filter: string): ByFilter {
    return hasWildcard(filter) ? this.#wildcards : this.#exact
  }
}
