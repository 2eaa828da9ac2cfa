import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Incoming } from '../../gateway/ports/ingest.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { DETERGENT, HOME, NOW_MS, temporaryStore, WASHER } from '../broker/fixture.ts'

const DAY_MS = 24 * 3_600_000
let store: ReturnType<typeof temporaryStore>
beforeEach(async () => {
  store = temporaryStore()
  await store.add('washer-1')
})
afterEach(() => store.close())

type ReportOptions = { session?: string; atMs?: number; slot?: string; unit?: 'ml' | 'g' }
function level(seq: number, remaining: number, options: ReportOptions = {}): Incoming {
  const { session = 's1', atMs, slot = 'detergent', unit = 'ml' } = options
  return {
    kind: 'report',
    report: {
      deviceId: 'washer-1',
      session,
      seq,
      kind: 'consumable',
      measuredAtMs: atMs,
      body: '{}',
      level: { slot, remaining, unit },
    },
  }
}
const describedAs = (description: typeof WASHER | Record<string, unknown>): Incoming => ({
  kind: 'description',
  deviceId: 'washer-1',
  description: { ...WASHER, ...description },
  body: '',
})
const readings = () => store.devices.readings(HOME, 'washer-1', 1000)
const slot = async () => (await store.devices.get(HOME, 'washer-1'))!.slots[0]!
const row = (table: string) => store.db.prepare(`SELECT * FROM ${table}`).get() as Record<string, unknown>

describe('a report', () => {
  it('is stored once, whatever is sent again and in which order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(12), { maxLength: 6 }), { maxLength: 8 }),
        fc.uuid(),
        async (groups, id) => {
          const session = id.slice(0, 30)
          let intake = store.intake
          for (const [index, group] of groups.entries()) {
            // Every third group is committed after a restart.
            if (index % 3 === 2) intake = sqliteIntakeStore(store.db)
            const { receipts } = await intake.commit(
              group.map((seq) => level(seq, 500, { session })),
              NOW_MS,
            )
            const seen = new Set(groups.slice(0, index + 1).flat())
            const stored = store.db
              .prepare('SELECT seq FROM readings JOIN sessions USING (session_key) WHERE session = ? ORDER BY seq')
              .all(session) as { seq: number }[]
            expect(stored.map(({ seq }) => seq)).toEqual([...seen].sort((a, b) => a - b))
            if (group.length > 0) expect(receipts.map(({ seq }) => seq)).toEqual(contiguous(seen))
          }
        },
      ),
      { numRuns: 30 },
    )
  })
  it('is stored again under another session', async () => {
    await store.intake.commit([level(0, 500), level(0, 500, { session: 's2' })], NOW_MS)
    expect(await readings()).toHaveLength(2)
  })
  it('keeps its time, or ours when it has none', async () => {
    await store.intake.commit([level(0, 500, { atMs: NOW_MS - 5 }), level(1, 500)], NOW_MS)
    expect(await readings()).toMatchObject([
      { seq: 1, measuredAtMs: NOW_MS, gatewayTime: true },
      { seq: 0, measuredAtMs: NOW_MS - 5, gatewayTime: false },
    ])
  })
  it('leaves nothing behind when its group fails, and is stored when it comes again', async () => {
    const body = undefined as unknown as string
    const event = { deviceId: 'washer-1', session: 's1', seq: 2, kind: 'event' as const, measuredAtMs: NOW_MS }
    const poison: Incoming = { kind: 'report', report: { ...event, body } }
    await store.intake.commit([describedAs({})], NOW_MS)
    await expect(store.intake.commit([level(0, 1400), level(1, 1300), poison], NOW_MS)).rejects.toThrow()
    expect(await readings()).toHaveLength(0)
    expect((await slot()).level).toBeUndefined()
    const { receipts } = await store.intake.commit([level(0, 1400), level(1, 1300)], NOW_MS)
    expect(receipts).toEqual([{ deviceId: 'washer-1', session: 's1', seq: 1 }])
    expect((await slot()).level).toMatchObject({ remaining: 1300, mark: 'verified' })
  })
})

