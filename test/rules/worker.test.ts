import { afterEach, describe, expect, it } from 'vitest'
import { type HomeRecord, openRecord, START_MS } from './record.ts'
import { DAY_MS, HOUR_MS } from './situation.ts'

let home: HomeRecord
afterEach(() => home.close())

async function confirmed(options: Parameters<typeof openRecord>[0] = {}, mode: 'notify' | 'ask' | 'auto' = 'auto') {
  home = await openRecord(options)
  home.grant()
  await home.confirm(mode)
  await home.drain()
}
const usage = () =>
  (home.db.prepare('SELECT state FROM slot_needs').get() as { state: string | null } | undefined)?.state ?? undefined

describe('the use of a slot', () => {
  it('is the same however often the readings are cut by a restart, and begins anew with another shape', async () => {
    await confirmed()
    await home.days(12, 40, 1400)
    const whole = usage()
    expect(whole).toContain('"usage"')
    home.db.exec('UPDATE slot_needs SET state = NULL; UPDATE rules_cursor SET reading_id = 0')
    await home.drain()
    expect(usage()).toBe(whole)
    home.db.exec('UPDATE rules_cursor SET usage_version = 99')
    await home.level(900)
    await home.drain()
    expect(usage()).toContain('"remaining":900')
    const anew = usage()
    home.db.exec('UPDATE slot_needs SET state = NULL; UPDATE rules_cursor SET reading_id = 0')
    await home.drain()
    expect(usage()).toBe(anew)
  })

  it('begins anew when the slot is described with another capacity, for the readings from then on', async () => {
    await confirmed()
    await home.days(5, 40, 1400)
    await home.describe([
      { slot: 'detergent', unit: 'ml', capacity: 700, degradationDirection: 'down', replacementProducts: [] },
    ])
    await home.level(650)
    await home.drain()
    expect(JSON.parse(usage()!)).toMatchObject({ measure: { capacity: 700 }, usage: { capacity: 700, steps: 0 } })
    expect(home.db.prepare('SELECT count(*) AS n FROM slot_measures').get()).toEqual({ n: 2 })
  })

  it('counts a dose for the slot that it is of, and for none when it could be either', async () => {
    const slot = { unit: 'ml', capacity: 1400, degradationDirection: 'down', replacementProducts: [] }
    await confirmed({
      slots: [
        { slot: 'detergent', ...slot },
        { slot: 'softener', ...slot },
      ],
    })
    await home.level(1000)
    await home.level(1000, 'softener')
    const doses = () =>
      home.db
        .prepare(`SELECT slot, state -> 'usage' ->> 'dosesSinceReading' AS doses FROM slot_needs ORDER BY slot`)
        .all()
    await home.event('cycle-finished', { doseMl: 40 })
    await home.drain()
    expect(doses()).toEqual([
      { slot: 'detergent', doses: 0 },
      { slot: 'softener', doses: 0 },
    ])
    await home.event('cycle-finished', { doseMl: 40, slot: 'softener' })
    await home.drain()
    expect(doses()).toEqual([
      { slot: 'detergent', doses: 0 },
      { slot: 'softener', doses: 40 },
    ])
  })
})

