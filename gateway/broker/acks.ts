import type { Client, PublishPacket } from 'aedes'

/** A device that lets this many bytes of acks lie unread (16,384 messages) is disconnected; it sends them again. */
const MAX_UNREAD_BYTES = 65_536

/**
 * PUBACKs of one commit, written as one buffer per socket: Aedes writes each by itself, which took a third of the time
 * per message.
 */
export class AckBuffers {
  readonly #due = new Map<Client, number[]>()

  /**
   * Takes over the PUBACK of a QoS 1 message, so that Aedes does not write it: the message goes on as QoS 0, which nobody
   * sees. Returns what to call when it is stored; undefined when no PUBACK is due.
   */
  take(client: Client, packet: PublishPacket): (() => void) | undefined {
    const { messageId } = packet
    if (packet.qos !== 1 || messageId === undefined) return undefined
    packet.qos = 0
    return () => {
      let ids = this.#due.get(client)
      if (ids === undefined) {
        ids = []
        this.#due.set(client, ids)
        if (this.#due.size === 1) queueMicrotask(() => this.#write())
      }
      ids.push(messageId)
    }
  }

  #write(): void {
    for (const [client, ids] of this.#due) {
      const buffer = Buffer.allocUnsafe(ids.length * 4)
      for (const [index, id] of ids.entries()) {
        buffer.writeUInt16BE(0x4002, index * 4) // PUBACK, remaining length 2
        buffer.writeUInt16BE(id, index * 4 + 2)
      }
      if (client.conn.destroyed) continue
      client.conn.write(buffer)
      if (client.conn.writableLength > MAX_UNREAD_BYTES) client.conn.destroy(new Error('acks are not read'))
    }
    this.#due.clear()
  }
}
