import { afterEach, beforeEach, expect, test } from 'vitest'
import { metricsText } from '../../gateway/web/metrics.ts'
import { HOME, NOW_MS } from './placed-orders.ts'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())

const withoutToken = { authorization: '' }

/** Samples by name and labels, as Prometheus reads them; throws at a line that it would not take. */
function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  const typed = new Set<string>()
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (comment !== null) {
      if (comment[1] === 'TYPE') expect(typed.has(comment[2]!)).toBe(false)
      if (comment[1] === 'TYPE') typed.add(comment[2]!)
      continue
    }
    const sample = /^([a-z_]+)((?:\{(?:[a-z]+="(?:[^"\\]|\\["\\n])*",?)+\})?) (-?[0-9.e+-]+)$/.exec(line)
    if (sample === null) throw new Error(`no sample: ${line}`)
    expect(typed.has(sample[1]!)).toBe(true)
    samples.set(sample[1]! + sample[2]!, Number(sample[3]))
  }
  return samples
}

async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`${gateway.url}/metrics`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return parseMetrics(await response.text())
}

test('a gateway whose parts all answer is ready; else it names those that do not', async () => {
  const parts = { database: 'ok', writer: 'ok', chain: 'ok' }
  expect(await gateway.call('/readyz', undefined, withoutToken)).toEqual({ status: 200, body: { ready: true, parts } })

  gateway.hindered.chain = new Error('No chain answers at 127.0.0.1:8545.')
  expect(await gateway.call('/readyz')).toEqual({
    status: 503,
    body: {
      error: 'Not ready: chain: No chain answers at 127.0.0.1:8545.',
      ready: false,
      parts: { ...parts, chain: 'No chain answers at 127.0.0.1:8545.' },
    },
  })
  delete gateway.hindered.chain

  gateway.hindered.writer = new Error('The thread has ended.')
  gateway.db.pragma('query_only = 1')
  expect(await gateway.call('/readyz')).toMatchObject({
    status: 503,
    body: {
      parts: { database: expect.stringMatching(/can only be read/), writer: 'The thread has ended.', chain: 'ok' },
    },
  })
  expect(await gateway.call('/healthz', undefined, withoutToken)).toMatchObject({ status: 200 })
  expect(gateway.faults).toEqual([])
})

test('the metrics are what is stored at that moment', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const { db } = gateway
  db.prepare(`UPDATE devices SET status = 'online'`).run()
  const order = db.prepare(
    `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt,
       created_at_ms, reasons) VALUES (?, ?, 'washer', 'detergent', '4006381333931', 1, 'ask', ?, 0, 1, 0, '[]')`,
  )
  order.run('one', HOME, 'completed')
  order.run('two', HOME, 'completed')
  order.run('three', HOME, 'shipped')
  for (const id of [7, 8]) {
    db.prepare(
      `INSERT INTO readings (reading_id, session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, body)
       VALUES (?, 1, ?, 1, 0, 0, 0, '{}')`,
    ).run(id, id)
  }
  db.prepare(
    `INSERT INTO transactions (tx_hash, sender, nonce, purpose, raw, state, created_at_ms)
     VALUES ('0x01', '0xaa', 0, 'authorize', '0x', 'sent', 0), ('0x02', '0xaa', 1, 'authorize', '0x', 'included', 0)`,
  ).run()
  gateway.tell('low', 'Low.')
  db.prepare(
    `INSERT INTO deliveries (notification_id, channel, next_at_ms) SELECT notification_id, 'webhook', ? FROM notifications`,
  ).run(NOW_MS)
  db.prepare(`INSERT INTO chain_blocks VALUES (10, '0x')`).run()

  const samples = await scrape()
  expect(Object.fromEntries(samples)).toMatchObject({
    [`adept_build_info{version="0.1.0",node="${process.versions.node}"}`]: 1,
    adept_readings_stored_total: 8,
    adept_dead_letters_total: 0,
    'adept_devices{status="online"}': 1,
    'adept_devices{status="offline"}': 0,
    'adept_orders{state="completed"}': 2,
    'adept_orders{state="shipped"}': 1,
    adept_transactions_open: 1,
    adept_notifications_due: 1,
    adept_intake_has_room: 1,
    adept_chain_up: 1,
    adept_chain_head_block: 12,
    adept_chain_head_age_seconds: 3,
    adept_chain_lag_blocks: 2,
  })
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0)
  expect(samples.get('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0)
})

test('without a chain the other metrics still come', async () => {
  gateway.hindered.chain = new Error('away')
  const samples = await scrape()
  expect(samples.get('adept_chain_up')).toBe(0)
  expect(samples.has('adept_chain_head_block')).toBe(false)
})

test('labels and help are escaped as the format wants it', () => {
  const samples = [{ labels: { name: 'a "b" \\ c\nd' }, value: 0.5 }]
  expect(metricsText([{ name: 'adept_x', type: 'gauge', help: 'one\ntwo \\', samples }])).toBe(
    '# HELP adept_x one\\ntwo \\\\\n# TYPE adept_x gauge\nadept_x{name="a \\"b\\" \\\\ c\\nd"} 0.5\n',
  )
})
