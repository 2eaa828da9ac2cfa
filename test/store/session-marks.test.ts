import { describe, expect, it } from 'vitest'
import { MAX_RANGES, markStored, receiptOf, type Session } from '../../gateway/store/session-marks.ts'

describe('the marks of a session', () => {
  const session = (): Session => ({
    sessionKey: 1,
    deviceId: 'd',
    session: 's',
    highWater: -1,
    above: [],
    changed: false,
  })
  it('forget the lowest range when there are too many gaps, and still never refuse a new seq', () => {
    const marks = session()
    expect(markStored(marks, 0)).toBe(true)
    for (let seq = 2; seq <= 2 * (MAX_RANGES + 100); seq += 2) expect(markStored(marks, seq)).toBe(true)
    expect(marks.above).toHaveLength(MAX_RANGES)
    for (let seq = 1; seq <= 2 * (MAX_RANGES + 100); seq += 2) expect(markStored(marks, seq)).toBe(true)
    expect(receiptOf(marks)).toBeLessThan(2 * 101)
  })
  it('give a receipt to a session that begins at 1, and none below a gap', () => {
    const marks = session()
    expect(receiptOf(marks)).toBeUndefined()
    for (const seq of [1, 2, 4]) markStored(marks, seq)
    expect(receiptOf(marks)).toBe(2)
    const late = session()
    markStored(late, 17)
    expect(receiptOf(late)).toBeUndefined()
    expect(markStored(late, 16)).toBe(true)
  })
})
