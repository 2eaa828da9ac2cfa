import { describe, expect, it } from 'vitest'
import { observe } from '../../gateway/domain/forecast.ts'
import type { Usage } from '../../gateway/domain/forecast-model.ts'
import { onHandAfterLevel, onHandAfterRefill } from '../../gateway/domain/need.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 0, 1)

describe('stock on hand', () => {
  it('loses the whole packs that a refill poured in, at least one', () => {
    expect(onHandAfterRefill(2000, 1000, 1000)).toBe(1000)
    expect(onHandAfterRefill(2000, 100, 1000)).toBe(1000)
    expect(onHandAfterRefill(2000, 1499, 1000)).toBe(1000)
    expect(onHandAfterRefill(3000, 1500, 1000)).toBe(1000)
    expect(onHandAfterRefill(500, 1000, 1000)).toBe(0)
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
