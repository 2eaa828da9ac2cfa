import type { Client } from 'aedes'
import type { Receipt } from '../wire/messages.ts'
import { topicOf } from '../wire/topics.ts'

/** The clients that subscribed to their receipts: most devices do not, and a receipt for nobody costs as much as one. */
export class ReceiptReaders {
  readonly #clients = new Map<string, Client>()

  subscribed(client: Client, topic: string): void {
    if (topic === topicOf(client.id, 'receipt')) this.#clients.set(client.id, client)
  }

  unsubscribed(client: Client, topics: string[]): void {
    if (topics.includes(topicOf(client.id, 'receipt'))) this.gone(client)
  }

  gone(client: Client): void {
    if (this.#clients.get(client.id) === client) this.#clients.delete(client.id)
  }

  /** What to publish; not to one that does not read now: its next receipt says more. */
  *messages(receipts: ({ deviceId: string } & Receipt)[]): Generator<{ topic: string; payload: Buffer }> {
    if (this.#clients.size === 0) return
    for (const { deviceId, session, seq } of receipts) {
      const reader = this.#clients.get(deviceId)
      if (reader === undefined || reader.conn.writableNeedDrain) continue
      const payload = Buffer.from(JSON.stringify({ session, seq } satisfies Receipt))
      yield { topic: topicOf(deviceId, 'receipt'), payload }
    }
  }
}
