import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Trial } from '../../gateway/rules/back-test.ts'
import type { Replay } from '../../gateway/rules/replay.ts'
import { sqliteHourStore } from '../../gateway/store/hours.ts'
import { sqliteRetentionStore } from '../../gateway/store/retention.ts'
import { type HomeRecord, openRecord, START_MS } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'

const HOUR_MS = 3_600_000
const RAW_DAYS = 30
const LIMITS = { rawMs: RAW_DAYS * DAY_MS, rawReadings: 1_000_000 }

let home: HomeRecord
afterEach(() => home.close())

/** All slices until nothing is left to do. */
async function retain(limits = LIMITS, store = sqliteRetentionStore(home.db, limits)): Promise<void> {
  while ((await store.step(home.clock.nowMs())).worked);
}
const count = (sql: string) => (home.db.prepare(`SELECT count(*) AS n FROM ${sql}`).get() as { n: number }).n
const hours = (sinceMs = 0, limit = 10_000) => sqliteHourStore(home.db).hours('home', 'washer-1', sinceMs, limit)
async function last<Item>(items: AsyncIterable<object>): Promise<Item> {
  let item: unknown
  for await (item of items);
  return item as Item
}
const replayed = () => last<Extract<Replay, { kind: 'done' }>>(home.desk.replay())
const usage = () => (home.db.prepare('SELECT state FROM slot_needs').get() as { state: string }).state

/** Weeks of use with what a home does in between. */
async function livedIn(days = 40): Promise<void> {
  home = await openRecord()
  home.grant()
  await home.confirm('auto')
  for (let day = 0, left = 1400; day < days; day++, left -= 45) {
    if (left < 200) left = 1400
    await home.level(left)
    if (day % 3 === 0) await home.event('cycle-finished', { doseMl: 45 })
    await home.report('telemetry', { values: { temperatureCelsius: 40 + (day % 2) } })
    await home.drain()
    await home.pass(DAY_MS)
  }
}

describe('thinning', () => {
  it('keeps 30 days of readings, every hour, and what the forecast learnt', async () => {
    await livedIn()
    const learnt = usage()
    const before = await hours()
    await retain()
    const nowMs = home.clock.nowMs()
    expect(home.db.prepare('SELECT min(received_at_ms) AS oldest FROM readings').get()).toEqual({
      oldest: nowMs - RAW_DAYS * DAY_MS,
    })
    expect(await hours()).toEqual(before)
    expect(before.filter(({ kind }) => kind === 'consumable')).toHaveLength(40)
    // The forecast is rebuilt from where the kept readings begin.
    home.db.exec('UPDATE rules_cursor SET usage_version = 0')
    await home.drain()
    expect(usage()).toBe(learnt)
  })

  it('leaves replay what it needs for the kept readings; decisions that acted are made again from their inputs', async () => {
    await livedIn(60)
    const all = await replayed()
    expect(all).toMatchObject({ fromInputs: 0, differing: 0, goneAtMs: undefined })
    const acted = count(`decisions WHERE outcome <> 'nothing' OR acts > 0`)
    await retain()
    const done = await replayed()
    expect(done).toMatchObject({ differing: 0, readings: count('readings') })
    expect(done.goneAtMs).toBe(home.clock.nowMs() - (RAW_DAYS + 1) * DAY_MS)
    expect(done.decisions).toBeLessThan(all.decisions)
    expect(done.fromInputs).toBeGreaterThan(0)
    expect(count(`decisions WHERE outcome <> 'nothing' OR acts > 0`)).toBe(acted)
    expect(count(`decisions WHERE outcome = 'nothing' AND read_until < (SELECT thinned_until FROM retention)`)).toBe(0)
    // It still notices what was changed.
    home.db.exec(`UPDATE readings SET remaining = remaining + 100 WHERE kind = 0`)
    expect((await replayed()).differing).toBeGreaterThan(0)
  })

  it('while a replay reads, makes it go on behind what is deleted', async () => {
    await livedIn()
    let begins = 0
    for await (const page of home.stores.history.states()) {
      if (page.kind === 'begin') begins += 1
      if (begins === 1) await retain({ ...LIMITS, rawMs: 10 * DAY_MS })
      if (page.kind === 'begin') expect(page.goneAtMs).toBe(begins === 1 ? undefined : START_MS + 29 * DAY_MS)
      else expect(page.steps[0]!.readingId).toBeGreaterThan(29 * 2)
    }
    expect(begins).toBe(2)
  })

  it('lets a trial of rules begin where readings are kept, and says so', async () => {
    await livedIn()
    await retain()
    const text = 'rules: [{ name: low, when: { level: { below: 50 % } }, then: { order: { packs: 1 } } }]'
    const trial = await last<Extract<Trial, { kind: 'done' }>>(
      home.desk.tryOut('home', text, START_MS) as AsyncIterable<object>,
    )
    expect(trial.sinceMs).toBe(home.clock.nowMs() - (RAW_DAYS + 1) * DAY_MS)
    expect(trial.slots[0]!.wouldOrder.length).toBeGreaterThan(0)
  })

  it('never takes what the rules have not read, nor the newest reading, and keeps at most so many', async () => {
    home = await openRecord()
    for (let seq = 0; seq < 40; seq++) await home.level(1400 - seq)
    home.clock.set(START_MS + 90 * DAY_MS)
    await retain()
    expect(count('readings')).toBe(40)
    await home.drain()
    await home.pass(HOUR_MS)
    await retain()
    expect(home.db.prepare('SELECT reading_id FROM readings').all()).toEqual([{ reading_id: 40 }])
    await home.level(1000)
    expect(home.db.prepare('SELECT max(reading_id) AS id FROM readings').get()).toEqual({ id: 41 })

    for (let seq = 0; seq < 40; seq++) await home.level(1000 - seq)
    await home.drain()
    await home.pass(HOUR_MS)
    await retain({ ...LIMITS, rawReadings: 25 })
    expect(count('readings')).toBe(25)
  })

  it('does not wait for readings of a clock that was ahead', async () => {
    home = await openRecord()
    await home.level(1400)
    home.db.exec(`UPDATE readings SET received_at_ms = received_at_ms + ${400 * DAY_MS}`)
    for (let day = 0; day < 4; day++) {
      await home.level(1390 - day)
      await home.pass(10 * DAY_MS)
    }
    await retain()
    expect(count('readings')).toBe(3)
  })
})

