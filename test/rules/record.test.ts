import { afterEach, describe, expect, it } from 'vitest'
import type { Trial } from '../../gateway/rules/back-test.ts'
import type { Explanation } from '../../gateway/rules/explain.ts'
import type { Replay } from '../../gateway/rules/replay.ts'
import { type HomeRecord, openRecord, START_MS } from './record.ts'
import { DAY_MS, GTIN } from './situation.ts'

let home: HomeRecord
afterEach(() => home.close())

async function livedIn(days = 30) {
  home = await openRecord()
  home.grant()
  await home.confirm('auto')
  await home.days(days, 45, 1400)
}
async function last<Item>(items: AsyncIterable<object>): Promise<Item> {
  let item: unknown
  for await (item of items);
  return item as Item
}
const replayed = () => last<Extract<Replay, { kind: 'done' }>>(home.desk.replay())
const done = (readings: number, decisions: number) => ({
  ...{ kind: 'done', readings, decisions, fromInputs: 0, goneAtMs: undefined },
  ...{ differing: 0, first: undefined },
})

describe('replay', () => {
  it('makes every decision again as it was, over restarts, new rules and another description', async () => {
    await livedIn()
    await home.event('cycle-finished', { doseMl: 40 })
    await home.restart('2')
    await home.level(200)
    await home.drain()
    await home.describe([
      { slot: 'detergent', unit: 'ml', capacity: 700, degradationDirection: 'down', replacementProducts: [] },
    ])
    await home.drain()
    await home.days(3, 20, 700)
    const { n } = home.db.prepare('SELECT count(*) AS n FROM decisions').get() as { n: number }
    expect(await replayed()).toEqual(done(35, n))
  })

  it('names the first that differs, and whether the inputs or the readings are to blame', async () => {
    await livedIn()
    const { id } = home.db.prepare(`SELECT decision_id AS id FROM decisions WHERE outcome = 'order'`).get() as {
      id: number
    }
    home.db
      .prepare(`UPDATE decisions SET decision = json_set(decision, '$.order.quantity', 7) WHERE decision_id = ?`)
      .run(id)
    expect(await replayed()).toMatchObject({
      differing: 1,
      first: {
        decisionId: id,
        deviceId: 'washer-1',
        slot: 'detergent',
        why: expect.stringMatching(/"quantity":7.*; the same inputs now give .*"quantity":1/),
      },
    })
    home.db.exec(`UPDATE readings SET remaining = 1300 WHERE reading_id = 1`)
    const tampered = await replayed()
    expect(tampered.differing).toBeGreaterThan(1)
    expect(tampered.first!.why).toMatch(/^It was made on .*; the readings give /)
  })

  it('says when another version decided, or the rules are gone', async () => {
    await livedIn(3)
    await home.restart('2')
    home.db.exec(`UPDATE decisions SET decision = json_set(decision, '$.why', 'x') WHERE decision_id = 1`)
    home.db.exec(`UPDATE rules_versions SET program = 'old' WHERE version = 1`)
    expect((await replayed()).first!.why).toMatch(/It was made by version old of the gateway, this is 2\.$/)
    home.db.exec(`UPDATE rules_versions SET text = 'x: 1' WHERE version = 1`)
    expect((await replayed()).first!.why).toBe('The rules of version 1 are no longer understood.')
    home.db.exec(`DELETE FROM rules_versions WHERE version = 1`)
    expect((await replayed()).first!.why).toBe('The rules of version 1 are not kept.')
  })

  it('has nothing to do in a new home', async () => {
    home = await openRecord()
    expect(await replayed()).toEqual(done(0, 0))
  })
})

