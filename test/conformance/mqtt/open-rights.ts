import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createBroker } from '../../../gateway/broker/broker.ts'
import { createListeners } from '../../../gateway/broker/listeners.ts'
import { BrokerPersistence } from '../../../gateway/broker/persistence.ts'
import type { Rights } from '../../../gateway/broker/rights.ts'
import { systemClock } from '../../../gateway/lib/clock.ts'
import type { Intake } from '../../../gateway/ports/ingest.ts'
import { sqliteBrokerState } from '../../../gateway/store/broker-state.ts'
import { openDatabase } from '../../../gateway/store/database.ts'
import { type ConnectOptions, Peer } from './peer.ts'

/** The one filter that nobody may subscribe to. */
export const REFUSED_FILTER = 'test/nosubscribe'

/** Anybody may say and read anything, and it goes from one to the other: MQTT as its specification describes it. */
const OPEN_RIGHTS: Rights = {
  admit: async () => undefined,
  publish: () => 'route',
  subscribe: (_clientId, filter) => filter !== REFUSED_FILTER,
}
const NO_INTAKE: Intake = {
  take: () => {
    throw new Error('With open rights everything is routed.')
  },
  hasRoom: () => true,
  whenRoom: (callback) => callback(),
  drained: async () => undefined,
}
/** A test says in a second what a device says in a day. */
const LIMITS = { messagesPerSecond: 1_000_000, burstMessages: 1_000_000, maxConnectsPerMinute: 1_000_000 }

/** The gateway's broker with open rights over a real database, on the loopback; port 0: any free one. */
export async function startOpenBroker(port = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-mqtt-'))
  let { port: takenPort, stop } = await start(folder, port)
  return {
    get port() {
      return takenPort
    },
    open: () => Peer.open(takenPort),
    connect: (options?: ConnectOptions) => Peer.connect(takenPort, options),
    /** Another broker over the same database. */
    async restart(): Promise<void> {
      await stop()
      ;({ port: takenPort, stop } = await start(folder, takenPort))
    },
    async stop(): Promise<void> {
      await stop()
      rmSync(folder, { recursive: true })
    },
  }
}
export type OpenBroker = Awaited<ReturnType<typeof startOpenBroker>>

async function start(folder: string, port: number) {
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  const state = sqliteBrokerState(db)
  const broker = createBroker({
    rights: OPEN_RIGHTS,
    intake: NO_INTAKE,
    log: pino({ level: 'silent' }),
    limits: LIMITS,
    persistence: new BrokerPersistence({
      state: state.load(systemClock.nowMs()),
      write: state.write,
      maySubscribe: OPEN_RIGHTS.subscribe,
    }),
  })
  const listeners = createListeners({ host: '127.0.0.1', port, accept: (connection) => broker.accept(connection) })
  await broker.start()
  const listening = await listeners.start()
  return {
    port: listening.port,
    async stop(): Promise<void> {
      await listeners.stop()
      await broker.stop()
      db.close()
    },
  }
}