describe('hours', () => {
  it('hold first, last, least, most and mean of verified levels and of values, and count the rest', async () => {
    home = await openRecord()
    for (const remaining of [1000, 900, 5000, 950]) {
      await home.level(remaining)
      await home.report('telemetry', { values: { powerWatts: remaining, temperatureCelsius: 40 } })
      await home.pass(60_000)
    }
    await home.event('door-opened')
    await home.level(10, 'softener')
    const expected = [
      {
        kind: 'consumable',
        name: 'detergent',
        unit: 'ml',
        readings: 4,
        counted: 3,
        first: 1000,
        last: 950,
        least: 900,
        most: 1000,
        mean: 950,
      },
      {
        kind: 'telemetry',
        name: 'powerWatts',
        unit: '',
        readings: 4,
        counted: 4,
        first: 1000,
        last: 950,
        least: 900,
        most: 5000,
        mean: 7850 / 4,
      },
      { kind: 'telemetry', name: 'temperatureCelsius', readings: 4, first: 40, last: 40, mean: 40 },
      { kind: 'event', name: 'door-opened', readings: 1, counted: 0, first: undefined, mean: undefined },
      { kind: 'consumable', name: 'softener', readings: 1, counted: 0 },
    ]
    // The present hour is shown too, and is the same when it is over.
    expect(await hours()).toMatchObject(expected)
    await retain()
    expect(count('readings_hourly')).toBe(0)
    await home.pass(HOUR_MS)
    await retain()
    expect(count('readings_hourly')).toBe(5)
    expect(await hours()).toMatchObject(expected)
    expect(await hours(home.clock.nowMs())).toEqual([])
    expect(await hours(0, 2)).toHaveLength(2)
  })

  it('are the same in whatever portions, order and restarts their readings came', async () => {
    const reading = fc.record({
      value: fc.integer({ min: -1000, max: 1000 }),
      ageMs: fc.nat(40 * DAY_MS),
      restMs: fc.nat(3 * HOUR_MS),
      retains: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { minLength: 1, maxLength: 40 }), async (readings) => {
        home = await openRecord()
        const naive = new Map<number, { atMs: number; value: number }[]>()
        let late = 0
        for (const { value, ageMs, restMs, retains } of readings) {
          home.clock.set(home.clock.nowMs() + restMs)
          const nowMs = home.clock.nowMs()
          const atMs = nowMs - ageMs
          await home.report('telemetry', { values: { x: value } }, atMs)
          const hour = Math.floor(atMs / HOUR_MS)
          if (hour < Math.floor(nowMs / HOUR_MS) - RAW_DAYS * 24) late += 1
          else naive.set(hour, [...(naive.get(hour) ?? []), { atMs, value }])
          if (retains) await retain({ rawMs: HOUR_MS, rawReadings: 10 })
        }
        const shown = await hours()
        expect(shown.reduce((sum, { readings: all, counted }) => sum + all - counted, 0)).toBe(late)
        const numbers = shown.filter(({ counted }) => counted > 0)
        expect(numbers.map(({ startsAtMs }) => startsAtMs / HOUR_MS)).toEqual([...naive.keys()].sort((a, b) => b - a))
        for (const hour of numbers) {
          const all = naive.get(hour.startsAtMs / HOUR_MS)!.toSorted((a, b) => a.atMs - b.atMs)
          const values = all.map(({ value }) => value)
          expect(hour).toMatchObject({
            ...{ counted: all.length, first: values[0], last: values.at(-1) },
            ...{ least: Math.min(...values), most: Math.max(...values) },
          })
          expect(hour.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length)
        }
        home.close()
      }),
      { numRuns: 8 },
    )
    home = await openRecord()
  })

  it('of a device that makes up names are counted together', async () => {
    home = await openRecord()
    const values = (from: number) => Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`v${from + at}`, at]))
    for (let from = 0; from < 300; from += 60) await home.report('telemetry', { values: values(from) })
    await home.pass(HOUR_MS)
    await retain()
    expect(count('series')).toBe(129)
    expect((await hours()).find(({ name }) => name === '')).toMatchObject({ kind: 'telemetry', readings: 172 })
  })

  it('are left as they were when a slice fails', async () => {
    home = await openRecord()
    await home.level(1400)
    await home.report('telemetry', { values: { x: 1 } })
    await home.pass(HOUR_MS)
    const store = sqliteRetentionStore(home.db, LIMITS)
    home.db.exec(`CREATE TRIGGER fault BEFORE UPDATE ON retention BEGIN SELECT raise(ABORT, 'disk full'); END`)
    await expect(store.step(home.clock.nowMs())).rejects.toThrow('disk full')
    expect([count('series'), count('readings_hourly')]).toEqual([0, 0])
    home.db.exec('DROP TRIGGER fault')
    await retain(LIMITS, store)
    expect([count('series'), count('readings_hourly')]).toEqual([2, 2])
  })
})

