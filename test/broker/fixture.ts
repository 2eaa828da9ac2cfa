import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import mqtt from 'mqtt'
import { generate, type Packet, parser } from 'mqtt-packet'
import pino from 'pino'
import { createBroker } from '../../gateway/broker/broker.ts'
import { type BrokerLimits, DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { createListeners } from '../../gateway/broker/listeners.ts'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { deviceRights } from '../../gateway/broker/rights.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { runWriter } from '../../gateway/ingest/writer.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { newDeviceSecret } from '../../gateway/lib/device-secret.ts'
import type { IntakeStore } from '../../gateway/ports/ingest.ts'
import { sqliteBrokerState } from '../../gateway/store/broker-state.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'

export const NOW_MS = Date.UTC(2026, 10, 22, 12)
export const HOME = 'home-1'
export const DETERGENT: SlotDescription = {
  slot: 'detergent',
  unit: 'ml',
  capacity: 1400,
  degradationDirection: 'down',
  replacementProducts: [{ type: 'gtin14', value: '04006381333931' }],
}
export const WASHER = { maker: 'Samsung', model: 'W9000', firmware: { version: '1.4.2' }, slots: [DETERGENT] }

/** A real SQLite file in a folder of its own, with one home. */
export function temporaryStore() {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-test-'))
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  db.prepare('INSERT INTO homes (home_id, time_zone) VALUES (?, ?)').run(HOME, 'Europe/Berlin')
  const devices = sqliteDeviceStore(db)
  return {
    db,
    devices,
    intake: sqliteIntakeStore(db),
    /** Adds a device and returns its secret. */
    async add(deviceId: string): Promise<string> {
      const { secret, secretSha256 } = newDeviceSecret()
      const keyAddress = `0x${'a1'.repeat(20)}` as const
      await devices.add({ deviceId, homeId: HOME, secretSha256, keyAddress, keySealed: Buffer.from('sealed') }, NOW_MS)
      return secret
    },
    close() {
      if (db.open) db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Broker, intake and store as the gateway joins them, on a free port of the loopback; `store`: over one that is there. */
export async function startLine(
  options: {
    limits?: Partial<BrokerLimits>
    store?: ReturnType<typeof temporaryStore>
    wrapStore?(store: IntakeStore, db: Db): IntakeStore
  } = {},
) {
  const store = options.store ?? temporaryStore()
  const clock = new ManualClock(NOW_MS)
  const log = pino({ level: 'silent' })
  let commits = 0
  const results: { deviceId: string; result: unknown }[] = []
  const { port1: writer, port2 } = new MessageChannel()
  runWriter(port2, options.wrapStore?.(store.intake, store.db) ?? store.intake)
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const intake = createIntake({
    writer,
    maxWaitingMessages: limits.maxWaitingMessages,
    clock,
    log,
    onCommitted: (receipts) => {
      commits++
      broker.sendReceipts(receipts)
    },
    onCommandResult: (deviceId, result) => results.push({ deviceId, result }),
  })
  const rights = deviceRights(store.devices)
  const persistence = new BrokerPersistence({
    clock,
    state: sqliteBrokerState(store.db).load(clock.nowMs()),
    write: intake.keep,
    maySubscribe: rights.subscribe,
    limits,
    log,
  })
  const broker = createBroker({ rights, intake, log, limits, persistence })
  const listeners = createListeners({ host: '127.0.0.1', port: 0, accept: (connection) => broker.accept(connection) })
  await broker.start()
  const { port } = await listeners.start()
  const clients: mqtt.MqttClient[] = []
  const sockets: Socket[] = []
  return {
    ...store,
    broker,
    port,
    clock,
    results,
    commits: () => commits,
    count: (table: string) => (store.db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n,
    /** A connected mqtt.js client of a device; rejects with the broker's refusal. */
    async client(deviceId: string, password: string, more: mqtt.IClientOptions = {}): Promise<mqtt.MqttClient> {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
        protocolVersion: 4,
        clientId: deviceId,
        username: deviceId,
        password,
        reconnectPeriod: 0,
        ...more,
      })
      clients.push(client)
      return client
    },
    /** A socket that speaks whatever the test writes, and the packets that come back. */
    async raw() {
      const socket = connectTcp(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => undefined)
      const packets: Packet[] = []
      const parse = parser({ protocolVersion: 4 })
      parse.on('packet', (packet) => packets.push(packet))
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.on('data', (chunk) => parse.parse(chunk))
      await once(socket, 'connect')
      return { socket, packets, closed, send: (packet: Packet) => socket.write(generate(packet)) }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.endAsync(true)))
      for (const socket of sockets) socket.destroy()
      await listeners.stop()
      await broker.stop()
      writer.close()
      store.close()
    },
  }
}
export type Line = Awaited<ReturnType<typeof startLine>>

export function connectPacket(deviceId: string, password: string, more: Record<string, unknown> = {}): Packet {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 30,
    clientId: deviceId,
    username: deviceId,
    password: Buffer.from(password),
    ...more,
  } as Packet
}

export function level(seq: number, remaining: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ session: 's1', seq, slot: 'detergent', remaining, unit: 'ml', ...more })
}

/** Resolves when `condition` holds; the time-out of the test is its bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
