import type { Client } from 'aedes'
import type { Connection } from './connection.ts'
import type { BrokerLimits } from './limits.ts'
import { capPacketLength } from './packet-cap.ts'

/** Holds each connection within the limits. */
export class Guard {
  readonly #limits: BrokerLimits
  #connections = 0

  constructor(limits: BrokerLimits) {
    this.#limits = limits
  }

  /** Whether one more connection is let in; called before a byte of it is read. It counts until it closes. */
  admit({ stream }: Connection): boolean {
    if (this.#connections >= this.#limits.maxConnections) return false
    this.#connections++
    stream.once('close', () => this.#connections--)
    return true
  }

  /** Watches a connection that was let in. */
  watch(client: Client, _connection: Connection): void {
    capPacketLength(client, this.#limits)
  }
}
