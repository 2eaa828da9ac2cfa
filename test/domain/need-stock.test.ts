import { describe, expect, it } from 'vitest'
import { observe } from '../../gateway/domain/forecast.ts'
import type { Usage } from '../../gateway/domain/forecast-model.ts'
import { onHandAfterLevel, onHandAfterRefill } from '../../gateway/domain/need.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 0, 1)

describe('stock on hand', () => {
  const full = { reading: 1260, capacity: 1400 }

  it.each([
    [2000, 1000, 1000],
    [2000, 750, 1000],
    [2000, 1250, 1000],
    [3000, 1750, 1000],
    [500, 1000, 0],
  ])('of %i loses whole packs when a refill of %i is near to them: %i stay', (onHand, poured, left) => {
    expect(onHandAfterRefill(onHand, poured, 1000, full)).toBe(left)
  })

  it.each([
    [2000, 740, 1260],
    [2000, 200, 1800],
    [3000, 1500, 1500],
    // Less than a tenth of a pack is what measuring leaves.
    [700, 600, 100],
    [699, 600, 0],
  ])('of %i loses what fitted of a pack that did not fit, %i: %i stay', (onHand, poured, left) => {
    expect(onHandAfterRefill(onHand, poured, 1000, full)).toBe(left)
  })

  it('loses a whole pack when there was room for more than was seen', () => {
    expect(onHandAfterRefill(2000, 740, 1000, { ...full, reading: 1259 })).toBe(1000)
    expect(onHandAfterRefill(2000, 100, 1000, { ...full, reading: 700 })).toBe(1000)
  })

  it('does not shrink faster than a shelf of which a small slot takes a part each time', () => {
    let onHand = 3000
    for (let refill = 0; refill < 5; refill++) {
      onHand = onHandAfterRefill(onHand, 400, 1000, { reading: 500, capacity: 500 })
    }
    expect(onHand).toBe(1000)
  })

  it('loses a cartridge that is changed before it is empty, but no part of one', () => {
    const changed = { reading: 100, capacity: 100 }
    expect(onHandAfterRefill(200, 60, 100, changed)).toBe(100)
    expect(onHandAfterRefill(200, 50, 100, changed)).toBe(100)
    expect(onHandAfterRefill(200, 40, 100, changed)).toBe(160)
  })

  const used = (levels: [day: number, left: number, refill?: boolean][]) => {
    let usage: Usage | undefined
    for (const [day, left, refill = false] of levels) {
      usage = observe(usage, { kind: 'level', atMs: NOW_MS + day * DAY_MS, left, refill }, { capacity: 1400 })
    }
    return usage!
  }
  const steadily = (until: number) => used(Array.from({ length: until + 1 }, (_, day) => [day, 1400 - day * 40]))
  const kept = (usage: Usage, sinceDay: number, packSize = 1000) =>
    onHandAfterLevel({ onHand: 1000, sinceMs: NOW_MS + sinceDay * DAY_MS, packSize }, usage)

  it('stays while the slot has no room, and goes with a refill', () => {
    expect(kept(steadily(20), 10)).toBe(1000)
    expect(
      kept(
        used([
          [0, 400],
          [1, 1300, true],
        ]),
        0,
      ),
    ).toBe(0)
  })

  it('is gone when the slot had room for it for more than a week', () => {
    expect(kept(steadily(27), 10)).toBe(1000)
    expect(kept(steadily(33), 20)).toBe(0)
    // A pack of 300 had room from a slot of 1100 on.
    expect(kept(steadily(14), 0, 300)).toBe(1000)
    expect(kept(steadily(18), 0, 300)).toBe(0)
  })

  it('stays for the first four days, and while the level says nothing', () => {
    expect(kept(steadily(33), 29)).toBe(0)
    expect(kept(steadily(33), 29.01)).toBe(1000)
    const still = used([
      ...Array.from({ length: 34 }, (_, day): [number, number] => [day, 1400 - day * 40]),
      [37.5, 80],
    ])
    expect(kept(still, 33)).toBe(1000)
  })

  it('is gone when next to nothing is left', () => {
    const nearly = used(Array.from({ length: 11 }, (_, day) => [day, 1400 - day * 132.5]))
    expect(kept(nearly, 5)).toBe(0)
    const more = used(Array.from({ length: 11 }, (_, day) => [day, 1400 - day * 128]))
    expect(kept(more, 5)).toBe(1000)
  })
})
