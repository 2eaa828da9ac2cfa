import { readFileSync } from 'node:fs'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'

const RECONNECT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000
/** A broker that hears nothing for one and a half of it publishes the will. */
const KEEPALIVE_SECONDS = 30
/** Looks so often whether the gateway is ready. */
const LOOK_MS = 15_000

/** A broker of the house, beside the gateway: the gateway's own broker cannot tell that it is gone itself. */
export type StatusBroker = {
  url: string
  username?: string | undefined
  password?: string | undefined
  /** PEM file of the authority that its certificate is checked with; absent: those that Node knows. */
  caFile?: string | undefined
}

/** Not below `adept/v1/`, whose next level is a device's id. */
export const gatewayStatusTopic = (homeId: string) => `adept/gateway/${homeId}/status`

/**
 * Keeps a retained `online` on that broker while the gateway is ready, `offline` while it is not or was stopped, and a will
 * that says `offline` when it is gone. The broker may be away at any time.
 */
export async function statusBroker(parts: {
  broker: StatusBroker
  homeId: string
  isReady(): Promise<boolean>
  clock: Clock
  /** Told once each time that the broker goes away or refuses; a sentence. */
  onProblem(sentence: string): void
}): Promise<{ worker: Worker; stop(): Promise<void> }> {
  const { broker, clock } = parts
  // Loaded only where it is wanted: 4 MiB of memory.
  const { connect } = await import('mqtt')
  const topic = gatewayStatusTopic(parts.homeId)
  const client = connect(broker.url, {
    ...connection(broker),
    clientId: `adept-gateway-${parts.homeId}`,
    keepalive: KEEPALIVE_SECONDS,
    reconnectPeriod: RECONNECT_MS,
    queueQoSZero: false,
    will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true },
  })
  let isReady: boolean | undefined
  let isAway = false
  let nextDueAtMs = 0
  const say = async () => {
    if (isReady !== undefined && client.connected)
      await client.publishAsync(topic, isReady ? 'online' : 'offline', { qos: 1, retain: true }).catch(() => undefined)
  }
  const away = (why: string) => {
    if (!isAway) parts.onProblem(`The gateway's status does not reach ${new URL(broker.url).host}: ${why}.`)
    isAway = true
  }
  client.on('connect', () => {
    isAway = false
    void say()
  })
  client.on('error', (error) => away(error.message))
  client.on('close', () => away('the connection ended'))

  return {
    worker: {
      name: 'status-broker',
      async step() {
        if (clock.nowMs() < nextDueAtMs) return { worked: false, nextDueAtMs }
        const wasReady = isReady
        isReady = await parts.isReady()
        nextDueAtMs = clock.nowMs() + LOOK_MS
        if (isReady !== wasReady) await say()
        return { worked: false, nextDueAtMs }
      },
    },
    async stop() {
      isAway = true
      isReady = false
      await say()
      await client.endAsync()
    },
  }
}

/** Connects once and leaves; throws what hinders it. */
export async function tryStatusBroker(broker: StatusBroker): Promise<void> {
  const { connectAsync } = await import('mqtt')
  const client = await connectAsync(broker.url, { ...connection(broker), reconnectPeriod: 0 }, false)
  await client.endAsync()
}

function connection({ username, password, caFile }: StatusBroker) {
  return {
    // What all brokers speak.
    protocolVersion: 4 as const,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
  }
}