describe('a slot', () => {
  it('comes with the description; levels before it are kept and count for nothing', async () => {
    await store.intake.commit([level(0, 500)], NOW_MS)
    expect((await store.devices.get(HOME, 'washer-1'))?.slots).toEqual([])
    expect(await readings()).toMatchObject([{ mark: 'unknown' }])
    await store.intake.commit([describedAs({}), level(1, 490)], NOW_MS)
    expect(await slot()).toMatchObject({
      description: DETERGENT,
      mode: 'notify',
      confirmed: false,
      suspendedReason: 'new slot: confirm it with `adept device confirm`',
      level: { remaining: 490, mark: 'verified' },
    })
    expect(row('slots')).toMatchObject({ evaluate: 1 })
  })
  it('keeps a level that its sender does not trust, with the reason', async () => {
    const doubtful = level(1, 1400)
    if (doubtful.kind === 'report') doubtful.report.level!.unverified = 'The line had no check sum.'
    await store.intake.commit([describedAs({}), level(0, 300), doubtful], NOW_MS)
    const expected = { remaining: 1400, mark: 'unverified', markReason: 'The line had no check sum.' }
    expect((await slot()).level).toMatchObject(expected)
  })
  it('keeps its level when an older one arrives late', async () => {
    await store.intake.commit([describedAs({}), level(0, 800, { atMs: NOW_MS })], NOW_MS)
    await store.intake.commit([level(1, 900, { atMs: NOW_MS - 1000 })], NOW_MS)
    expect((await slot()).level).toMatchObject({ remaining: 800, mark: 'verified' })
    expect(await readings()).toMatchObject([{ seq: 1, mark: 'unverified' }, { seq: 0 }])
  })
  it('remembers its refill and tells low anew', async () => {
    await store.intake.commit([describedAs({}), level(0, 200)], NOW_MS)
    store.db.prepare('UPDATE slots SET low_told = 1, evaluate = 0').run()
    await store.intake.commit([level(1, 190)], NOW_MS + 1)
    expect(row('slots')).toMatchObject({ low_told: 1, last_refill_at_ms: null, evaluate: 1 })
    await store.intake.commit([level(2, 1400), level(3, 1390)], NOW_MS + 2)
    expect(row('slots')).toMatchObject({ low_told: 0, last_refill_at_ms: NOW_MS + 2, remaining: 1390 })
  })
  it('stops buying when its products, unit, capacity or the firmware change, until the owner confirms', async () => {
    const now = (change: object, version = '1.4.2') =>
      describedAs({ slots: [{ ...DETERGENT, ...change }], firmware: { version } })
    await store.intake.commit([now({})], NOW_MS)
    const changes: [Incoming, string][] = [
      [now({ replacementProducts: [] }), 'product list'],
      [now({}), 'product list'],
      [now({ capacity: 900 }), 'unit or capacity'],
      [now({ capacity: 900, unit: 'g' }), 'unit or capacity'],
      [now({ capacity: 900, unit: 'g' }, '2.0.0'), 'firmware changed'],
      [now({ capacity: 901, unit: 'g' }, '3.0.0'), 'unit or capacity'],
    ]
    for (const [change, reason] of changes) {
      expect(await store.devices.confirm(HOME, 'washer-1', undefined, 'auto', NOW_MS)).toEqual(['detergent'])
      await store.intake.commit([change], NOW_MS)
      expect((await slot()).suspendedReason).toContain(reason)
      await store.devices.confirm(HOME, 'washer-1', 'detergent', 'ask', NOW_MS)
      await store.intake.commit([change], NOW_MS)
      expect(await slot()).toMatchObject({ suspendedReason: '', mode: 'ask', confirmed: true })
    }
    await store.devices.confirm(HOME, 'washer-1', 'detergent', 'ask', NOW_MS)
    await store.intake.commit([describedAs({ slots: [], firmware: { version: '3.0.0' } })], NOW_MS)
    expect(await slot()).toMatchObject({
      description: undefined,
      suspendedReason: expect.stringContaining('no longer'),
    })
    expect(await store.devices.confirm(HOME, 'washer-1', 'detergent', 'ask', NOW_MS)).toEqual([])
  })
  it('starts its levels afresh when its capacity changes', async () => {
    await store.intake.commit([describedAs({}), level(0, 1400)], NOW_MS)
    await store.intake.commit([describedAs({ slots: [{ ...DETERGENT, capacity: 100, unit: 'g' }] })], NOW_MS)
    expect((await slot()).level).toMatchObject({ mark: 'unknown' })
    await store.intake.commit([level(1, 0, { unit: 'g' })], NOW_MS)
    expect((await slot()).level).toMatchObject({ mark: 'unknown', unit: 'g' })
  })
})

