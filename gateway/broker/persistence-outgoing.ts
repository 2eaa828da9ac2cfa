import type { ChangeLog } from './persistence-changes.ts'
import { copyOf, type Message, rowOf } from './persistence-messages.ts'

/**
 * Messages of QoS 1 and 2 on their way to the clients of persistent sessions, until they are acknowledged. A client has each
 * message once, however many of its subscriptions match: Aedes delivers it once, and a second copy would stay for ever.
 */
export class OutgoingMessages {
  readonly #changes: ChangeLog
  readonly #maxQueuedMessages: number
  readonly #onOverflow: (clientId: string) => void
  /** By place, which only rises. */
  readonly #queues = new Map<string, Map<number, Message>>()
  readonly #overflowed = new Set<string>()
  readonly #resent = new WeakSet<object>()
  #lastPlace = 0

  /** `onOverflow` is called for the first message that a client loses, until it has acknowledged all. */
  constructor(changes: ChangeLog, maxQueuedMessages: number, onOverflow: (clientId: string) => void) {
    this.#changes = changes
    this.#maxQueuedMessages = maxQueuedMessages
    this.#onOverflow = onOverflow
  }

  restore(place: number, clientId: string, message: Message): void {
    this.#lastPlace = Math.max(this.#lastPlace, place)
    const queue = this.#queues.get(clientId) ?? new Map<number, Message>()
    this.#queues.set(clientId, queue.set(place, message))
  }

  /**
   * Queues it for each client with the lower of its own QoS and the highest subscribed one [MQTT-3.3.5-1], without the DUP
   * and RETAIN with which it came [MQTT-3.3.1-3, 3.3.1-9].
   */
  enqueue(subscriptions: { clientId: string; qos?: 0 | 1 | 2 }[], packet: Message): void {
    const qosOf = new Map<string, 0 | 1 | 2>()
    for (const { clientId, qos = packet.qos } of subscriptions) {
      qosOf.set(clientId, Math.max(qosOf.get(clientId) ?? 0, qos) as 0 | 1 | 2)
    }
    if (qosOf.size === 0) return
    const { messageId: _, ...copy } = copyOf(packet)
    for (const [clientId, qos] of qosOf) {
      const lower = Math.min(qos, packet.qos) as 0 | 1 | 2
      const message = { ...copy, qos: lower, dup: false, retain: false, messageId: undefined }
      const place = this.#lastPlace + 1
      this.restore(place, clientId, message)
      this.#changes.add(['queued', place, clientId, null, ...rowOf(message)])
      this.#dropOldest(clientId)
    }
  }

  /**
   * Notes the id with which a message is sent now, or that a PUBREL takes its place. One that is not queued any more, because
   * the client has unsubscribed or the queue was full, is sent all the same.
   */
  update(clientId: string, packet: Message): void {
    const isRelease = packet.cmd === 'pubrel'
    const found = this.#find(clientId, (queued) =>
      isRelease
        ? queued.messageId === packet.messageId
        : queued.brokerId === packet.brokerId && queued.brokerCounter === packet.brokerCounter,
    )
    if (found === undefined || packet.messageId === undefined) return
    const { place, queue, message } = found
    const { messageId } = packet
    if (isRelease) {
      if (message.cmd === 'pubrel') return
      const release = { cmd: 'pubrel', messageId } as Message
      queue.set(place, release)
      this.#changes.add(['queued', place, clientId, messageId, ...rowOf(release)])
    } else if (message.messageId === messageId) {
      this.#resent.add(packet)
    } else {
      message.messageId = messageId
      this.#changes.add(['sent', messageId, place])
    }
  }

  /** A PUBACK or PUBCOMP came; returns what it was for. Aedes also calls it without an id, for a message it did not send. */
  acknowledge(clientId: string, messageId: number | undefined): Message | undefined {
    if (messageId === undefined) return undefined
    const found = this.#find(clientId, (queued) => queued.messageId === messageId)
    if (found !== undefined) this.#delete(clientId, found.place)
    return found?.message
  }

  /** What is queued now, less what is acknowledged while it is read. */
  *of(clientId: string): Generator<Message> {
    const queue = this.#queues.get(clientId)
    const lastPlace = this.#lastPlace
    for (const [place, message] of queue ?? []) {
      if (place > lastPlace) return
      yield message
    }
  }

  /** Whether this very packet repeats one that was sent and not acknowledged. */
  isResent(packet: object): boolean {
    return this.#resent.has(packet)
  }

  /** With the session: its rows go with it. */
  end(clientId: string): boolean {
    this.#overflowed.delete(clientId)
    return this.#queues.delete(clientId)
  }

  #find(clientId: string, isIt: (queued: Message) => boolean) {
    const queue = this.#queues.get(clientId)
    for (const [place, message] of queue ?? []) if (isIt(message)) return { queue: queue!, place, message }
    return undefined
  }

  #delete(clientId: string, place: number): void {
    const queue = this.#queues.get(clientId)
    queue?.delete(place)
    this.#changes.add(['acknowledged', place])
    if (queue?.size === 0) this.end(clientId)
  }

  #dropOldest(clientId: string): void {
    const queue = this.#queues.get(clientId)!
    for (const [place] of queue) {
      if (queue.size <= this.#maxQueuedMessages) return
      this.#delete(clientId, place)
      if (!this.#overflowed.has(clientId)) this.#onOverflow(clientId)
      this.#overflowed.add(clientId)
    }
  }
}
