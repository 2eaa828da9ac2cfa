import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { START_MS, TimeBench } from '../lib/time-bench.ts'

let bench: TimeBench
beforeEach(() => {
  bench = new TimeBench()
})
afterEach(() => bench.close())

describe('a leader whose followers are ended on purpose', () => {
  test('moves time without work, which is then overdue', async () => {
    const leader = await bench.lead()
    const drained: number[] = []
    const { time } = await bench.follow('gateway', (nowMs) => {
      drained.push(nowMs)
      return { worked: false, nextDueAtMs: START_MS + 5 }
    })
    await leader.waitForFollowers(1, 5_000)
    await leader.moveTo(START_MS + 60)
    expect([time.clock.nowMs(), drained]).toEqual([START_MS + 60, []])
    await leader.settle()
    expect(drained).toEqual([START_MS + 60])
    await expect(leader.moveTo(START_MS)).rejects.toThrow('cannot go back')
  })

  test('waits for one that comes back, and lets it do its work', async () => {
    const leader = await bench.lead()
    const first = await bench.raw()
    await first.lines.next()
    first.socket.write('{"follower":"gateway"}\n')
    await leader.waitForFollowers(1, 5_000)
    const settled = leader.settle()
    await first.lines.next()
    leader.expectBack('gateway')
    first.socket.destroy()
    const drained: number[] = []
    await bench.follow('gateway', (nowMs) => {
      drained.push(nowMs)
      return { worked: false }
    })
    await settled
    await leader.back('gateway')
    expect(drained).toEqual([START_MS])
  })

  test('asks nobody while one is away that comes back', async () => {
    const leader = await bench.lead()
    const seen: string[] = []
    const note = (what: string) => () => {
      seen.push(what)
      return { worked: false }
    }
    await bench.follow('gateway', note('gateway works'))
    const first = await bench.follow('merchant', note('first merchant works'))
    await leader.waitForFollowers(2, 5_000)
    leader.expectBack('merchant')
    first.time.close()
    const settled = leader.settle()
    seen.push('second merchant comes')
    await bench.follow('merchant', note('second merchant works'))
    await settled
    expect(seen).toEqual(['second merchant comes', 'gateway works', 'second merchant works'])
  })

  test('tells when one is asked to work, not when it is only told the time', async () => {
    const leader = await bench.lead()
    const seen: string[] = []
    await bench.follow('gateway', () => {
      seen.push('gateway works')
      return { worked: false }
    })
    await bench.follow('merchant', () => ({ worked: false }))
    await leader.waitForFollowers(2, 5_000)
    const asked = leader.atWork('merchant').then(() => seen.push('merchant is asked'))
    await leader.moveTo(START_MS + 60)
    expect(seen).toEqual([])
    await leader.settle()
    await asked
    expect(seen).toEqual(['gateway works', 'merchant is asked'])
    leader.dismiss('merchant')
    await expect(leader.atWork('merchant')).rejects.toThrow('The merchant does not follow virtual time.')
  })

  test('goes on without one that is dismissed', async () => {
    const leader = await bench.lead()
    const { time } = await bench.follow('shop', () => ({ worked: false }))
    await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(2, 5_000)
    leader.dismiss('shop')
    time.close()
    await leader.moveTo(START_MS + 1)
    await leader.settle()
  })
})
