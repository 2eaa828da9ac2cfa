import { afterEach, beforeEach, expect, it } from 'vitest'
import { sqliteBrokerState } from '../../gateway/store/broker-state.ts'
import { markRestored } from '../../gateway/store/restored.ts'
import { type HomeRecord, openRecord } from '../rules/record.ts'
import { DAY_MS } from '../rules/situation.ts'

const RULES = 'rules: [{ name: low, when: { level: { below: 20 % } }, then: { order: { packs: 1 } } }]'

let home: HomeRecord
beforeEach(async () => {
  home = await openRecord({ rules: RULES })
  home.grant()
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(DAY_MS)
})
afterEach(() => home.close())
const restored = () => markRestored(home.db, home.clock.nowMs() - DAY_MS, home.clock.nowMs())
const low = async (remaining: number) => {
  await home.level(remaining)
  await home.drain()
}

it('a restored home orders nothing before its owner has looked, however low a slot is', async () => {
  expect(restored()).toBe(0)
  await low(800)
  await home.pass(DAY_MS)
  await low(200)
  await home.pass(10 * DAY_MS)
  expect(home.orders()).toEqual([])
  expect(home.decisions().at(-1)).toMatchObject({
    why: 'suspended',
    reasons: expect.stringContaining('restored from a backup of 2027-01-04 08:00 UTC'),
  })
  expect((await home.feed.feed('home', 0, 100)).map(({ text }) => text)).toContainEqual(
    expect.stringMatching(/^The gateway was restored .* confirm each device/),
  )
  await home.confirm('auto')
  await home.drain()
  expect(home.orders()).toMatchObject([{ state: 'needed' }])
})

it('an order that nothing was signed for ends; one that was signed for goes on', async () => {
  await home.pass(DAY_MS)
  await low(800)
  await home.pass(DAY_MS)
  await low(200)
  const [order] = home.orders()
  expect(order).toMatchObject({ state: 'needed' })
  home.db.exec('SAVEPOINT signed')
  home.db.prepare(`UPDATE orders SET state = 'quoted'`).run()
  home.quote(order!.orderId, 1n)
  home.db
    .prepare(
      `INSERT INTO authorizations (authorization_id, order_id, attempt, terms, item, tx_hash, basket, state)
       VALUES ('0x1', ?, 1, '{}', '{}', '0x2', 0, 'sent')`,
    )
    .run(order!.orderId)
  expect(restored()).toBe(0)
  expect(home.orders()).toMatchObject([{ state: 'quoted' }])
  home.db.exec('ROLLBACK TO signed; RELEASE signed')

  home.db.exec(`INSERT INTO commands (home_id, device_id, slot, name, arguments, created_at_ms, next_at_ms)
                VALUES ('home', 'washer-1', 'detergent', 'lamp', '{}', 0, 1)`)
  sqliteBrokerState(home.db).apply([
    ['session', 'washer-1', 1],
    ['subscription', 'washer-1', 'adept/v1/washer-1/command', '{"qos":1}'],
    ['queued', 1, 'washer-1', null, '{}', 'lamp'],
    ['retained', 'adept/v1/washer-1/order', '{}', 'shipped'],
  ])
  expect(restored()).toBe(1)
  expect(home.orders()).toMatchObject([{ state: 'dropped' }])
  expect(home.db.prepare('SELECT next_at_ms FROM commands').get()).toEqual({ next_at_ms: null })
  expect([...sqliteBrokerState(home.db).load(0)].map(([name]) => name)).toEqual(['retained'])
  await home.pass(10 * DAY_MS)
  expect(home.orders()).toHaveLength(1)
})
