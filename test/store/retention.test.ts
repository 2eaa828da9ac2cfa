import { afterEach, describe, expect, it } from 'vitest'
import type { Trial } from '../../gateway/rules/back-test.ts'
import { type HomeRecord, openRecord, START_MS } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'
import { HOUR_MS, LIMITS, lastOf, livedIn, pastOf, RAW_DAYS } from './past.ts'

let home: HomeRecord
let past: ReturnType<typeof pastOf>
function open(record: HomeRecord): void {
  home = record
  past = pastOf(record)
}
afterEach(() => home.close())
const usage = () => (home.db.prepare('SELECT state FROM slot_needs').get() as { state: string }).state

describe('thinning', () => {
  it('keeps 30 days of readings, every hour, and what the forecast learnt', async () => {
    open(await livedIn())
    const learnt = usage()
    const before = await past.hours()
    await past.retain()
    const nowMs = home.clock.nowMs()
    expect(home.db.prepare('SELECT min(received_at_ms) AS oldest FROM readings').get()).toEqual({
      oldest: nowMs - RAW_DAYS * DAY_MS,
    })
    expect(await past.hours()).toEqual(before)
    expect(before.filter(({ kind }) => kind === 'consumable')).toHaveLength(40)
    // The forecast is rebuilt from where the kept readings begin.
    home.db.exec('UPDATE rules_cursor SET usage_version = 0')
    await home.drain()
    expect(usage()).toBe(learnt)
  })

  it('leaves replay what it needs for the kept readings; decisions that acted are made again from their inputs', async () => {
    open(await livedIn(60))
    const all = await past.replayed()
    expect(all).toMatchObject({ fromInputs: 0, differing: 0, goneAtMs: undefined })
    const acted = past.count(`decisions WHERE outcome <> 'nothing' OR acts > 0`)
    await past.retain()
    const done = await past.replayed()
    expect(done).toMatchObject({ differing: 0, readings: past.count('readings') })
    expect(done.goneAtMs).toBe(home.clock.nowMs() - (RAW_DAYS + 1) * DAY_MS)
    expect(done.decisions).toBeLessThan(all.decisions)
    expect(done.fromInputs).toBeGreaterThan(0)
    expect(past.count(`decisions WHERE outcome <> 'nothing' OR acts > 0`)).toBe(acted)
    expect(
      past.count(`decisions WHERE outcome = 'nothing' AND read_until < (SELECT thinned_until FROM retention)`),
    ).toBe(0)
    // It still notices what was changed.
    home.db.exec(`UPDATE readings SET remaining = remaining + 100 WHERE kind = 0`)
    expect((await past.replayed()).differing).toBeGreaterThan(0)
  })

  it('while a replay reads, makes it go on behind what is deleted', async () => {
    open(await livedIn())
    let begins = 0
    for await (const page of home.stores.history.states()) {
      if (page.kind === 'begin') begins += 1
      if (begins === 1) await past.retain({ ...LIMITS, rawMs: 10 * DAY_MS })
      if (page.kind === 'begin') expect(page.goneAtMs).toBe(begins === 1 ? undefined : START_MS + 29 * DAY_MS)
      else expect(page.steps[0]!.readingId).toBeGreaterThan(29 * 2)
    }
    expect(begins).toBe(2)
  })

  it('lets a trial of rules begin where readings are kept, and says so', async () => {
    open(await livedIn())
    await past.retain()
    const text = 'rules: [{ name: low, when: { level: { below: 50 % } }, then: { order: { packs: 1 } } }]'
    const trial = await lastOf<Extract<Trial, { kind: 'done' }>>(
      home.desk.tryOut('home', text, START_MS) as AsyncIterable<object>,
    )
    expect(trial.sinceMs).toBe(home.clock.nowMs() - (RAW_DAYS + 1) * DAY_MS)
    expect(trial.slots[0]!.wouldOrder.length).toBeGreaterThan(0)
  })

  it('never takes what the rules have not read, nor the newest reading, and keeps at most so many', async () => {
    open(await openRecord())
    for (let seq = 0; seq < 40; seq++) await home.level(1400 - seq)
    home.clock.set(START_MS + 90 * DAY_MS)
    await past.retain()
    expect(past.count('readings')).toBe(40)
    await home.drain()
    // Of an hour that is not over.
    home.db.exec(`UPDATE readings SET received_at_ms = ${home.clock.nowMs()}`)
    home.db.exec('UPDATE retention SET hours_until = 30')
    await past.retain({ ...LIMITS, rawReadings: 1 })
    expect(home.db.prepare('SELECT min(reading_id) AS id FROM readings').get()).toEqual({ id: 31 })
    await home.pass(HOUR_MS)
    home.clock.set(home.clock.nowMs() + 90 * DAY_MS)
    await past.retain()
    expect(home.db.prepare('SELECT reading_id FROM readings').all()).toEqual([{ reading_id: 40 }])
    await home.level(1000)
    expect(home.db.prepare('SELECT max(reading_id) AS id FROM readings').get()).toEqual({ id: 41 })

    for (let seq = 0; seq < 40; seq++) await home.level(1000 - seq)
    await home.drain()
    await home.pass(HOUR_MS)
    await past.retain({ ...LIMITS, rawReadings: 25 })
    expect(past.count('readings')).toBe(25)
  })

  it('is not stopped by readings whose session is gone', async () => {
    open(await openRecord())
    await home.level(1400)
    home.db.exec('DELETE FROM sessions')
    await home.drain()
    await home.pass(HOUR_MS)
    await past.retain()
    home.newSession()
    await home.level(1300)
    await home.drain()
    await home.pass(40 * DAY_MS)
    await past.retain()
    expect(past.count('readings')).toBe(1)
    expect(await past.hours()).toMatchObject([{ readings: 1, mean: 1300 }])
  })

  it('deletes nothing when what it came to cannot be written', async () => {
    open(await livedIn(33))
    const before = past.count('readings')
    home.db.exec(`CREATE TRIGGER fault BEFORE UPDATE OF thinned_until ON retention
                  BEGIN SELECT raise(ABORT, 'disk full'); END`)
    await expect(past.retain()).rejects.toThrow('disk full')
    expect([past.count('readings'), past.count('slot_bases')]).toEqual([before, 0])
    home.db.exec('DROP TRIGGER fault')
    await past.retain()
    expect(past.count('readings')).toBeLessThan(before)
    expect((await past.replayed()).differing).toBe(0)
  })

  it('does not wait for readings of a clock that was ahead', async () => {
    open(await openRecord())
    await home.level(1400)
    home.db.exec(`UPDATE readings SET received_at_ms = received_at_ms + ${400 * DAY_MS}`)
    for (let day = 0; day < 4; day++) {
      await home.level(1390 - day)
      await home.pass(10 * DAY_MS)
    }
    await past.retain()
    expect(past.count('readings')).toBe(3)
  })
})