describe('a trial', () => {
  const level = (share: number) =>
    `rules: [{ name: low, when: { level: { below: ${share} % } }, then: { order: { packs: 1 }, notify: x } }]`
  const tried = (text: string, sinceMs = START_MS) =>
    last<Extract<Trial, { kind: 'done' }>>(home.desk.tryOut('home', text, sinceMs) as AsyncIterable<object>)

  it('says what would have been ordered when, beside what was', async () => {
    await livedIn()
    const { sinceMs, untilMs, slots } = await tried(level(50))
    expect([sinceMs, untilMs]).toEqual([START_MS, START_MS + 30 * DAY_MS])
    const [slot] = slots
    expect(slot).toMatchObject({
      deviceId: 'washer-1',
      slot: 'detergent',
      wouldSayLow: 0,
      wouldCommand: 0,
      wouldTell: 1,
    })
    expect(slot!.wouldOrder).toEqual([
      {
        atMs: START_MS + 16 * DAY_MS,
        quantity: 1,
        gtin: GTIN,
        mode: 'auto',
        reasons: ['680 ml of 1400 ml left; the rule says below 700 ml.', `1 pack of GTIN ${GTIN}, by the rule "low".`],
      },
    ])
    expect(slot!.ordered).toEqual(home.orders().map(({ atMs, quantity, state }) => ({ atMs, quantity, state })))
  })

  it('looks only at the time that is asked for, and changes nothing', async () => {
    await livedIn()
    const before = home.db.prepare('SELECT count(*) AS n FROM decisions').get()
    expect((await tried(level(50), START_MS + 20 * DAY_MS)).slots[0]!.wouldOrder).toMatchObject([
      { atMs: START_MS + 20 * DAY_MS },
    ])
    expect((await tried(level(1), START_MS + 20 * DAY_MS)).slots[0]!.wouldOrder).toMatchObject([])
    expect(home.db.prepare('SELECT count(*) AS n FROM decisions').get()).toEqual(before)
  })

  it('takes bought goods as arrived after the usual time, poured in when a refill is seen', async () => {
    home = await openRecord()
    home.grant()
    await home.confirm('notify')
    for (let fill = 0; fill < 3; fill++) await home.days(30, 45, 1400)
    const { slots } = await tried(level(30))
    expect(slots[0]!.wouldOrder.map(({ atMs, mode }) => [(atMs - START_MS) / DAY_MS, mode])).toEqual([
      [22, 'ask'],
      [52, 'ask'],
      [82, 'ask'],
    ])
    expect(slots[0]!.ordered).toEqual([])
  })

  it('of rules with a mistake is none', async () => {
    home = await openRecord()
    expect(home.desk.tryOut('home', 'rules: []', 0)).toMatchObject({ mistakes: [{ line: 1 }] })
  })
})

it('an explanation shows the slot, each condition, what it comes to, and the last decision', async () => {
  await livedIn(4)
  const it_ = (await home.desk.explain('home', 'washer-1', 'detergent')) as Explanation
  expect(it_).toMatchObject({
    ...{ deviceId: 'washer-1', slot: 'detergent', mode: 'auto', suspendedReason: '', rulesVersion: 1, unit: 'ml' },
    stock: '1265 ml of 1400 ml left',
    forecast: { trust: 'measured', sentence: expect.stringMatching(/^It lasts about \d+ days more/) },
    rules: [
      { name: 'order what the forecast needs', does: ['order'], checks: [{ condition: 'daysLeft', holds: false }] },
      {
        name: 'tell of a fault',
        does: ['notify'],
        checks: [{ condition: 'fault', holds: false, sentence: 'No new fault was reported.' }],
      },
    ],
    now: { outcome: 'nothing' },
    last: { outcome: 'nothing', firstAtMs: START_MS },
  })
  expect(it_.last!.times).toBeGreaterThan(3)
  expect(await home.desk.explain('home', 'washer-1', 'salt')).toBeUndefined()
  expect(await home.desk.explain('other', 'washer-1', 'detergent')).toBeUndefined()
  expect(await home.desk.inForce()).toMatchObject({
    version: 1,
    source: 'built-in',
    text: expect.stringContaining('forecast'),
  })
})
