import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readBooks } from '../../../device-sim/run/books.ts'
import { readEscrow } from '../../../device-sim/run/escrow-logs.ts'
import { openDatabase } from '../../../gateway/store/database.ts'
import { DOLLAR, grantedFile, openMarket, saveTo } from '../../chain/fixture.ts'

const DAY_MS = 86_400_000
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-books-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('reads what the escrow and the token say of an order, to the unit', async () => {
  const market = await openMarket()
  try {
    const file = await grantedFile(market)
    const [one, two] = [market.order(file), market.order(file, { total: 3n * DOLLAR })]
    await market.chain.authorize([[one, two]], saveTo(market))
    const shipment = market.seller.shipmentHash('{"sscc":"1"}')
    await market.seller.ship([{ terms: market.chain.termsOf(one), shipment }], saveTo(market))
    const { escrow, token } = market.connection.facts
    const seen = await readEscrow(market.embedded.access.rpcUrl, escrow, token.address, market.seller.address)
    const [first, second] = [one, two].map(({ authorization }) => market.chain.authorizationId(authorization))
    expect(seen).toEqual({
      payments: new Map([
        [first, { authorizationId: first, amount: 12n * DOLLAR, shipped: 1, ends: [] }],
        [second, { authorizationId: second, amount: 3n * DOLLAR, shipped: 0, ends: [] }],
      ]),
      strange: [],
      paidIn: 15n * DOLLAR,
      paidToSeller: 0n,
      inEscrow: 15n * DOLLAR,
    })
  } finally {
    await market.stop()
  }
})

it('misses rows that are marked as stored and too new to be thinned out, and no others', () => {
  const [gatewayData, merchantData] = [join(folder, 'gateway'), join(folder, 'merchant')]
  for (const each of [gatewayData, merchantData]) mkdirSync(each)
  openDatabase(join(merchantData, 'merchant.db'), 'merchant').close()
  const db = openDatabase(join(gatewayData, 'gateway.db'), 'gateway')
  const missing = () => readBooks(gatewayData, merchantData).missing
  try {
    const day = (days: number) => Math.round(days * DAY_MS)
    const session = db.prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)')
    const reading = db.prepare(
      `INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, body)
       VALUES (?, ?, 1, 0, 0, ?, '{}')`,
    )
    // 1: whole, but its oldest rows went, out of order. 2: one in the midst, the last two. 3: all. 4: those above its mark.
    session.run(1, 'washer', 'whole', 9, '[]', day(40))
    for (const [seq, days] of [
      [3, 10.5],
      [5, 10.6],
      [6, 38],
      [7, 39],
      [8, 40],
      [9, 40],
    ])
      reading.run(1, seq, day(days!))
    session.run(2, 'washer', 'gap', 6, '[]', day(40))
    for (const seq of [0, 1, 2, 4]) reading.run(2, seq, day(38 + seq / 10))
    session.run(3, 'printer', 'gone', 4, '[]', day(12))
    session.run(4, 'printer', 'above', 1, '[[4,4]]', day(40))
    for (const seq of [0, 1, 4]) reading.run(4, seq, day(40))
    session.run(5, 'printer', 'long ago', 7, '[]', day(9))
    db.exec(`UPDATE retention SET thinned_at_ms = ${day(10)}`)
    expect(missing()).toEqual([
      { deviceId: 'washer', session: 'gap', rows: 3 },
      { deviceId: 'printer', session: 'gone', rows: 5 },
    ])
    db.exec('DELETE FROM sessions WHERE session_key <> 2; DELETE FROM readings WHERE seq = 0')
    expect(missing()).toEqual([{ deviceId: 'washer', session: 'gap', rows: 3 }])
    db.exec('UPDATE retention SET thinned_at_ms = NULL')
    expect(missing()).toEqual([{ deviceId: 'washer', session: 'gap', rows: 4 }])
  } finally {
    db.close()
  }
})

it('reads what the rows say, doubled readings and short days among it', () => {
  const [gatewayData, merchantData] = [join(folder, 'gateway'), join(folder, 'merchant')]
  for (const each of [gatewayData, merchantData]) mkdirSync(each)
  const shop = openDatabase(join(merchantData, 'merchant.db'), 'merchant')
  const db = openDatabase(join(gatewayData, 'gateway.db'), 'gateway')
  try {
    db.exec(`
      INSERT INTO homes VALUES ('h1', 'UTC');
      INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt,
                          created_at_ms, reasons)
        VALUES ('open', 'h1', 'washer', 'detergent', '1', 1, 'auto', 'shipped', 30, 1, 10, '[]'),
               ('done', 'h1', 'washer', 'detergent', '2', 2, 'auto', 'refunded', 9, 1, 1, '[]');
      INSERT INTO order_steps (order_id, attempt, from_state, to_state, at_ms, reason)
        VALUES ('done', 1, 'delivered', 'completed', 5, ''), ('done', 1, 'completed', 'refunded', 9, ''),
               ('open', 1, 'due', 'shipped', 30, '');
      INSERT INTO devices (device_id, home_id, secret_sha256, key_address, key_sealed, added_at_ms)
        VALUES ('washer', 'h1', x'00', '', x'00', 0);
      INSERT INTO slots (device_id, slot, description)
        VALUES ('washer', 'detergent', '{"replacementProducts":[{"type":"oem","value":"1"}]}');
      INSERT INTO evidence VALUES ('done', 'refill', '', 4), ('done', 'carrier', '', 3);
      INSERT INTO notifications (home_id, kind, at_ms, text) VALUES ('h1', 'low', 1, ''), ('h1', 'placed', 2, '');
      INSERT INTO sessions VALUES (1, 'washer', 's', 4, '[[7,9]]', 0);
      INSERT INTO series VALUES (1, 'washer', 2, 'dose-short', '');
      INSERT INTO readings_hourly (series_key, hour, readings, counted, total) VALUES (1, 25, 2, 2, 0), (1, 30, 1, 1, 0);
      UPDATE retention SET hours_until = 1;`)
    const event = db.prepare(
      `INSERT INTO readings (reading_id, session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, body)
       VALUES (?, 1, ?, 2, ?, 0, 0, ?)`,
    )
    // The first is counted in its hour already; the next two are of one day, the last is something else.
    event.run(1, 0, 3 * DAY_MS, '{"type":"dose-short"}')
    event.run(2, 1, 5 * DAY_MS, '{"type":"dose-short"}')
    event.run(3, 2, 5 * DAY_MS + 1, '{"type":"dose-short"}')
    event.run(4, 2, 6 * DAY_MS, '{"type":"cycle-finished"}')

    expect(readBooks(gatewayData, merchantData)).toMatchObject({
      orders: [
        { fits: false, orderId: 'done', state: 'refunded', endedAtMs: 5 },
        { fits: true, orderId: 'open', state: 'shipped', endedAtMs: undefined },
      ],
      sessions: [{ deviceId: 'washer', session: 's', highWater: 4, above: [[7, 9]] }],
      arrivals: [
        { orderId: 'done', kind: 'carrier' },
        { orderId: 'done', kind: 'refill' },
      ],
      doubled: [{ deviceId: 'washer', session: 's', seq: 2, times: 2 }],
      missing: [{ deviceId: 'washer', session: 's', rows: 2 }],
      notifications: new Map([['h1', 2]]),
      shortDays: [{ deviceId: 'washer', days: 2 }],
      shop: new Set(),
    })
  } finally {
    db.close()
    shop.close()
  }
})
