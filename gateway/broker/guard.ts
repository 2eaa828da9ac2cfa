import type { Duplex } from 'node:stream'
import type { Client } from 'aedes'
import { ConductTable } from './conduct.ts'
import type { Connection } from './connection.ts'
import type { BrokerLimits } from './limits.ts'
import { capPacketLength } from './packet-cap.ts'
import type { Refusal } from './rights.ts'
import { ConnectionSlots } from './slots.ts'
import type { TokenBucket } from './token-bucket.ts'

/** CONNACK return code of MQTT 3.1.1, table 3.1. */
const SERVER_UNAVAILABLE = 3
/** Devices that were cut come back within so long: mqtt.js and Paho try again after 1 s to 2 min. */
const EXCUSED_MS = 120_000

/** What one connection's reader asks. */
export type ConnectionGuard = {
  /** After each chunk: so many packets were in it. Returns the ms for which reads rest now; 0: go on. */
  took(packets: number, nowMs: number): number
}

/** What is used of Aedes' client; private to Aedes 1.2.0, so the version is pinned and a test watches. */
type ClientInside = {
  _keepaliveTimer: NodeJS.Timeout | null
  _keepaliveInterval: number
  /** By filter, without a prototype. */
  subscriptions: Record<string, unknown>
}

/** Holds connections within the limits. All its time is the machine's: limits are no part of a simulated day. */
export class Guard {
  readonly #limits: BrokerLimits
  readonly #slots: ConnectionSlots
  readonly #conduct: ConductTable
  readonly #onFlapping: (deviceId: string) => void
  #excusedUntilMs = Number.NEGATIVE_INFINITY

  /** `onFlapping` is told once per ban. */
  constructor(limits: BrokerLimits, onFlapping: (deviceId: string) => void) {
    this.#limits = limits
    this.#slots = new ConnectionSlots(limits)
    this.#conduct = new ConductTable(limits)
    this.#onFlapping = onFlapping
  }

  /** Whether there is a place for one more connection; called before a byte of it is read. It counts until it closes. */
  admit({ stream }: Connection): boolean {
    return this.#slots.take(stream)
  }

  /** Why a client that proved who it is may still not connect now; undefined: it is let in. */
  refusalOf(client: Client): Refusal | undefined {
    const nowMs = performance.now()
    const outcome = nowMs < this.#excusedUntilMs ? 'welcome' : this.#conduct.connect(client.id, nowMs)
    if (outcome === 'welcome') {
      this.#slots.settle(client.conn as Duplex)
      return undefined
    }
    if (outcome === 'flapping') this.#onFlapping(client.id)
    return { returnCode: SERVER_UNAVAILABLE, reason: 'it connected too often and must wait' }
  }

  /** Connections were cut for a fault of ours: for a while connecting again is not held against anybody, banned before or not. */
  excuse(): void {
    this.#excusedUntilMs = performance.now() + EXCUSED_MS
  }

  /** Whether a client may hold this subscription too; one that it has already it may name again. */
  mayHold(client: Client, filter: string): boolean {
    const { subscriptions } = client as unknown as ClientInside
    return filter in subscriptions || Object.keys(subscriptions).length < this.#limits.maxSubscriptions
  }

  /** Watches a connection that has a place. */
  watch(client: Client): ConnectionGuard {
    capPacketLength(client, this.#limits)
    let allowance: TokenBucket | undefined
    client.once('connected', () => {
      allowance = this.#conduct.messages(client.id, performance.now())
      hearBeforeCutting(client)
    })
    // A chunk without the end of a packet counts too, or one that drips bytes would be read without end.
    return { took: (packets, nowMs) => allowance?.take(Math.max(1, packets), nowMs) ?? 0 }
  }
}

/**
 * A device is silent when it sent nothing in one and a half times its keepalive [MQTT-3.1.2-24]. While its reads rest, or
 * what it sent before waits for the disk, its PINGREQ lies unread: it has spoken, so it is not cut.
 */
function hearBeforeCutting(client: Client): void {
  const inside = client as unknown as ClientInside
  if (inside._keepaliveTimer === null) return
  clearTimeout(inside._keepaliveTimer)
  // Aedes refreshes the timer with each packet and clears it when it closes the client.
  inside._keepaliveTimer = setTimeout(() => {
    if ((client.conn as { readableLength?: number }).readableLength) inside._keepaliveTimer?.refresh()
    else client.emit('error', new Error('keep alive timeout'))
  }, inside._keepaliveInterval)
}
