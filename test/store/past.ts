import type { Replay } from '../../gateway/rules/replay.ts'
import { sqliteHourStore } from '../../gateway/store/hours.ts'
import { sqliteRetentionStore } from '../../gateway/store/retention.ts'
import { type HomeRecord, openRecord } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'

export const HOUR_MS = 3_600_000
export const RAW_DAYS = 30
export const LIMITS = { rawMs: RAW_DAYS * DAY_MS, rawReadings: 1_000_000 }

/** What the tests ask of the past of a home. */
export function pastOf(home: HomeRecord) {
  return {
    /** All slices until nothing is left to do. */
    async retain(limits = LIMITS, store = sqliteRetentionStore(home.db, limits)): Promise<void> {
      while ((await store.step(home.clock.nowMs())).worked);
    },
    count: (sql: string) => (home.db.prepare(`SELECT count(*) AS n FROM ${sql}`).get() as { n: number }).n,
    hours: (sinceMs = 0, limit = 10_000) => sqliteHourStore(home.db).hours('home', 'washer-1', sinceMs, limit),
    replayed: () => lastOf<Extract<Replay, { kind: 'done' }>>(home.desk.replay()),
  }
}

export async function lastOf<Item>(items: AsyncIterable<object>): Promise<Item> {
  let item: unknown
  for await (item of items);
  return item as Item
}

/** A home after weeks of use, with what happens in between. */
export async function livedIn(days = 40): Promise<HomeRecord> {
  const home = await openRecord()
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
  return home
}
