import type { ChangeLog } from './persistence-changes.ts'
import { copyOf, type Message, rowOf } from './persistence-messages.ts'

/** A connection, as far as it matters here; with clean session on, nothing of it outlives it. */
export type ClientRef = { id: string; clean?: boolean; conn?: { destroy(): void } }

/** QoS 2 messages of clients between PUBLISH and PUBREL: one with the same id is the same message [MQTT-4.3.3-2]. */
export class IncomingMessages {
  readonly #changes: ChangeLog
  /** `kept` settles when the message is on disk. */
  readonly #byClient = new Map<string, Map<number, { message: Message; kept: Promise<void> }>>()

  constructor(changes: ChangeLog) {
    this.#changes = changes
  }

  restore(clientId: string, message: Message, kept = Promise.resolve()): void {
    const own = this.#byClient.get(clientId) ?? new Map<number, { message: Message; kept: Promise<void> }>()
    this.#byClient.set(clientId, own.set(message.messageId!, { message, kept }))
  }

  /** Resolves when it is on disk, so that PUBREC may be said. One that could not be written was never here. */
  async add(client: ClientRef, packet: Message): Promise<void> {
    const message = copyOf(packet)
    const messageId = message.messageId!
    if (client.clean) return this.restore(client.id, message)
    this.#changes.add(['incoming', client.id, messageId, ...rowOf(message)])
    const kept = this.#changes.committed()
    this.restore(client.id, message, kept)
    try {
      await kept
    } catch (error) {
      this.#delete(client.id, messageId)
      throw error
    }
  }

  /** Rejects when it is new. A repeated one is answered when the first is on disk. */
  async get(clientId: string, messageId: number): Promise<Message> {
    const entry = this.#byClient.get(clientId)?.get(messageId)
    if (entry === undefined) throw new Error('no such packet')
    await entry.kept
    return entry.message
  }

  /**
   * Resolves when it is gone from the disk too: then the client may use the id again. After a storage fault Aedes would say
   * PUBCOMP all the same, so the connection is ended first.
   */
  async delete(client: ClientRef, messageId: number): Promise<void> {
    if (!this.#delete(client.id, messageId)) throw new Error('no such packet')
    if (client.clean) return
    try {
      await this.#changes.committed()
    } catch (error) {
      client.conn?.destroy()
      throw error
    }
  }

  async clear(clientId: string): Promise<void> {
    if (!this.end(clientId)) return
    this.#changes.add(['all-released', clientId])
    await this.#changes.committed()
  }

  /** With the session: its rows go with it. */
  end(clientId: string): boolean {
    return this.#byClient.delete(clientId)
  }

  #delete(clientId: string, messageId: number): boolean {
    const own = this.#byClient.get(clientId)
    if (own?.delete(messageId) !== true) return false
    if (own.size === 0) this.#byClient.delete(clientId)
    this.#changes.add(['released', clientId, messageId])
    return true
  }
}
