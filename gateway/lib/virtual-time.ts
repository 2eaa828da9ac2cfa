/**
 * Virtual time: one leader moves the clocks of several processes, so that weeks pass in seconds and nothing is skipped.
 *
 * The leader (the simulator, device-sim/time-leader.ts) listens on a Unix socket in a data folder; each follower (gateway,
 * merchant agent) connects. Lines of JSON, at most 8 KiB each:
 *
 *   leader → follower   {"now":1763784000000}                                   on connecting, then once per round
 *                       {"now":1763784000000,"rest":true}                       only the time: work waits for the next line
 *   follower → leader   {"follower":"gateway"}                                  once, when it is ready to follow
 *   follower → leader   {"at":1763784000000,"worked":true,"nextDueAtMs":17…}    one answer to each later `now`
 *                       {"at":1763784000000,"fault":"a sentence"}               its work failed; the leader asks again
 *
 * A round asks the followers one after the other, by name: what they do to each other then has one order only. Time stands
 * until a whole round in which none of them worked, and only then steps to the earliest time at which something is due.
 * Network time-outs stay real. A follower that loses its leader stops time and keeps serving.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { z } from 'zod'
import { ManualClock } from './clock.ts'
import { readLines } from './lines.ts'
import type { StepResult } from './scheduler.ts'

export const MAX_TIME_LINE_BYTES = 8 * 1024
const MAX_FAULT_CHARACTERS = 1000

const TimeMs = z.int().nonnegative()
const TimeLine = z.strictObject({ now: TimeMs, rest: z.boolean().default(false) })
export const FollowerHello = z.strictObject({ follower: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) })
export const FollowerAnswer = z.union([
  z.strictObject({ at: TimeMs, worked: z.boolean(), nextDueAtMs: TimeMs.optional() }),
  z.strictObject({ at: TimeMs, fault: z.string().max(MAX_FAULT_CHARACTERS) }),
])
export type FollowerAnswer = z.infer<typeof FollowerAnswer>

export type VirtualTime = {
  /** Stands at the leader's time from the start; give it to everything that asks for the time. */
  clock: ManualClock
  /**
   * Begins to answer the leader: sets the clock, then `onTime` when time moved (the gateway sets the chain's block time),
   * then drains.
   * `onLost` is called once, with a sentence, when the leader is gone; the clock stands from then on.
   */
  follow(options: FollowOptions): void
  /** Leaves. `onLost` is not called. */
  close(): void
}
export type FollowOptions = {
  scheduler: { drain(): Promise<StepResult> }
  onTime?(nowMs: number): Promise<void>
  /**
   * After each drain and before its answer: the gateway has its chain on disk, as it would be long since in real time. A kill
   * between two moments, which may be hours apart, then takes nothing.
   */
  onDrained?(): Promise<void>
  onLost(reason: string): void
}

/** Connects to the leader and resolves with a clock at its time; throws a sentence when nobody leads there. */
export async function joinVirtualTime(socketPath: string, name: string): Promise<VirtualTime> {
  const socket = connect(socketPath)
  const lines = readLines(socket, MAX_TIME_LINE_BYTES)
  await once(socket, 'connect').catch((cause: unknown) => {
    throw new Error(`Nobody leads virtual time at ${socketPath}; start the simulator first.`, { cause })
  })
  const first = await lines.next()
  if (first.done) throw new Error(`The leader of virtual time at ${socketPath} closed the connection.`)
  const clock = new ManualClock(parseTimeLine(TimeLine, first.value, 'the leader of virtual time').now)
  let left = false

  const follow = async (options: FollowOptions): Promise<void> => {
    let reason = 'it closed the connection'
    let toldMs: number | undefined
    const tell = async (nowMs: number) => {
      if (nowMs === toldMs) return
      await options.onTime?.(nowMs)
      toldMs = nowMs
    }
    socket.write(`${JSON.stringify({ follower: name })}\n`)
    try {
      for await (const line of lines) {
        const { now, rest } = parseTimeLine(TimeLine, line, 'the leader of virtual time')
        const answer = await liveAt(now, clock, tell, rest ? undefined : options)
        if (!left) socket.write(`${JSON.stringify(answer)}\n`)
      }
    } catch (error) {
      reason = sentenceOf(error)
    }
    socket.destroy()
    if (!left) options.onLost(`Virtual time stands still at ${clock.nowMs()} ms: its leader is lost (${reason}).`)
  }
  return {
    clock,
    follow: (options) => void follow(options),
    close: () => {
      left = true
      socket.destroy()
    },
  }
}

async function liveAt(
  nowMs: number,
  clock: ManualClock,
  tell: (nowMs: number) => Promise<void>,
  work: Pick<FollowOptions, 'scheduler' | 'onDrained'> | undefined,
): Promise<FollowerAnswer> {
  try {
    clock.set(nowMs)
    await tell(nowMs)
    if (work === undefined) return { at: nowMs, worked: false }
    const { worked, nextDueAtMs } = await work.scheduler.drain()
    await work.onDrained?.()
    return { at: nowMs, worked, ...(nextDueAtMs === undefined ? {} : { nextDueAtMs: Math.ceil(nextDueAtMs) }) }
  } catch (error) {
    return { at: nowMs, fault: sentenceOf(error).slice(0, MAX_FAULT_CHARACTERS) }
  }
}

/** Reads one line of the protocol; throws a sentence that names the sender. */
export function parseTimeLine<Schema extends z.ZodType>(schema: Schema, line: string, who: string): z.output<Schema> {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    throw new Error(`${who} sent a line that is no JSON`)
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw new Error(`${who} sent a line of another protocol`)
  return parsed.data
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
