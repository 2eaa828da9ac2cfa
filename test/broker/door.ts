import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import mqtt from 'mqtt'
import { generate, type Packet, parser } from 'mqtt-packet'
import pino from 'pino'
import { BrokerLimits } from '../../gateway/broker/limits.ts'
import { type BrokerSettings, openBroker } from '../../gateway/broker/open-broker.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { runWriter } from '../../gateway/ingest/writer.ts'
import { ManualClock, systemClock } from '../../gateway/lib/clock.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { sqliteOnboardingStore } from '../../gateway/store/onboarding.ts'
import { HOME, NOW_MS, temporaryStore } from './fixture.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const KEY = { keyAddress: `0x${'a1'.repeat(20)}` as const, keySealed: Buffer.from('sealed') }

/** The broker with its listeners and its desk, as the gateway joins them, each listener on a free port of the loopback. */
export async function startDoor(settings: Partial<BrokerSettings> = {}) {
  const store = temporaryStore()
  const dataFolder = mkdtempSync(join(tmpdir(), 'door-'))
  const clock = new ManualClock(NOW_MS)
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) })
  const { port1: writer, port2 } = new MessageChannel()
  runWriter(port2, store.intake)
  const faults: unknown[] = []
  const door = openBroker({
    dataFolder,
    settings: { ...LOOPBACK, announce: false, limits: BrokerLimits.parse({}), ...settings },
    name: 'test',
    devices: store.devices,
    onboarding: sqliteOnboardingStore(store.db, []),
    deviceKeys: { make: () => KEY },
    mandates: sqliteMandateStore(store.db),
    revoke: async (_homeId, mandateHash) => ({ ok: true, sentence: `Revoked ${mandateHash}.` }),
    intake: createIntake({ writer, clock, log, onCommitted: () => undefined }),
    clock,
    certificateClock: systemClock,
    log,
    onFault: (error) => faults.push(error),
  })
  const { port } = await door.start()
  const clients: mqtt.MqttClient[] = []
  const sockets: Socket[] = []
  const feed = sqliteFeedStore(store.db)
  return {
    ...store,
    ...door,
    dataFolder,
    clock,
    port,
    faults,
    /** All that was logged. */
    logged: () => lines.join(''),
    /** Sentences that the homeowner was told. */
    told: async () => (await feed.latest(HOME, 100)).map(({ text }) => text),
    url: (scheme: string) => door.endpoints().addresses.find(({ url }) => url.startsWith(`${scheme}:`))!.url,
    /** A connected mqtt.js client; rejects with the broker's refusal. */
    async client(url: string, options: mqtt.IClientOptions): Promise<mqtt.MqttClient> {
      const client = await mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0, ...options })
      clients.push(client)
      return client
    },
    /** A socket that speaks what the test writes and acknowledges nothing, and the packets that come back. */
    async raw() {
      const socket = connectTcp(port, '127.0.0.1')
      sockets.push(socket.on('error', () => undefined))
      const packets: Packet[] = []
      const parse = parser({ protocolVersion: 4 })
      parse.on('packet', (packet) => packets.push(packet))
      socket.on('data', (chunk) => parse.parse(chunk))
      const end = once(socket, 'close')
      await once(socket, 'connect')
      return { packets, end, send: (packet: Packet) => socket.write(generate(packet)) }
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(clients.map((client) => client.endAsync(true)))
      await door.stop()
      writer.close()
      store.close()
      rmSync(dataFolder, { recursive: true })
    },
  }
}
export type Door = Awaited<ReturnType<typeof startDoor>>

/** Resolves to the CONNACK code of a refused attempt, or 0. */
export function refusal(attempt: Promise<unknown>): Promise<number | string | undefined> {
  return attempt.then(
    () => 0,
    (error: { code?: number | string }) => error.code,
  )
}

export const closed = (client: mqtt.MqttClient) => new Promise<void>((resolve) => client.once('close', () => resolve()))
