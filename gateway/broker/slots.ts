import type { Duplex } from 'node:stream'

/**
 * Places for connections. Those who have not been let in share a part of them, and the oldest of these gives way to a
 * newcomer: an honest one is let in within milliseconds, so whoever is oldest only holds a place. No limit by address, since
 * a whole home may come from one.
 */
export class ConnectionSlots {
  readonly #maxConnections: number
  readonly #maxPending: number
  /** In the order of arrival. */
  readonly #pending = new Set<Duplex>()
  readonly #settled = new Set<Duplex>()

  constructor(limits: { maxConnections: number; maxPendingConnections: number }) {
    this.#maxConnections = limits.maxConnections
    this.#maxPending = limits.maxPendingConnections
  }

  /** Gives a place to one more connection, until it closes; false when all are taken by those who were let in. */
  take(stream: Duplex): boolean {
    const isFull = this.#pending.size + this.#settled.size >= this.#maxConnections
    if (isFull || this.#pending.size >= this.#maxPending) {
      const [oldest] = this.#pending
      if (oldest === undefined) return false
      this.#pending.delete(oldest)
      oldest.destroy(new Error('others wanted its place before it was let in'))
    }
    this.#pending.add(stream)
    stream.once('close', () => {
      this.#pending.delete(stream)
      this.#settled.delete(stream)
    })
    return true
  }

  /** It was let in: nobody takes its place any more. */
  settle(stream: Duplex): void {
    if (this.#pending.delete(stream)) this.#settled.add(stream)
  }
}
