/**
 * What `retention.ts` measures, a process of its own: broker and intake over a database with old readings, which are thinned
 * (`thin`) or left alone (`leave`). Prints its port and password, then serves; on SIGTERM prints what the slices did.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createBroker } from '../../gateway/broker/broker.ts'
import { createListeners } from '../../gateway/broker/listeners.ts'
import { deviceRights } from '../../gateway/broker/rights.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { retentionWorker } from '../../gateway/ingest/retention.ts'
import { startWriter } from '../../gateway/ingest/thread.ts'
import { systemClock } from '../../gateway/lib/clock.ts'
import { newDeviceSecret } from '../../gateway/lib/device-secret.ts'
import { Scheduler } from '../../gateway/lib/scheduler.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { sqliteRetentionStore } from '../../gateway/store/retention.ts'
import { percentile } from './cpu.ts'

const DEVICES = 50
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

const [mode, readings] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'bench-retention-'))
const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
db.prepare("INSERT INTO homes (home_id, time_zone) VALUES ('bench', 'UTC')").run()
const devices = sqliteDeviceStore(db)
const { secret, secretSha256 } = newDeviceSecret()
await addDevices()
fill(db, Number(readings))

const log = pino({ level: 'silent' })
const writer = await startWriter(join(folder, 'gateway.db'), (fault) => {
  throw fault
})
const intake = createIntake({ writer: writer.port, clock: systemClock, log, onCommitted: () => undefined })
const limits = { messagesPerSecond: 1_000_000, burstMessages: 1_000_000 }
const broker = createBroker({ rights: deviceRights(devices), intake, log, limits })
const listeners = createListeners({ host: '127.0.0.1', port: 0, accept: (connection) => broker.accept(connection) })
await broker.start()
const { port } = await listeners.start()
const sliceMs: number[] = []
if (mode === 'thin') startThinning()
process.stdout.write(`${JSON.stringify({ port, password: secret })}\n`)
process.once('SIGTERM', () => {
  const left = db.prepare('SELECT hours_until, thinned_until FROM retention').get() as object
  const slices = { slices: sliceMs.length, sliceP50Ms: percentile(sliceMs, 0.5), sliceP99Ms: percentile(sliceMs, 0.99) }
  process.stdout.write(`${JSON.stringify({ ...left, ...slices })}\n`, () => {
    rmSync(folder, { recursive: true })
    process.exit(0)
  })
})

function startThinning(): void {
  const store = sqliteRetentionStore(db, { rawMs: 30 * DAY_MS, rawReadings: 20_000_000 })
  const timed = {
    async step(nowMs: number) {
      const beganAtMs = performance.now()
      const found = await store.step(nowMs)
      if (found.worked) sliceMs.push(performance.now() - beganAtMs)
      return found
    },
  }
  const worker = retentionWorker({ store: timed, clock: systemClock })
  new Scheduler([worker], {
    clock: systemClock,
    pollMs: 1_000,
    onFault: (_, error) => {
      throw error
    },
  }).start()
}

async function addDevices(): Promise<void> {
  const store = sqliteIntakeStore(db)
  const slot = {
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    degradationDirection: 'down',
    replacementProducts: [],
  } as const
  for (let index = 0; index < DEVICES; index++) {
    const deviceId = `bench-${index}`
    const keyAddress = `0x${'0'.repeat(40)}` as const
    await devices.add({ deviceId, homeId: 'bench', secretSha256, keyAddress, keySealed: new Uint8Array(0) }, Date.now())
    const description = { maker: 'Bench', model: 'B1', slots: [{ ...slot, replacementProducts: [] }] }
    await store.commit([{ kind: 'description', deviceId, description, body: '' }], Date.now())
  }
}

/** Readings of the ten days before the last thirty, which the rules have read. */
function fill(into: Db, count: number): void {
  const fromMs = Date.now() - 41 * DAY_MS
  const everyMs = Math.max(1, Math.floor((240 * HOUR_MS) / count))
  into.exec(`
    INSERT INTO sessions (session_key, device_id, session, high_water, last_seen_at_ms)
      SELECT rowid, device_id, 'old', ${count}, ${fromMs} FROM devices;
    UPDATE slot_measures SET from_reading_id = 0;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
      INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark, mark_reason, body)
      SELECT 1 + i % ${DEVICES}, i, 0, ${fromMs} + i * ${everyMs}, 0, ${fromMs} + i * ${everyMs}, 'detergent',
             1400 - i / ${DEVICES} % 1200, 'verified', '',
             printf('{"session":"old","seq":%d,"measuredAtMs":%d,"slot":"detergent","remaining":%d,"unit":"ml"}', i,
                    ${fromMs} + i * ${everyMs}, 1400 - i / ${DEVICES} % 1200) FROM n;
    UPDATE rules_cursor SET reading_id = ${count}`)
}
