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
describe('a sensor', () => {
  it('that falls silent is told of once, asks until it is answered, and is trusted again when it comes back', async () => {
    await confirmed()
    await home.days(12, 20, 1400)
    await home.pass(40 * DAY_MS)
    const told = async () => (await home.feed.feed('home', 0, 100)).map(({ kind }) => kind)
    expect((await told()).filter((kind) => kind === 'device-silent')).toHaveLength(1)
    expect(home.orders()).toMatchObject([{ mode: 'ask' }])
    home.moveOrder(home.orders()[0]!.orderId, 'dropped')
    await home.pass(3 * DAY_MS - HOUR_MS)
    expect(home.orders()).toHaveLength(1)
    await home.pass(HOUR_MS)
    expect(home.orders()).toMatchObject([{ state: 'dropped' }, { mode: 'ask', state: 'needed' }])
    home.moveOrder(home.orders()[1]!.orderId, 'completed')
    await home.pass(10 * DAY_MS)
    expect(home.orders()).toHaveLength(2)
    expect(home.db.prepare('SELECT mark FROM slots').get()).toEqual({ mark: 'unverified' })
    await home.level(1400)
    await home.drain()
    expect(home.db.prepare('SELECT mark FROM slots').get()).toEqual({ mark: 'verified' })
    expect(home.decisions().at(-1)).toMatchObject({ outcome: 'nothing', why: 'enough' })
  })

  it('that is stuck verifies nothing until it moves', async () => {
    await confirmed()
    await home.days(10, 30, 1400)
    const marks = () =>
      (
        home.db.prepare('SELECT mark FROM readings WHERE kind = 0 ORDER BY reading_id DESC LIMIT 2').all() as {
          mark: string
        }[]
      ).map(({ mark }) => mark)
    await home.days(24, 0, 1100)
    expect(marks()).toEqual(['unverified', 'unverified'])
    expect(home.orders()).toMatchObject([{ mode: 'ask' }])
    await home.level(1090)
    expect(marks()).toEqual(['verified', 'unverified'])
  })
})

describe('rules on events', () => {
  const EVENTS = `
quietHours: { from: "22:00", to: "06:00" }
rules:
  - { name: lamp, when: { event: cycle-finished, level: { below: 50 % } }, then: { command: { name: lamp, arguments: { on: true } } } }
  - { name: limescale, when: { fault: E21 }, then: { service: Call the technician. } }
  - { name: half, when: { level: { below: 50 % } }, then: { notify: Half empty. } }
`
  const texts = async () => (await home.feed.feed('home', 0, 100)).map(({ kind, text }) => `${kind} ${text}`)
  const commands = () => home.stores && (home.db.prepare('SELECT name, arguments FROM commands').all() as object[])

  it('act at each event, on a level once, and not at night but for a fault', async () => {
    await confirmed({ rules: EVENTS })
    await home.level(900)
    await home.event('cycle-finished')
    await home.drain()
    expect(commands()).toEqual([])
    home.clock.set(START_MS + DAY_MS)
    await home.level(600)
    await home.event('cycle-finished')
    await home.drain()
    await home.event('cycle-finished')
    await home.level(590)
    await home.drain()
    expect(commands()).toEqual([
      { name: 'lamp', arguments: '{"on":true}' },
      { name: 'lamp', arguments: '{"on":true}' },
    ])
    expect(await texts()).toEqual([
      'update washer-1 detergent: Half empty. (600 ml of 1400 ml left; the rule says below 700 ml.)',
    ])

    home.clock.set(START_MS + DAY_MS + 15 * HOUR_MS)
    await home.event('cycle-finished')
    await home.event('fault', { code: 'E21' })
    await home.event('fault', { code: 'E22' })
    await home.drain()
    expect(commands()).toHaveLength(2)
    expect((await texts()).at(-1)).toBe(
      'fault washer-1 detergent: Service is wanted: Call the technician. (It reported the fault E21.)',
    )
    await home.pass(8 * HOUR_MS)
    expect(commands()).toHaveLength(3)
    expect(await texts()).toHaveLength(2)
  })

  it('are not repeated when the readings are read again', async () => {
    await confirmed({ rules: EVENTS })
    await home.level(600)
    await home.event('cycle-finished')
    await home.drain()
    home.db.exec('UPDATE slot_needs SET state = NULL; UPDATE rules_cursor SET reading_id = 0')
    await home.drain()
    expect(commands()).toHaveLength(1)
  })

  it('act again after a refill, but not each time that a level wavers about its limit', async () => {
    await confirmed({ rules: EVENTS })
    for (const left of [690, 710, 690, 710, 690]) {
      home.clock.set(home.clock.nowMs() + HOUR_MS)
      await home.level(left)
      await home.drain()
    }
    expect(await texts()).toHaveLength(1)
    home.clock.set(home.clock.nowMs() + DAY_MS)
    await home.level(1400)
    await home.drain()
    home.clock.set(home.clock.nowMs() + DAY_MS)
    await home.level(690)
    await home.drain()
    expect(await texts()).toHaveLength(2)
  })
})
