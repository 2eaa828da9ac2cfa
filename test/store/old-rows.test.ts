import { afterEach, describe, expect, it } from 'vitest'
import { type HomeRecord, openRecord, START_MS } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'
import { HOUR_MS, livedIn, pastOf } from './past.ts'

let home: HomeRecord
let past: ReturnType<typeof pastOf>
function open(record: HomeRecord): void {
  home = record
  past = pastOf(record)
}
afterEach(() => home.close())

describe('beside the readings', () => {
  const YEAR_AND_MORE = 401 * DAY_MS

  it('a report that comes again after its reading is gone is still known', async () => {
    open(await openRecord())
    await home.level(1400)
    await home.level(1390)
    await home.drain()
    home.clock.set(START_MS + 100 * DAY_MS)
    await past.retain()
    expect(past.count('readings')).toBe(1)
    home.again(0)
    await home.level(1380)
    expect(past.count('readings')).toBe(1)
    expect(past.count('sessions')).toBe(1)
  })

  it('sessions go after 400 days or behind 1,000 newer ones, never before their readings', async () => {
    open(await openRecord())
    const insert = home.db.prepare(
      `INSERT INTO sessions (device_id, session, high_water, last_seen_at_ms) VALUES (?, ?, 0, ?)`,
    )
    home.db.transaction(() => {
      insert.run('bike', 'old', START_MS)
      for (let index = 0; index < 1_100; index++) insert.run('buggy', `s${index}`, START_MS)
    })()
    await home.level(1400)
    await past.retain()
    expect(past.count('sessions')).toBe(1_102)
    await home.drain()
    home.clock.set(START_MS + 40 * DAY_MS)
    await home.level(1300)
    await home.drain()
    await home.pass(HOUR_MS)
    await past.retain()
    expect([past.count(`sessions WHERE device_id = 'buggy'`), past.count(`sessions WHERE device_id = 'bike'`)]).toEqual(
      [1_000, 1],
    )
    home.clock.set(START_MS + YEAR_AND_MORE)
    await past.retain()
    expect(home.db.prepare('SELECT device_id FROM sessions').all()).toEqual([{ device_id: 'washer-1' }])
  })

  it('old entries of the feed, answered commands and old measures go; what concerns an order stays, and so do the newest', async () => {
    open(await livedIn(5))
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
    // The readings of the old measure are kept still.
    await past.retain()
    expect(past.count('slot_measures')).toBe(2)
    const withOrder = past.count('notifications WHERE order_id IS NOT NULL')
    home.clock.set(START_MS + YEAR_AND_MORE)
    for (const level of [690, 685]) await home.level(level)
    await home.drain()
    await home.pass(HOUR_MS)
    await past.retain()
    expect(past.count('notifications WHERE order_id IS NOT NULL')).toBe(withOrder)
    expect(past.count(`notifications WHERE order_id IS NULL AND at_ms < ${START_MS + DAY_MS}`)).toBe(1)
    expect([past.count('deliveries'), past.count('commands'), past.count('slot_measures')]).toEqual([0, 1, 1])
    expect((await past.replayed()).differing).toBe(0)
  })
})
