import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leadVirtualTime, type TimeLeader } from '../../device-sim/time-leader.ts'
import { readLines } from '../../gateway/lib/lines.ts'
import type { StepResult } from '../../gateway/lib/scheduler.ts'
import { type FollowOptions, joinVirtualTime } from '../../gateway/lib/virtual-time.ts'

export const START_MS = 1_763_784_000_000

/** Leaders and followers on one Unix socket in a folder of its own; `close` ends them backwards. */
export class TimeBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'virtual-time-'))
  readonly socketPath = join(this.folder, 'time.sock')
  readonly closing: (() => unknown)[] = []

  async lead(): Promise<TimeLeader> {
    const leader = await leadVirtualTime(this.socketPath, START_MS)
    this.closing.push(() => leader.close())
    return leader
  }

  /** A follower whose drains are `drain(nowMs)`. */
  async follow(name: string, drain: (nowMs: number) => StepResult, options: Partial<FollowOptions> = {}) {
    const time = await joinVirtualTime(this.socketPath, name)
    this.closing.push(() => time.close())
    const lost = Promise.withResolvers<string>()
    time.follow({ scheduler: { drain: async () => drain(time.clock.nowMs()) }, onLost: lost.resolve, ...options })
    return { time, lost: lost.promise }
  }

  /** A bare connection, to speak garbage. */
  async raw(): Promise<{ socket: Socket; lines: AsyncGenerator<string, void, undefined> }> {
    const socket = connect(this.socketPath)
    this.closing.push(() => socket.destroy())
    await once(socket, 'connect')
    return { socket, lines: readLines(socket, 8192) }
  }

  async close(): Promise<void> {
    for (const end of this.closing.splice(0).reverse()) await end()
    rmSync(this.folder, { recursive: true })
  }
}
