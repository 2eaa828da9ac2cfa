import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readLines } from '../../gateway/lib/lines.ts'
import { joinVirtualTime } from '../../gateway/lib/virtual-time.ts'
import { START_MS, TimeBench } from './time-bench.ts'

let bench: TimeBench
beforeEach(() => {
  bench = new TimeBench()
})
afterEach(() => bench.close())

describe('a follower', () => {
  test('says it when nobody leads', async () => {
    await expect(joinVirtualTime(bench.socketPath, 'gateway')).rejects.toThrow('start the simulator first')
  })

  test('keeps its clock and reports once when the leader goes', async () => {
    const leader = await bench.lead()
    const { time, lost } = await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    await leader.advanceTo(START_MS + 7)
    await leader.close()
    expect(await lost).toBe(
      `Virtual time stands still at ${START_MS + 7} ms: its leader is lost (it closed the connection).`,
    )
    expect(time.clock.nowMs()).toBe(START_MS + 7)
  })

  test('that leaves by itself has lost nobody', async () => {
    const leader = await bench.lead()
    const { time, lost } = await bench.follow('gateway', () => ({ worked: false }))
    await leader.waitForFollowers(1, 5_000)
    time.close()
    await expect(leader.settle()).rejects.toThrow('left')
    await leader.close()
    expect(await Promise.race([lost, new Promise((resolve) => setImmediate(resolve, 'quiet'))])).toBe('quiet')
  })

  describe('of a leader that talks garbage', () => {
    let server: Server
    const leaderSays = async (...lines: string[]) => {
      server = createServer((socket) => void socket.on('error', () => {}).write(`${lines.join('\n')}\n`))
      server.listen(bench.socketPath)
      await once(server, 'listening')
      bench.closing.push(() => server.close())
    }

    test('refuses to join', async () => {
      await leaderSays('good morning')
      await expect(joinVirtualTime(bench.socketPath, 'gateway')).rejects.toThrow('no JSON')
    })

    test.each([
      ['no JSON', 'noon', 'no JSON'],
      ['another message', '{"later":1}', 'another protocol'],
      ['an endless line', '1'.repeat(20_000), 'longer than'],
    ])('stops time on %s', async (_, line, reason) => {
      await leaderSays(`{"now":${START_MS}}`, line)
      const { lost, time } = await bench.follow('gateway', () => ({ worked: false }))
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
      server.listen(bench.socketPath)
      await once(server, 'listening')
      bench.closing.push(() => server.close())
      const { time } = await bench.follow('gateway', () => ({ worked: false }))
      expect(JSON.parse(await answers.promise)).toEqual({
        at: START_MS - 1,
        fault: expect.stringContaining('cannot go back'),
      })
      expect(time.clock.nowMs()).toBe(START_MS)
    })
  })
})
