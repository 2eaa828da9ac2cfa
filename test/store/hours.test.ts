import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { sqliteRetentionStore } from '../../gateway/store/retention.ts'
import { type HomeRecord, openRecord } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'
import { HOUR_MS, LIMITS, pastOf, RAW_DAYS } from './past.ts'

let home: HomeRecord
let past: ReturnType<typeof pastOf>
function open(record: HomeRecord): void {
  home = record
  past = pastOf(record)
}
afterEach(() => home.close())

describe('hours', () => {
  it('hold first, last, least, most and mean of verified levels and of values, and count the rest', async () => {
    open(await openRecord())
    for (const remaining of [1000, 900, 5000, 950]) {
      await home.level(remaining)
      await home.report('telemetry', { values: { powerWatts: remaining, temperatureCelsius: 40 } })
      await home.pass(60_000)
    }
    // It comes late: neither the first nor the last of its hour.
    await home.report('telemetry', { values: { temperatureCelsius: 20 } }, home.clock.nowMs() - 90_000)
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
      { kind: 'telemetry', name: 'temperatureCelsius', readings: 5, first: 40, last: 40, least: 20, mean: 36 },
      { kind: 'event', name: 'door-opened', readings: 1, counted: 0, first: undefined, mean: undefined },
      { kind: 'consumable', name: 'softener', readings: 1, counted: 0 },
    ]
    // The present hour is shown too, and is the same when it is over.
    expect(await past.hours()).toMatchObject(expected)
    await past.retain()
    expect(past.count('readings_hourly')).toBe(0)
    await home.pass(HOUR_MS)
    await past.retain()
    expect(past.count('readings_hourly')).toBe(5)
    expect(await past.hours()).toMatchObject(expected)
    expect(await past.hours(home.clock.nowMs())).toEqual([])
    expect(await past.hours(0, 2)).toHaveLength(2)
  })

  it('are the same in whatever portions, order and restarts their readings came', async () => {
    const reading = fc.record({
      value: fc.integer({ min: -1000, max: 1000 }),
      ageMs: fc.oneof(fc.nat(HOUR_MS), fc.nat(40 * DAY_MS)),
      restMs: fc.oneof(fc.nat(HOUR_MS / 4), fc.nat(3 * HOUR_MS)),
      retains: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { minLength: 1, maxLength: 40 }), async (readings) => {
        open(await openRecord())
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
          if (retains) await past.retain({ rawMs: HOUR_MS, rawReadings: 10 })
        }
        const shown = await past.hours()
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
    open(await openRecord())
  })

  it('of a device that makes up names are counted together', async () => {
    open(await openRecord())
    const values = (from: number) => Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`v${from + at}`, at]))
    for (let from = 0; from < 300; from += 60) await home.report('telemetry', { values: values(from) })
    await home.pass(HOUR_MS)
    await past.retain()
    expect(past.count('series')).toBe(129)
    expect((await past.hours()).find(({ name }) => name === '')).toMatchObject({
      kind: 'telemetry',
      readings: 172,
      counted: 0,
    })
  })

  it('are left as they were when a slice fails', async () => {
    open(await openRecord())
    await home.level(1400)
    await home.report('telemetry', { values: { x: 1 } })
    await home.pass(HOUR_MS)
    const store = sqliteRetentionStore(home.db, LIMITS)
    home.db.exec(`CREATE TRIGGER fault BEFORE UPDATE ON retention BEGIN SELECT raise(ABORT, 'disk full'); END`)
    await expect(store.step(home.clock.nowMs())).rejects.toThrow('disk full')
    expect([past.count('series'), past.count('readings_hourly')]).toEqual([0, 0])
    home.db.exec('DROP TRIGGER fault')
    await past.retain(LIMITS, store)
    expect([past.count('series'), past.count('readings_hourly')]).toEqual([2, 2])
  })
})
