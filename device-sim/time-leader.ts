import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { readLines } from '../gateway/lib/lines.ts'
import { type FollowerAnswer, FollowerHello, MAX_TIME_LINE_BYTES, parseTimeLine } from '../gateway/lib/virtual-time.ts'
import { Follower } from './follower.ts'

/** sun_path holds 108 bytes on Linux and 104 on macOS, with a closing zero. */
const MAX_SOCKET_PATH_BYTES = 103
const MAX_FOLLOWERS = 16
/** Rounds at one moment. More means that two followers keep each other busy without time passing. */
const MAX_ROUNDS = 1_000
/** Failed rounds at one moment: what depends on a slow start-up mends itself in a few, the rest is a fault. */
const MAX_FAULTS = 5
/** Real time before a follower that failed is asked again. */
const FAULT_PAUSE_MS = 50
/** Steps of one `advanceTo`. More means that a follower asks to be woken again and again for nothing. */
const MAX_STEPS = 100_000
/** A follower that was ended on purpose is back within seconds. */
const RETURN_WITHIN_MS = 60_000

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
  /** Followers that are ended and started again on purpose: time waits for them. */
  readonly #returning = new Map<string, PromiseWithResolvers<void>>()
  /** Who waits for a follower to be asked to work. */
  readonly #atWork = new Map<string, PromiseWithResolvers<void>>()
  /** Works under way that make followers fail meanwhile. */
  #mending = 0
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

  /**
   * Passes time until `atMs` at once and without work: what fell due on the way is overdue at the next `settle`. For a run in
   * ticks, where a stop at each of a thousand homes' moments would take for ever.
   */
  async moveTo(atMs: number): Promise<void> {
    if (atMs < this.#nowMs) throw new RangeError(`Virtual time is ${this.#nowMs} ms and cannot go back to ${atMs} ms.`)
    await this.#exclusively(async () => {
      this.#nowMs = atMs
      this.#nextDueAtMs = undefined
      for (const follower of this.#inOrder()) await this.#ask(follower, true)
    })
  }

  /** This follower is about to be ended and started again: time waits for it instead of failing. */
  expectBack(name: string): void {
    const back = Promise.withResolvers<void>()
    back.promise.catch(() => undefined)
    this.#returning.set(name, back)
  }

  /** Resolves when it has joined again. */
  async back(name: string): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new Error(`The ${name} did not come back to virtual time within ${RETURN_WITHIN_MS / 1000} s.`))
    }, RETURN_WITHIN_MS)
    await Promise.race([this.#returning.get(name)?.promise, late.promise]).finally(() => clearTimeout(timer))
  }

  /** Resolves when this follower is asked to work the next time; throws when time goes on without it. */
  async atWork(name: string): Promise<void> {
    if (!this.#followers.has(name)) throw new Error(`The ${name} does not follow virtual time.`)
    const asked = this.#atWork.get(name) ?? Promise.withResolvers<void>()
    this.#atWork.set(name, asked)
    await asked.promise
  }

  /** While `mend` is under way, followers may fail as often as they do: what they need is down on purpose. */
  async whileMending(mend: () => Promise<void>): Promise<void> {
    this.#mending++
    await mend().finally(() => {
      this.#mending--
    })
  }

  /** Time goes on without this follower. */
  dismiss(name: string): void {
    this.#followers.delete(name)
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
      // Found away, it would be tried again at a later moment: it is back before anybody can look for it.
      for (const name of this.#returning.keys()) await this.back(name)
      for (const follower of this.#inOrder()) {
        const answer = await this.#ask(follower, false)
        if ('fault' in answer) {
          if (this.#mending > 0) faults = 0
          else if (++faults === MAX_FAULTS) {
            throw new Error(`The ${follower.name} failed ${faults} times: ${answer.fault}`)
          }
          await wait(FAULT_PAUSE_MS)
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

  #inOrder(): Follower[] {
    return [...this.#followers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** One that is ended on purpose in the midst of it has work left, as far as anybody knows. */
  async #ask(follower: Follower, rest: boolean): Promise<FollowerAnswer> {
    const answer = follower.ask(this.#nowMs, rest)
    if (!rest) {
      this.#atWork.get(follower.name)?.resolve()
      this.#atWork.delete(follower.name)
    }
    try {
      return await answer
    } catch (error) {
      if (!this.#returning.has(follower.name) && this.#followers.get(follower.name) === follower) throw error
      await this.back(follower.name)
      return { at: this.#nowMs, worked: true }
    }
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
      if (this.#followers.get(name)?.isGone === false) throw new Error(`two followers are called ${name}`)
      this.#nextDueAtMs = undefined
      this.#followers.set(name, new Follower(name, socket, lines))
      this.#returning.get(name)?.resolve()
      this.#returning.delete(name)
      for (const arrived of this.#arrivals) arrived()
    } catch {
      socket.destroy() // not a follower of ours: `waitForFollowers` says who is missing
    }
  }
}
