import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { leadVirtualTime } from '../../device-sim/time-leader.ts'
import type { StepResult } from '../../gateway/lib/scheduler.ts'
import { START_MS, TimeBench } from '../lib/time-bench.ts'

let bench: TimeBench
beforeEach(() => {
  bench = new TimeBench()
})
afterEach(() => bench.close())

/** A timer of a follower: due at `atMs`, works once when it is. */
function timers(dueAtMs: number[], done: number[]): (nowMs: number) => StepResult {
  return (nowMs) => {
    const next = dueAtMs[0]
    if (next === undefined) return { worked: false }
    if (next > nowMs) return { worked: false, nextDueAtMs: next }
    done.push(nowMs)
    dueAtMs.shift()
    return { worked: true }
  }
}

describe('two followers', () => {
  test('start at the leader’s time and stop at every moment at which one has something due', async () => {
    const leader = await bench.lead()
    const gatewayDone: number[] = []
    const merchantDone: number[] = []
    const gateway = await bench.follow('gateway', timers([START_MS + 1_000, START_MS + 5_000], gatewayDone))
    await bench.follow('merchant', timers([START_MS + 3_000, START_MS + 9_000], merchantDone))
    await leader.waitForFollowers(2, 5_000)
    expect(gateway.time.clock.nowMs()).toBe(START_MS)
    await leader.advanceTo(START_MS + 6_000)
    expect(gatewayDone).toEqual([START_MS + 1_000, START_MS + 5_000])
    expect(merchantDone).toEqual([START_MS + 3_000])
    expect(gateway.time.clock.nowMs()).toBe(START_MS + 6_000)
    expect(leader.nowMs()).toBe(START_MS + 6_000)
  })

  test('time stands while they give each other work', async () => {
    const leader = await bench.lead()
    const seen: string[] = []
    let ball: 'gateway' | 'merchant' | undefined = 'merchant'
    let passes = 6
    const play = (name: 'gateway' | 'merchant', other: 'gateway' | 'merchant') => (nowMs: number) => {
      if (ball !== name) return { worked: false, nextDueAtMs: nowMs + 1 }
      seen.push(`${name} ${nowMs - START_MS}`)
      ball = --passes > 0 ? other : undefined
      return { worked: true }
    }
    await bench.follow('merchant', play('merchant', 'gateway'))
    await bench.follow('gateway', play('gateway', 'merchant'))
    await leader.waitForFollowers(2, 5_000)
    await leader.advanceTo(START_MS + 3)
    expect(seen).toEqual(['merchant 0', 'gateway 0', 'merchant 0', 'gateway 0', 'merchant 0', 'gateway 0'])
  })

  test('are asked by name, whichever joined first; onTime comes before the drain', async () => {
    const leader = await bench.lead()
    const order: string[] = []
    const calm = (name: string) => () => {
      order.push(`${name} drains`)
      return { worked: false }
    }
    const onTime = async (nowMs: number) => void order.push(`gateway is told ${nowMs - START_MS}`)
    await bench.follow('merchant', calm('merchant'))
    await bench.follow('gateway', calm('gateway'), { onTime })
    await leader.waitForFollowers(2, 5_000)
    await leader.settle()
    expect(order).toEqual(['gateway is told 0', 'gateway drains', 'merchant drains'])
    await leader.settle()
    expect(order.slice(3)).toEqual(['gateway drains', 'merchant drains'])
  })
})

describe('the leader', () => {
  test('does not go back, nor move twice at once', async () => {
    const leader = await bench.lead()
    await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.advanceTo(START_MS - 1)).rejects.toThrow('cannot go back')
    const first = leader.settle()
    await expect(leader.settle()).rejects.toThrow('moving already')
    await first
  })

  test('what is overdue but not done neither stops nor slows time', async () => {
    const leader = await bench.lead()
    let asked = 0
    await bench.follow('gateway', (nowMs) => {
      asked++
      return { worked: false, nextDueAtMs: nowMs }
    })
    await leader.waitForFollowers(1, 5_000)
    await leader.advanceTo(START_MS + 86_400_000)
    expect(asked).toBe(2)
  })

  test('a fault is asked again; one that stays is thrown with the follower’s name', async () => {
    const leader = await bench.lead()
    let faults = 3
    const broken = () => {
      if (faults-- > 0) throw new Error('the chain does not answer')
      return { worked: false }
    }
    await bench.follow('gateway', broken)
    await leader.waitForFollowers(1, 5_000)
    await leader.settle()
    faults = 1_000
    await expect(leader.settle()).rejects.toThrow('The gateway failed 5 times: the chain does not answer')
  })

  test('followers without rest are a fault, not an endless loop', async () => {
    const leader = await bench.lead()
    await bench.follow('gateway', () => ({ worked: true }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.settle()).rejects.toThrow('no rest')
  })

  test('a lost follower fails the move and is named', async () => {
    const leader = await bench.lead()
    const { time } = await bench.follow('merchant', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await leader.settle()
    time.close()
    await expect(leader.settle()).rejects.toThrow('The merchant left virtual time')
    await expect(leader.settle()).rejects.toThrow('The merchant left virtual time')
  })

  test('a follower lost in the middle of its work fails the move too', async () => {
    const leader = await bench.lead()
    const { socket, lines } = await bench.raw()
    await lines.next()
    socket.write('{"follower":"gateway"}\n')
    await leader.waitForFollowers(1, 5_000)
    const settled = leader.settle()
    await lines.next()
    socket.destroy()
    await expect(settled).rejects.toThrow('The gateway left virtual time')
  })

  test('says who is missing', async () => {
    const leader = await bench.lead()
    await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.waitForFollowers(2, 20)).rejects.toThrow('Only gateway of 2 followers')
  })

  test.each([
    ['no JSON', 'hello'],
    ['another protocol', '{"hello":"world"}'],
    ['a bad name', '{"follower":"../../etc"}'],
    ['an endless line', 'x'.repeat(20_000)],
  ])('a stranger who begins with %s is put out; the others go on', async (_, line) => {
    const leader = await bench.lead()
    await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    const { socket, lines } = await bench.raw()
    await lines.next()
    socket.write(`${line}\n`)
    expect((await lines.next().catch(() => ({ done: true }))).done).toBe(true)
    await leader.settle()
  })

  test('a second follower of the same name is put out', async () => {
    const leader = await bench.lead()
    await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    const twin = await bench.follow('gateway', () => ({ worked: true }))
    expect(await twin.lost).toContain('its leader is lost')
    await leader.settle()
  })

  test.each([
    ['no JSON', 'what?', 'no JSON'],
    ['another time', `{"at":${START_MS - 1},"worked":false}`, 'answered for'],
    ['a broken answer', `{"at":${START_MS},"worked":"yes"}`, 'another protocol'],
    ['an endless line', 'x'.repeat(20_000), 'longer than'],
  ])('a follower that answers with %s is lost', async (_, line, reason) => {
    const leader = await bench.lead()
    const { socket, lines } = await bench.raw()
    await lines.next()
    socket.write('{"follower":"gateway"}\n')
    await leader.waitForFollowers(1, 5_000)
    const settled = leader.settle()
    await lines.next()
    socket.write(`${line}\n`)
    await expect(settled).rejects.toThrow(reason)
  })

  test('refuses a socket path that the system would cut off', async () => {
    await expect(leadVirtualTime(join(bench.folder, 'x'.repeat(120)), START_MS)).rejects.toThrow('shorter folder')
  })
})