describe('beside the readings', () => {
  const YEAR_AND_MORE = 401 * DAY_MS

  it('a report that comes again after its reading is gone is still known', async () => {
    home = await openRecord()
    await home.level(1400)
    await home.level(1390)
    await home.drain()
    home.clock.set(START_MS + 100 * DAY_MS)
    await retain()
    expect(count('readings')).toBe(1)
    home.again(0)
    await home.level(1380)
    expect(count('readings')).toBe(1)
    expect(count('sessions')).toBe(1)
  })

  it('sessions go after 400 days or behind 1,000 newer ones, never before their readings', async () => {
    home = await openRecord()
    const insert = home.db.prepare(
      `INSERT INTO sessions (device_id, session, high_water, last_seen_at_ms) VALUES (?, ?, 0, ?)`,
    )
    home.db.transaction(() => {
      insert.run('bike', 'old', START_MS)
      for (let index = 0; index < 1_100; index++) insert.run('buggy', `s${index}`, START_MS)
    })()
    await home.level(1400)
    await retain()
    expect(count('sessions')).toBe(1_102)
    await home.drain()
    home.clock.set(START_MS + 40 * DAY_MS)
    await home.level(1300)
    await home.drain()
    await home.pass(HOUR_MS)
    await retain()
    expect([count(`sessions WHERE device_id = 'buggy'`), count(`sessions WHERE device_id = 'bike'`)]).toEqual([
      1_000, 1,
    ])
    home.clock.set(START_MS + YEAR_AND_MORE)
    await retain()
    expect(home.db.prepare('SELECT device_id FROM sessions').all()).toEqual([{ device_id: 'washer-1' }])
  })

  it('old entries of the feed, answered commands and old measures go; what concerns an order stays, and so do the newest', async () => {
    await livedIn(5)
    const slot = { slot: 'detergent', unit: 'ml', degradationDirection: 'down', replacementProducts: [] }
    await home.describe([{ ...slot, capacity: 700 }])
    for (const orderId of [null, 'o-1', null]) {
      home.db
        .prepare(`INSERT INTO notifications (home_id, kind, at_ms, text, order_id) VALUES ('home', 'low', ?, 'x', ?)`)
        .run(START_MS, orderId)
    }
    const note = home.db.prepare('SELECT max(notification_id) AS id FROM notifications').get() as { id: number }
    home.db.exec(`INSERT INTO deliveries (notification_id, channel) VALUES (${note.id - 2}, 'webhook')`)
    for (let index = 0; index < 2; index++) {
      home.db.exec(`INSERT INTO commands (home_id, device_id, slot, name, arguments, created_at_ms, answered_at_ms)
                    VALUES ('home', 'washer-1', 'detergent', 'lamp', '{}', ${START_MS}, 1)`)
    }
    const withOrder = count('notifications WHERE order_id IS NOT NULL')
    home.clock.set(START_MS + YEAR_AND_MORE)
    for (const level of [500, 490]) await home.level(level)
    await home.drain()
    await home.pass(HOUR_MS)
    await retain()
    expect(count('notifications WHERE order_id IS NOT NULL')).toBe(withOrder)
    expect(count(`notifications WHERE order_id IS NULL AND at_ms < ${START_MS + DAY_MS}`)).toBe(1)
    expect([count('deliveries'), count('commands'), count('slot_measures')]).toEqual([0, 1, 1])
    expect((await replayed()).differing).toBe(0)
  })
})
