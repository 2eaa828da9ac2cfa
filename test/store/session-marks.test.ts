import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Incoming } from '../../gateway/ports/ingest.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { MAX_RANGES, markStored, receiptOf, type Session } from '../../gateway/store/session-marks.ts'
import { NOW_MS, temporaryStore } from '../broker/fixture.ts'

const DAY_MS = 86_400_000
const newSession = (): Session => ({
  sessionKey: 1,
  deviceId: 'd',
  session: 's',
  highWater: -1,
  above: [],
  changed: false,
  usedAtMs: 0,
})

describe('the marks of a session', () => {
  it('forget the lowest range when there are too many gaps, and still never refuse a new seq', () => {
    const marks = newSession()
    expect(markStored(marks, 0)).toBe(true)
    for (let seq = 2; seq <= 2 * (MAX_RANGES + 100); seq += 2) expect(markStored(marks, seq)).toBe(true)
    expect(marks.above).toHaveLength(MAX_RANGES)
    for (let seq = 1; seq <= 2 * (MAX_RANGES + 100); seq += 2) expect(markStored(marks, seq)).toBe(true)
    expect(receiptOf(marks)).toBeLessThan(2 * 101)
  })
  it('give a receipt to a session that begins at 1, and none below a gap', () => {
    const marks = newSession()
    expect(receiptOf(marks)).toBeUndefined()
    for (const seq of [1, 2, 4]) markStored(marks, seq)
    expect(receiptOf(marks)).toBe(2)
    const late = newSession()
    markStored(late, 17)
    expect(receiptOf(late)).toBeUndefined()
    expect(markStored(late, 16)).toBe(true)
  })
  it('know what a list of all seqs knows; over the bound they forget, and never tell more than is stored', () => {
    // Long strides make more gaps than the bound, short ones close them again.
    const stride = fc.record({ from: fc.nat(40), step: fc.integer({ min: 1, max: 3 }), count: fc.nat(1_500) })
    fc.assert(
      fc.property(fc.array(stride, { maxLength: 6 }), (strides) => {
        const marks = newSession()
        const stored = new Set<number>()
        let forgot = false
        for (const { from, step, count } of strides) {
          for (let index = 0; index < count; index++) {
            const seq = from + index * step
            const isNew = markStored(marks, seq)
            if (!stored.has(seq)) expect(isNew).toBe(true)
            else if (!forgot) expect(isNew).toBe(false)
            stored.add(seq)
            forgot ||= marks.above.length === MAX_RANGES
          }
          const receipt = receiptOf(marks) ?? -1
          if (forgot) expect(receipt).toBeLessThanOrEqual(withoutGaps(stored))
          else expect(receipt).toBe(withoutGaps(stored))
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('receipts', () => {
  let store: ReturnType<typeof temporaryStore>
  beforeEach(async () => {
    store = temporaryStore()
    await store.add('washer-1')
  })
  afterEach(() => store.close())
  const event = (seq: number, session = 's1', deviceId = 'washer-1'): Incoming => ({
    kind: 'report',
    report: { deviceId, session, seq, kind: 'event', measuredAtMs: undefined, body: '{"type":"x"}' },
  })
  const unreadable = (seq: number): Incoming => ({
    kind: 'dead-letter',
    deviceId: 'washer-1',
    topic: 'adept/v1/washer-1/event',
    payload: Buffer.from('x'),
    reason: 'It has no type.',
    report: { session: 's1', seq },
  })
  const receiptAfter = async (group: Incoming[], atMs = NOW_MS) => (await store.intake.commit(group, atMs)).receipts

  it('count a report that is kept as a dead letter, and let it be none of the readings', async () => {
    await receiptAfter([event(0)])
    expect(await receiptAfter([unreadable(1), event(2)])).toEqual([{ deviceId: 'washer-1', session: 's1', seq: 2 }])
    expect(await receiptAfter([event(1)])).toMatchObject([{ seq: 2 }])
    expect(store.db.prepare('SELECT seq FROM readings ORDER BY seq').all()).toEqual([{ seq: 0 }, { seq: 2 }])
    expect(await store.devices.deadLetters('home-1', 10)).toHaveLength(1)
  })
  it('are told apart by session and device, also over a restart with gaps of more than one session', async () => {
    await receiptAfter([event(0), event(2), event(5, 's2'), event(0, 's2', 'washer-2')])
    store.intake = sqliteIntakeStore(store.db)
    const receipts = await receiptAfter([event(1), event(2), event(0, 's2'), event(1, 's2', 'washer-2')])
    expect(receipts).toEqual([
      { deviceId: 'washer-1', session: 's1', seq: 2 },
      { deviceId: 'washer-1', session: 's2', seq: 0 },
      { deviceId: 'washer-2', session: 's2', seq: 1 },
    ])
  })
  it('go on when the row of a session, unused for long, was deleted meanwhile', async () => {
    await receiptAfter([event(0), event(1)])
    store.db.exec('DELETE FROM readings; DELETE FROM sessions')
    expect(await receiptAfter([event(0)], NOW_MS + 2 * DAY_MS)).toMatchObject([{ seq: 0 }])
    expect(store.db.prepare('SELECT seq FROM readings JOIN sessions USING (session_key)').all()).toEqual([{ seq: 0 }])
  })
})

/** Highest seq with all below it; a session may begin at 1. */
function withoutGaps(stored: Set<number>): number {
  let seq = stored.has(0) || !stored.has(1) ? -1 : 0
  while (stored.has(seq + 1)) seq++
  return seq
}
