import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { leadVirtualTime, type TimeLeader } from '../../device-sim/time-leader.ts'
import { readLines } from '../../gateway/lib/lines.ts'
import type { StepResult } from '../../gateway/lib/scheduler.ts'
import { type FollowOptions, joinVirtualTime } from '../../gateway/lib/virtual-time.ts'

const START_MS = 1_763_784_000_000
let folder: string
let socketPath: string
const closing: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtual-time-'))
  socketPath = join(folder, 'time.sock')
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  rmSync(folder, { recursive: true })
})

async function lead(): Promise<TimeLeader> {
  const leader = await leadVirtualTime(socketPath, START_MS)
  closing.push(() => leader.close())
  return leader
}

/** A follower whose drains are `drain(nowMs)`. */
async function follow(name: string, drain: (nowMs: number) => StepResult, options: Partial<FollowOptions> = {}) {
  const time = await joinVirtualTime(socketPath, name)
  closing.push(() => time.close())
  const lost = Promise.withResolvers<string>()
  time.follow({ scheduler: { drain: async () => drain(time.clock.nowMs()) }, onLost: lost.resolve, ...options })
  return { time, lost: lost.promise }
}

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

/** A bare connection, to speak garbage. */
async function raw(): Promise<{ socket: Socket; lines: AsyncGenerator<string, void, undefined> }> {
  const socket = connect(socketPath)
  closing.push(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, lines: readLines(socket, 8192) }
}

describe('two followers', () => {
  test('start at the leader’s time and stop at every moment at which one has something due', async () => {
    const leader = await lead()
    const gatewayDone: number[] = []
    const merchantDone: number[] = []
    const gateway = await follow('gateway', timers([START_MS + 1_000, START_MS + 5_000], gatewayDone))
    await follow('merchant', timers([START_MS + 3_000, START_MS + 9_000], merchantDone))
    await leader.waitForFollowers(2, 5_000)
    expect(gateway.time.clock.nowMs()).toBe(START_MS)
    await leader.advanceTo(START_MS + 6_000)
    expect(gatewayDone).toEqual([START_MS + 1_000, START_MS + 5_000])
    expect(merchantDone).toEqual([START_MS + 3_000])
    expect(gateway.time.clock.nowMs()).toBe(START_MS + 6_000)
    expect(leader.nowMs()).toBe(START_MS + 6_000)
  })

  test('time stands while they give each other work', async () => {
    const leader = await lead()
    const seen: string[] = []
    let ball: 'gateway' | 'merchant' | undefined = 'merchant'
    let passes = 6
    const play = (name: 'gateway' | 'merchant', other: 'gateway' | 'merchant') => (nowMs: number) => {
      if (ball !== name) return { worked: false, nextDueAtMs: nowMs + 1 }
      seen.push(`${name} ${nowMs - START_MS}`)
      ball = --passes > 0 ? other : undefined
      return { worked: true }
    }
    await follow('merchant', play('merchant', 'gateway'))
    await follow('gateway', play('gateway', 'merchant'))
    await leader.waitForFollowers(2, 5_000)
    await leader.advanceTo(START_MS + 3)
    expect(seen).toEqual(['merchant 0', 'gateway 0', 'merchant 0', 'gateway 0', 'merchant 0', 'gateway 0'])
  })

  test('are asked by name, whichever joined first; onTime comes before the drain', async () => {
    const leader = await lead()
    const order: string[] = []
    const calm = (name: string) => () => {
      order.push(`${name} drains`)
      return { worked: false }
    }
    const onTime = async (nowMs: number) => void order.push(`gateway is told ${nowMs - START_MS}`)
    await follow('merchant', calm('merchant'))
    await follow('gateway', calm('gateway'), { onTime })
    await leader.waitForFollowers(2, 5_000)
    await leader.settle()
    expect(order).toEqual(['gateway is told 0', 'gateway drains', 'merchant drains'])
  })
})

