/**
 * What `ingest.ts` measures, a process of its own: `aedes` (bare) or `gateway`, with as many readings stored already as the
 * second argument says. Prints its port and password, then serves.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import pino from 'pino'
import { createBroker } from '../../gateway/broker/broker.ts'
import { createListeners } from '../../gateway/broker/listeners.ts'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { deviceRights } from '../../gateway/broker/rights.ts'
import type { Receipts } from '../../gateway/ingest/batch.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { startWriter } from '../../gateway/ingest/thread.ts'
import { systemClock } from '../../gateway/lib/clock.ts'
import { newDeviceSecret } from '../../gateway/lib/device-secret.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'

const DEVICES = 50
const STORED_ALREADY = Number(process.argv[3] ?? 0)

const target = process.argv[2] === 'aedes' ? await bareAedes() : await gateway()
process.stdout.write(`${JSON.stringify(target)}\n`)

async function bareAedes(): Promise<{ port: number; password: string }> {
  const aedes = await Aedes.createBroker()
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    aedes.handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.once('SIGTERM', () => process.exit(0))
  return { port: (server.address() as { port: number }).port, password: 'none' }
}

async function gateway(): Promise<{ port: number; password: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-ingest-'))
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  db.prepare("INSERT INTO homes (home_id, time_zone) VALUES ('bench', 'UTC')").run()
  const devices = sqliteDeviceStore(db)
  const store = sqliteIntakeStore(db)
  const { secret, secretSha256 } = newDeviceSecret()
  const description = {
    maker: 'Bench',
    model: 'B1',
    slots: [
      {
        slot: 'detergent',
        unit: 'ml' as const,
        capacity: 1400,
        degradationDirection: 'down' as const,
        replacementProducts: [],
      },
    ],
  }
  for (let index = 0; index < DEVICES; index++) {
    const deviceId = `bench-${index}`
    const keyAddress = `0x${'0'.repeat(40)}` as const
    await devices.add({ deviceId, homeId: 'bench', secretSha256, keyAddress, keySealed: new Uint8Array(0) }, Date.now())
    await store.commit([{ kind: 'description', deviceId, description, body: '' }], Date.now())
  }
  fill(db, STORED_ALREADY)
  const log = pino({ level: 'silent' })
  let commits = 0
  const onCommitted = (receipts: Receipts) => {
    commits++
    broker.sendReceipts(receipts)
  }
  const writer = await startWriter(join(folder, 'gateway.db'), (fault) => {
    throw fault
  })
  const intake = createIntake({ writer: writer.port, clock: systemClock, log, onCommitted })
  const persistence = new BrokerPersistence({ write: intake.keep })
  const broker = createBroker({
    persistence,
    rights: deviceRights(devices),
    intake,
    log,
    // All as in the gateway, but for the allowance of a single device.
    limits: { messagesPerSecond: 1_000_000, burstMessages: 1_000_000 },
  })
  const listeners = createListeners({ host: '127.0.0.1', port: 0, accept: (connection) => broker.accept(connection) })
  await broker.start()
  const { port } = await listeners.start()
  process.once('SIGTERM', () => {
    const { stored, verified } = db
      .prepare(`SELECT count(*) AS stored, total(mark = 'verified') AS verified FROM readings`)
      .get() as { stored: number; verified: number }
    process.stdout.write(`${JSON.stringify({ stored, verified, commits })}\n`)
    db.close()
    rmSync(folder, { recursive: true })
    process.exit(0)
  })
  return { port, password: secret }
}

/** As many readings as if the devices had sent them in turn, long ago. */
function fill(db: Db, count: number): void {
  db.prepare(
    `INSERT INTO sessions (device_id, session, high_water, last_seen_at_ms)
     SELECT device_id, 'old', @count, 0 FROM devices WHERE @count > 0`,
  ).run({ count })
  db.prepare(
    `WITH RECURSIVE n (seq) AS (SELECT 1 WHERE @count > 0 UNION ALL SELECT seq + 1 FROM n WHERE seq < @count)
     INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark,
                           mark_reason, body)
     SELECT 1 + seq % @devices, seq, 0, seq, 0, seq, 'detergent', 700, 'verified', '', @body FROM n`,
  ).run({ count, devices: DEVICES, body: '{"session":"old","seq":1}'.padEnd(130) })
}