describe('decisions', () => {
  it('that do nothing for the same reason are one row, with the newest reasons and their number', async () => {
    await confirmed()
    await home.days(3, 10, 1400)
    const decisions = home.decisions()
    expect(decisions.map(({ why }) => why)).toEqual(['unknown', 'enough'])
    expect(decisions[1]!.times).toBeGreaterThanOrEqual(3)
    expect(decisions[1]!.reasons).toContain('1380 ml of 1400 ml')
    await home.restart('another version')
    await home.level(1370)
    await home.drain()
    expect(home.decisions().map(({ version }) => version)).toEqual([1, 1, 2])
  })

  it('order once when the forecast says so, for what is neither here nor on its way', async () => {
    await confirmed()
    await home.days(30, 45, 1400)
    expect(home.orders()).toMatchObject([{ quantity: 1, mode: 'auto', state: 'needed' }])
    const { orderId, atMs } = home.orders()[0]!
    expect((atMs - START_MS) / DAY_MS).toBeGreaterThan(8)
    expect((atMs - START_MS) / DAY_MS).toBeLessThan(24)
    home.quote(orderId, 12_490_000n)
    home.moveOrder(orderId, 'shipped')
    await home.drain()
    expect(home.reserve()).toBe(1400)
    home.moveOrder(orderId, 'completed')
    await home.pass(DAY_MS)
    expect(home.orders()).toHaveLength(1)
    await home.level(1390)
    await home.drain()
    expect(home.reserve()).toBe(0)
  })

  it('count goods whose refill was seen before the news of their shipping', async () => {
    await confirmed()
    await home.days(30, 45, 1400)
    const { orderId } = home.orders()[0]!
    home.quote(orderId, 12_490_000n)
    home.db.prepare(`UPDATE orders SET state = 'shipped'`).run()
    await home.level(1390)
    await home.drain()
    expect(home.reserve()).toBe(0)
  })

  it('buy again what was reclaimed after it was shipped', async () => {
    await confirmed()
    await home.days(30, 45, 1400)
    const { orderId } = home.orders()[0]!
    home.quote(orderId, 12_490_000n)
    home.moveOrder(orderId, 'shipped')
    await home.drain()
    home.moveOrder(orderId, 'reclaimed')
    await home.drain()
    expect(home.reserve()).toBe(0)
    await home.pass(DAY_MS + HOUR_MS)
    expect(home.orders()).toHaveLength(2)
  })

  it('count disputed goods as here, and refunded ones as gone', async () => {
    await confirmed()
    await home.days(30, 45, 1400)
    const { orderId } = home.orders()[0]!
    home.quote(orderId, 12_490_000n)
    const stock = async () => {
      const [situation] = await home.stores.history.situations('home', home.clock.nowMs())
      return { onHand: situation!.onHand, inFlight: situation!.inFlight }
    }
    home.moveOrder(orderId, 'due')
    expect(await stock()).toEqual({ onHand: 0, inFlight: 1400 })
    home.moveOrder(orderId, 'shipped')
    expect(await stock()).toEqual({ onHand: 0, inFlight: 1400 })
    home.moveOrder(orderId, 'disputed')
    expect(await stock()).toEqual({ onHand: 1400, inFlight: 0 })
    home.moveOrder(orderId, 'settled')
    expect(await stock()).toEqual({ onHand: 1400, inFlight: 0 })
    home.moveOrder(orderId, 'refunded')
    expect(await stock()).toEqual({ onHand: 0, inFlight: 0 })
  })

  it('count what the owner has on the shelf, until it is poured in', async () => {
    await confirmed()
    expect(await home.desk.setStock('home', 'washer-1', 'detergent', 2800)).toMatchObject({ ok: true })
    await home.days(30, 45, 1400)
    expect(home.orders()).toEqual([])
    await home.level(1400)
    await home.drain()
    expect(home.reserve()).toBe(1400)
    expect(await home.desk.setStock('home', 'washer-1', 'salt', 1)).toMatchObject({
      ok: false,
      sentence: 'washer-1 has no slot salt. See its slots with `adept devices`.',
    })
  })

  it('count a pack of percent as one filling', async () => {
    const slot = {
      slot: 'detergent',
      unit: 'percent',
      capacity: 100,
      degradationDirection: 'down',
      replacementProducts: [{ type: 'gtin14', value: '04006381333931' }],
    }
    await confirmed({ slots: [slot] })
    const [situation] = await home.stores.history.situations('home', START_MS)
    expect(situation!.products).toMatchObject([{ packContent: 100, maxPacks: 2, coolingOffDays: 1 }])
  })

  it('know the seller by its last parcels', async () => {
    await confirmed()
    await home.days(30, 45, 1400)
    const { orderId } = home.orders()[0]!
    home.quote(orderId, 12_490_000n)
    const step = home.db.prepare(
      `INSERT INTO order_steps (order_id, attempt, to_state, at_ms, reason) VALUES (?, 1, 'authorized', ?, '')`,
    )
    step.run(orderId, START_MS)
    home.db
      .prepare(
        `INSERT INTO authorizations (authorization_id, order_id, attempt, terms, item, tx_hash, basket, state) VALUES ('0x', ?, 1, '{"coolingOffSeconds":86400}', '{}', '0x', 0, 'captured')`,
      )
      .run(orderId)
    home.db.prepare(`INSERT INTO evidence VALUES (?, 'owner', '', ?)`).run(orderId, START_MS + 13 * DAY_MS)
    const lead = async () =>
      (await home.stores.history.situations('home', home.clock.nowMs()))[0]!.products[0]!.leadTime
    expect(await lead()).toEqual({ meanDays: 4, sdDays: 2 })
    home.moveOrder(orderId, 'completed')
    expect((await lead()).meanDays).toBe(6)
  })
})

it('reads a flood in portions, decides in between, and leaves nothing behind', async () => {
  await confirmed()
  home.db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
    INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, slot, remaining, mark, mark_reason, body)
    SELECT 1, i, 0, ${START_MS} + i * 1000, 0, ${START_MS} + i * 1000, 'detergent', 1400 - i / 1000, 'verified', '', '{}' FROM n;
    INSERT OR IGNORE INTO sessions (session_key, device_id, session, high_water, last_seen_at_ms) VALUES (1, 'washer-1', 's1', 12000, 0)`)
  home.clock.set(START_MS + 12_001_000)
  const steps: number[] = []
  for (;;) {
    const { worked, decided } = await home.stores.rules.step(100, home.clock.nowMs(), 1, () => ({
      ...{
        outcome: 'nothing',
        why: 'enough',
        reasons: ['x'],
        acts: [],
        actedAtMs: {},
        trust: 'measured',
        blindTold: false,
      },
      ...{ heldEvents: [], evaluateAgainAtMs: undefined },
    }))
    if (!worked) break
    steps.push(decided)
  }
  expect(steps.length).toBeGreaterThanOrEqual(24)
  expect(steps.filter((decided) => decided > 0).length).toBeGreaterThanOrEqual(2)
  expect(home.db.prepare('SELECT reading_id FROM rules_cursor').get()).toEqual({ reading_id: 12_000 })
  expect(home.db.prepare(`SELECT read_until AS u FROM decisions ORDER BY decision_id DESC`).get()).toEqual({
    u: 12_000,
  })
})

it('forgets goods that came and were used without a refill that anybody saw', async () => {
  await confirmed()
  await home.days(2, 40, 1400)
  await home.desk.setStock('home', 'washer-1', 'detergent', 1400)
  await home.days(20, 40, 1320)
  expect(home.orders()).toEqual([])
  await home.days(16, 40, 520)
  expect(home.reserve()).toBe(0)
  expect(home.orders()).toHaveLength(1)
})