describe('the leader', () => {
  test('does not go back, nor move twice at once', async () => {
    const leader = await lead()
    await follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.advanceTo(START_MS - 1)).rejects.toThrow('cannot go back')
    const first = leader.settle()
    await expect(leader.settle()).rejects.toThrow('moving already')
    await first
  })

  test('what is overdue but not done neither stops nor slows time', async () => {
    const leader = await lead()
    let asked = 0
    await follow('gateway', (nowMs) => {
      asked++
      return { worked: false, nextDueAtMs: nowMs }
    })
    await leader.waitForFollowers(1, 5_000)
    await leader.advanceTo(START_MS + 86_400_000)
    expect(asked).toBe(2)
  })

  test('a fault is asked again; one that stays is thrown with the follower’s name', async () => {
    const leader = await lead()
    let faults = 3
    const broken = () => {
      if (faults-- > 0) throw new Error('the chain does not answer')
      return { worked: false }
    }
    await follow('gateway', broken)
    await leader.waitForFollowers(1, 5_000)
    await leader.settle()
    faults = 1_000
    await expect(leader.settle()).rejects.toThrow('The gateway failed 5 times: the chain does not answer')
  })

  test('followers without rest are a fault, not an endless loop', async () => {
    const leader = await lead()
    await follow('gateway', () => ({ worked: true }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.settle()).rejects.toThrow('no rest')
  })

  test('a lost follower fails the move and is named', async () => {
    const leader = await lead()
    const { time } = await follow('merchant', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await leader.settle()
    time.close()
    await expect(leader.settle()).rejects.toThrow('The merchant left virtual time')
    await expect(leader.settle()).rejects.toThrow('The merchant left virtual time')
  })

  test('a follower lost in the middle of its work fails the move too', async () => {
    const leader = await lead()
    const { socket, lines } = await raw()
    await lines.next()
    socket.write('{"follower":"gateway"}\n')
    await leader.waitForFollowers(1, 5_000)
    const settled = leader.settle()
    await lines.next()
    socket.destroy()
    await expect(settled).rejects.toThrow('The gateway left virtual time')
  })

  test('says who is missing', async () => {
    const leader = await lead()
    await follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await expect(leader.waitForFollowers(2, 20)).rejects.toThrow('Only gateway of 2 followers')
  })

  test.each([
    ['no JSON', 'hello'],
    ['another protocol', '{"hello":"world"}'],
    ['a bad name', '{"follower":"../../etc"}'],
    ['an endless line', 'x'.repeat(20_000)],
  ])('a stranger who begins with %s is put out; the others go on', async (_, line) => {
    const leader = await lead()
    await follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    const { socket, lines } = await raw()
    await lines.next()
    socket.write(`${line}\n`)
    expect((await lines.next().catch(() => ({ done: true }))).done).toBe(true)
    await leader.settle()
  })

  test('a second follower of the same name is put out', async () => {
    const leader = await lead()
    await follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    const twin = await follow('gateway', () => ({ worked: true }))
    expect(await twin.lost).toContain('its leader is lost')
    await leader.settle()
  })

  test.each([
    ['no JSON', 'what?', 'no JSON'],
    ['another time', `{"at":${START_MS - 1},"worked":false}`, 'answered for'],
    ['a broken answer', `{"at":${START_MS},"worked":"yes"}`, 'another protocol'],
    ['an endless line', 'x'.repeat(20_000), 'longer than'],
  ])('a follower that answers with %s is lost', async (_, line, reason) => {
    const leader = await lead()
    const { socket, lines } = await raw()
    await lines.next()
    socket.write('{"follower":"gateway"}\n')
    await leader.waitForFollowers(1, 5_000)
    const settled = leader.settle()
    await lines.next()
    socket.write(`${line}\n`)
    await expect(settled).rejects.toThrow(reason)
  })

  test('refuses a socket path that the system would cut off', async () => {
    await expect(leadVirtualTime(join(folder, 'x'.repeat(120)), START_MS)).rejects.toThrow('shorter folder')
  })
})

describe('a follower', () => {
  test('says it when nobody leads', async () => {
    await expect(joinVirtualTime(socketPath, 'gateway')).rejects.toThrow('start the simulator first')
  })

  test('keeps its clock and reports once when the leader goes', async () => {
    const leader = await lead()
    const { time, lost } = await follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await leader.advanceTo(START_MS + 7)
    await leader.close()
    expect(await lost).toBe(
      `Virtual time stands still at ${START_MS + 7} ms: its leader is lost (it closed the connection).`,
    )
    expect(time.clock.nowMs()).toBe(START_MS + 7)
  })

  describe('of a leader that talks garbage', () => {
    let server: Server
    const leaderSays = async (...lines: string[]) => {
      server = createServer((socket) => void socket.on('error', () => {}).write(`${lines.join('\n')}\n`))
      server.listen(socketPath)
      await once(server, 'listening')
      closing.push(() => server.close())
    }

    test('refuses to join', async () => {
      await leaderSays('good morning')
      await expect(joinVirtualTime(socketPath, 'gateway')).rejects.toThrow('no JSON')
    })

    test.each([
      ['no JSON', 'noon', 'no JSON'],
      ['another message', '{"later":1}', 'another protocol'],
      ['an endless line', '1'.repeat(20_000), 'longer than'],
    ])('stops time on %s', async (_, line, reason) => {
      await leaderSays(`{"now":${START_MS}}`, line)
      const { lost, time } = await follow('gateway', () => ({ worked: false }))
      expect(await lost).toContain(reason)
      expect(time.clock.nowMs()).toBe(START_MS)
    })

    test('answers a step back with a fault and stands', async () => {
      server = createServer((socket) => {
        socket.write(`{"now":${START_MS}}\n`)
        void (async () => {
          const lines = readLines(socket, 8192)
          await lines.next()
          socket.write(`{"now":${START_MS - 1}}\n`)
          const answer = await lines.next()
          answers.resolve(answer.value ?? '')
        })()
      })
      const answers = Promise.withResolvers<string>()
      server.listen(socketPath)
      await once(server, 'listening')
      closing.push(() => server.close())
      const { time } = await follow('gateway', () => ({ worked: false }))
      expect(JSON.parse(await answers.promise)).toEqual({
        at: START_MS - 1,
        fault: expect.stringContaining('cannot go back'),
      })
      expect(time.clock.nowMs()).toBe(START_MS)
    })
  })
})