describe('a refill while goods are under way', () => {
  const order = (state: string, changedAtMs: number) => {
    store.db
      .prepare(
        `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt,
                             created_at_ms, reasons)
         VALUES ('o-1', ?, 'washer-1', 'detergent', '04006381333931', 1, 'auto', ?, ?, 1, ?, '[]')`,
      )
      .run(HOME, state, changedAtMs, NOW_MS)
    const step = store.db.prepare(
      `INSERT INTO order_steps (order_id, attempt, from_state, to_state, at_ms, reason) VALUES ('o-1', 1, 'due', ?, ?, '')`,
    )
    step.run(state, changedAtMs)
  }
  beforeEach(() => store.intake.commit([describedAs({}), level(0, 100, { atMs: NOW_MS })], NOW_MS))

  it('is evidence of their arrival and wakes the order', async () => {
    order('shipped', NOW_MS + 10)
    await store.intake.commit([level(1, 1400, { atMs: NOW_MS + 11 })], NOW_MS + DAY_MS)
    expect(row('evidence')).toEqual({
      order_id: 'o-1',
      kind: 'refill',
      detail: 'washer-1 saw detergent rise from 100 to 1400 ml.',
      at_ms: NOW_MS + 11,
    })
    expect(row('orders')).toMatchObject({ next_at_ms: NOW_MS + DAY_MS })
  })
  it('is none before the goods left, and none for an order that is not shipped', async () => {
    order('shipped', NOW_MS + 10)
    await store.intake.commit([level(1, 700, { atMs: NOW_MS + 10 })], NOW_MS + DAY_MS)
    store.db.prepare(`UPDATE orders SET state = 'due'`).run()
    await store.intake.commit([level(2, 1400, { atMs: NOW_MS + 12 })], NOW_MS + DAY_MS)
    expect(row('evidence')).toBeUndefined()
  })
  it('is none when the level is doubtful', async () => {
    order('shipped', NOW_MS + 10)
    await store.intake.commit(
      [level(1, 5000), level(2, 0), level(1, 1400), level(3, 1400, { unit: 'g' })],
      NOW_MS + DAY_MS,
    )
    expect(row('evidence')).toBeUndefined()
  })
})

it('keeps the newest 10,000 dead letters', async () => {
  const letter = (index: number): Incoming => ({
    kind: 'dead-letter',
    deviceId: undefined,
    topic: `t/${index}`,
    payload: Buffer.from('x'),
    reason: 'because',
  })
  await store.intake.commit(
    Array.from({ length: 10_005 }, (_, index) => letter(index)),
    NOW_MS,
  )
  expect(store.db.prepare('SELECT count(*) AS n FROM dead_letters').get()).toEqual({ n: 10_000 })
  expect(await store.devices.deadLetters('home-1', 1)).toMatchObject([{ topic: 't/10004', deviceId: undefined }])
})

it('takes every device as offline when it begins', async () => {
  await store.intake.commit([{ kind: 'status', deviceId: 'washer-1', status: 'online' }], NOW_MS)
  expect(await store.devices.get(HOME, 'washer-1')).toMatchObject({ status: 'online', statusAtMs: NOW_MS })
  sqliteIntakeStore(store.db)
  expect(await store.devices.get(HOME, 'washer-1')).toMatchObject({ status: 'offline' })
})

/** The receipt, as a list of none or one. */
function contiguous(seen: Set<number>): number[] {
  let next = seen.has(0) ? 0 : 1
  if (!seen.has(next)) return []
  while (seen.has(next + 1)) next++
  return [next]
}
