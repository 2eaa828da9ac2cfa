import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { readLines } from '../gateway/lib/lines.ts'
import {
  FollowerAnswer,
  FollowerHello,
  MAX_TIME_LINE_BYTES,
  parseTimeLine,
  sentenceOf,
} from '../gateway/lib/virtual-time.ts'

/** sun_path holds 108 bytes on Linux and 104 on macOS, with a closing zero. */
const MAX_SOCKET_PATH_BYTES = 103
const MAX_FOLLOWERS = 16
/** Rounds at one moment. More means that two followers keep each other busy without time passing. */
const MAX_ROUNDS = 1_000
/** Failed rounds at one moment: what depends on a slow start-up mends itself in a few, the rest is a fault. */
const MAX_FAULTS = 5
/** Steps of one `advanceTo`. More means that a follower asks to be woken again and again for nothing. */
const MAX_STEPS = 100_000
/** Real time: work at one moment may wait for a socket, but not for ever. */
const ANSWER_WITHIN_MS = 60_000

/** Leads virtual time on a Unix socket, which is made here (in a folder that only its owner may enter) and removed by `close`. */
export async function leadVirtualTime(socketPath: string, startMs: number): Promise<TimeLeader> {
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(
      `The socket path ${socketPath} is longer than ${MAX_SOCKET_PATH_BYTES} bytes; use a shorter folder.`,
    )
  }
  const leader = new TimeLeader(socketPath, startMs)
  await leader.listen()
  return leader
}

export class TimeLeader {
  readonly #socketPath: string
  readonly #server = createServer((socket) => void this.#welcome(socket))
  readonly #sockets = new Set<Socket>()
  readonly #followers = new Map<string, Follower>()
  readonly #arrivals = new Set<() => void>()
  #nowMs: number
  #moving = false
  /** As the last quiet round told; undefined before the first, and when somebody joined since. */
  #nextDueAtMs: number | undefined

  constructor(socketPath: string, startMs: number) {
    this.#socketPath = socketPath
    this.#nowMs = startMs
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#socketPath)
    await once(this.#server, 'listening')
  }

  nowMs(): number {
    return this.#nowMs
  }

  /** Resolves when `count` followers are ready; throws after `withinMs` of real time. */
  async waitForFollowers(count: number, withinMs: number): Promise<void> {
    const ready = Promise.withResolvers<void>()
    const arrived = () => {
      if (this.#followers.size >= count) ready.resolve()
    }
    const giveUp = setTimeout(() => {
      const names = [...this.#followers.keys()].join(', ') || 'none'
      ready.reject(new Error(`Only ${names} of ${count} followers joined virtual time within ${withinMs} ms.`))
    }, withinMs)
    this.#arrivals.add(arrived)
    arrived()
    await ready.promise.finally(() => {
      clearTimeout(giveUp)
      this.#arrivals.delete(arrived)
    })
  }

  /**
   * Lets the followers do all that is due now; to be called after they were given something to do. Throws when one is
   * lost, keeps failing, or they find no rest.
   */
  async settle(): Promise<void> {
    await this.#exclusively(() => this.#settle())
  }

  /** Passes time until `atMs`, and settles at every moment at which a follower has something due, the last included. */
  async advanceTo(atMs: number): Promise<void> {
    if (atMs < this.#nowMs) throw new RangeError(`Virtual time is ${this.#nowMs} ms and cannot go back to ${atMs} ms.`)
    await this.#exclusively(async () => {
      if (this.#nextDueAtMs === undefined) await this.#settle()
      for (let step = 0; step < MAX_STEPS; step++) {
        if (this.#nowMs === atMs) return
        this.#nowMs = Math.min(atMs, this.#nextDueAtMs ?? atMs)
        await this.#settle()
      }
      throw new Error(`Virtual time stood still: ${MAX_STEPS} steps led only to ${this.#nowMs} ms.`)
    })
  }

  /** Ends virtual time; the followers are told by the closed connection. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await rm(this.#socketPath, { force: true })
  }

  async #exclusively(move: () => Promise<void>): Promise<void> {
    if (this.#moving) throw new Error('Virtual time is moving already; wait for the first move.')
    this.#moving = true
    await move().finally(() => {
      this.#moving = false
    })
  }

  /** Rounds until a quiet one, which tells when something is due next. */
  async #settle(): Promise<void> {
    this.#nextDueAtMs = undefined
    let faults = 0
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let worked = false
      let nextDueAtMs = Number.POSITIVE_INFINITY
      for (const follower of [...this.#followers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const answer = await follower.ask(this.#nowMs)
        if ('fault' in answer) {
          if (++faults === MAX_FAULTS) throw new Error(`The ${follower.name} failed ${faults} times: ${answer.fault}`)
          worked = true
          continue
        }
        worked ||= answer.worked
        // What is overdue but was not done waits for an event: time must not creep in steps of nothing.
        if (answer.nextDueAtMs !== undefined && answer.nextDueAtMs > this.#nowMs) {
          nextDueAtMs = Math.min(nextDueAtMs, answer.nextDueAtMs)
        }
      }
      if (!worked) {
        this.#nextDueAtMs = nextDueAtMs
        return
      }
    }
    throw new Error(`The followers found no rest in ${MAX_ROUNDS} rounds at ${this.#nowMs} ms.`)
  }

  async #welcome(socket: Socket): Promise<void> {
    if (this.#sockets.size === MAX_FOLLOWERS) return void socket.destroy()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.write(`${JSON.stringify({ now: this.#nowMs })}\n`)
    const lines = readLines(socket, MAX_TIME_LINE_BYTES)
    try {
      const hello = await lines.next()
      if (hello.done) return
      const name = parseTimeLine(FollowerHello, hello.value, 'a follower').follower
      if (this.#followers.has(name)) throw new Error(`two followers are called ${name}`)
      this.#nextDueAtMs = undefined
      this.#followers.set(name, new Follower(name, socket, lines))
      for (const arrived of this.#arrivals) arrived()
    } catch {
      socket.destroy() // not a follower of ours: `waitForFollowers` says who is missing
    }
  }
}

/** A follower stays in the leader's list when its connection ends, so that the next round names it. */
class Follower {
  readonly name: string
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>

  constructor(name: string, socket: Socket, lines: AsyncIterator<string>) {
    this.name = name
    this.#socket = socket
    this.#lines = lines
  }

  async ask(nowMs: number): Promise<FollowerAnswer> {
    const late = setTimeout(() => this.#socket.destroy(new Error('it did not answer in time')), ANSWER_WITHIN_MS)
    try {
      this.#socket.write(`${JSON.stringify({ now: nowMs })}\n`)
      const line = await this.#lines.next()
      if (line.done) throw new Error('it closed the connection')
      const answer = parseTimeLine(FollowerAnswer, line.value, `the ${this.name}`)
      if (answer.at !== nowMs) throw new Error(`it answered for ${answer.at} ms`)
      return answer
    } catch (error) {
      this.#socket.destroy()
      throw new Error(`The ${this.name} left virtual time at ${nowMs} ms: ${sentenceOf(error)}.`, { cause: error })
    } finally {
      clearTimeout(late)
    }
  }
}
