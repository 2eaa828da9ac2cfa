import type { Duplex } from 'node:stream'
import pino from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Broker, createBroker } from '../../gateway/broker/broker.ts'
import { createListeners, type Listeners } from '../../gateway/broker/listeners.ts'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import type { ConnectRequest } from '../../gateway/broker/rights.ts'
import type { Intake } from '../../gateway/ports/ingest.ts'
import { Peer } from '../conformance/mqtt/peer.ts'
import { until } from './fixture.ts'
import { temporaryState } from './persistence-fixture.ts'

/** What happens at the moment in which a client is let in. */
let atAdmission: (request: ConnectRequest) => void
/** Writes wait for it. */
let disk: Promise<void>
let state: ReturnType<typeof temporaryState>
let broker: Broker
let listeners: Listeners
let port: number
beforeEach(async () => {
  atAdmission = () => undefined
  disk = Promise.resolve()
  state = temporaryState()
  const noIntake: Intake = {
    take: (_packets, messages, settled) => setImmediate(settled, { stored: messages, deadLetters: 0 }),
    hasRoom: () => true,
    whenRoom: (callback) => callback(),
    drained: async () => undefined,
  }
  broker = createBroker({
    rights: {
      admit: async (request) => void atAdmission(request),
      publish: () => 'intake',
      subscribe: () => true,
    },
    intake: noIntake,
    log: pino({ level: 'silent' }),
    persistence: new BrokerPersistence({
      clock: state.clock,
      write: async (changes) => {
        await disk
        await state.store.write(changes)
      },
    }),
  })
  listeners = createListeners({ host: '127.0.0.1', port: 0, accept: (connection) => broker.accept(connection) })
  await broker.start()
  port = (await listeners.start()).port
})
afterEach(async () => {
  await listeners.stop()
  await broker.stop()
  state.close()
})

it('knows a client whose connection before ends while this one is let in, and can drop it', async () => {
  let streamBefore: Duplex | undefined
  atAdmission = ({ connection }) => {
    streamBefore = connection.stream
  }
  const before = await Peer.connect(port, { clientId: 'washer-1' })
  await before.subscribe('adept/v1/washer-1/command', 1)
  atAdmission = () => streamBefore?.emit('end')
  const after = await Peer.connect(port, { clientId: 'washer-1' })
  await before.untilClosed()
  await after.ping()
  expect(broker.connectedCount()).toBe(1)
  await broker.disconnect('washer-1')
  await after.untilClosed()
  expect(broker.connectedCount()).toBe(0)
})

it.each(['ends', 'is dropped'])('keeps no client that %s while it is let in', async (how) => {
  const before = await Peer.connect(port, { clientId: 'washer-1', clean: false })
  await before.disconnect()
  await until(() => broker.connectedCount() === 0)
  // It is let in when its session before is gone from the disk.
  let release = () => {}
  disk = new Promise((resolve) => {
    release = resolve
  })
  let streamAfter: Duplex | undefined
  atAdmission = ({ connection }) => {
    streamAfter = connection.stream
  }
  const after = await Peer.open(port)
  after.send({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: 'washer-1',
    clean: true,
    keepalive: 0,
  })
  await until(() => streamAfter !== undefined)
  if (how === 'ends') streamAfter?.destroy()
  else await broker.disconnect('washer-1')
  expect(await after.untilClosed()).toEqual([])
  release()
  await until(() => state.count('broker_sessions') === 0)
  const again = await Peer.connect(port, { clientId: 'washer-1' })
  expect(broker.connectedCount()).toBe(1)
  await again.disconnect()
  await until(() => broker.connectedCount() === 0)
})
