/** The rules' stage over its real database: one new reading beside a million stored ones, and ten thousand slots at once. */
import { parseArgs } from 'node:util'
import { homeCalendar } from '../../gateway/domain/home-calendar.ts'
import { evaluate } from '../../gateway/rules/evaluate.ts'
import { builtInRules } from '../../gateway/rules/in-force.ts'
import { openRecord, START_MS } from '../rules/record.ts'
import { GTIN } from '../rules/situation.ts'

const READINGS = 1_000_000
const SLOTS = 10_000
const LOOKS = 2_000

const HELP = `node test/bench/rules.ts [--readings ${READINGS}] [--json]
Prints the time to decide one new reading, and to decide ${SLOTS} slots, as wall time and as CPU time of this process.`

const { values } = parseArgs({
  options: {
    readings: { type: 'string', default: String(READINGS) },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(HELP)
else await bench(Number(values.readings))

async function bench(readings: number): Promise<void> {
  const home = await openRecord()
  try {
    home.grant()
    await home.confirm('auto')
    await home.level(1400)
    await home.drain()
    fill(home.db, readings)
    const book = { rules: builtInRules().rules, calendar: homeCalendar('UTC') }
    const step = () =>
      home.stores.rules.step(200, home.clock.nowMs(), 1, (situation) =>
        evaluate(situation, book, home.clock.nowMs(), () => crypto.randomUUID()),
      )

    const wallMs: number[] = []
    const cpuMs: number[] = []
    for (let look = 0; look < LOOKS; look++) {
      home.clock.set(START_MS + look * 60_000)
      await home.level(1400 - (look % 300))
      const [wall, cpu] = [performance.now(), cpuNowMs()]
      await step()
      wallMs.push(performance.now() - wall)
      cpuMs.push(cpuNowMs() - cpu)
    }

    home.db.exec('UPDATE slots SET evaluate = 1')
    const [wall, cpu] = [performance.now(), cpuNowMs()]
    while ((await step()).worked);
    const figures = {
      decideReadingP50Ms: percentile(wallMs, 0.5),
      decideReadingP99Ms: percentile(wallMs, 0.99),
      decideReadingCpuP99Ms: percentile(cpuMs, 0.99),
      decideStored10000SlotsMs: Math.round(performance.now() - wall),
      decideStored10000SlotsCpuMs: Math.round(cpuNowMs() - cpu),
    }
    for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(28)} ${value}`)
    if (values.json) console.log(JSON.stringify({ bench: 'rules', figures }))
  } finally {
    home.close()
  }
}

/** Slots with readings that the rules have read already; the last reading of each is what it holds. */
function fill(db: Awaited<ReturnType<typeof openRecord>>['db'], readings: number): void {
  const slot = { slot: 'detergent', unit: 'ml', capacity: 1400, degradationDirection: 'down' }
  const description = JSON.stringify({ ...slot, replacementProducts: [{ type: 'gtin14', value: GTIN }] })
  const body = JSON.stringify({
    session: 's1',
    seq: 1,
    measuredAtMs: START_MS,
    slot: 'detergent',
    remaining: 1400,
    unit: 'ml',
  })
  const { state } = db.prepare('SELECT state FROM slot_needs').get() as { state: string }
  db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SLOTS})
      INSERT INTO devices (device_id, home_id, secret_sha256, key_address, key_sealed, added_at_ms)
        SELECT 'd' || i, 'home', x'00', '0x', x'00', 0 FROM n;
    INSERT INTO slots (device_id, slot, description, mode, confirmed_at_ms, suspended_reason)
      SELECT device_id, 'detergent', '${description}', 'auto', 0, '' FROM devices WHERE device_id LIKE 'd%';
    INSERT INTO slot_measures SELECT device_id, 'detergent', 0, 'ml', 1400, 'down' FROM devices WHERE device_id LIKE 'd%';
    INSERT INTO sessions (session_key, device_id, session, high_water, last_seen_at_ms)
      SELECT rowid + 10, device_id, 's1', 0, 0 FROM devices WHERE device_id LIKE 'd%';
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${readings})
      INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark, mark_reason, body)
      SELECT 11 + i % ${SLOTS}, i, 0, ${START_MS}, 0, ${START_MS}, 'detergent', 1400, 'verified', '', '${body}' FROM n;
    UPDATE rules_cursor SET reading_id = (SELECT max(reading_id) FROM readings);
    UPDATE slots SET evaluate = 0`)
  db.prepare(
    `INSERT INTO slot_needs (device_id, slot, state) SELECT device_id, 'detergent', ? FROM slots WHERE device_id LIKE 'd%'`,
  ).run(state)
}

function cpuNowMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (
    Math.round((sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN) * 100) / 100
  )
}
