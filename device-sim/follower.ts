import type { Socket } from 'node:net'
import { FollowerAnswer, parseTimeLine, sentenceOf } from '../gateway/lib/virtual-time.ts'

/** Real time: work at one moment may wait for a socket, but not for ever. */
const ANSWER_WITHIN_MS = 60_000

/** A follower stays in the leader's list when its connection ends, so that the next round names it. */
export class Follower {
  readonly name: string
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>

  constructor(name: string, socket: Socket, lines: AsyncIterator<string>) {
    this.name = name
    this.#socket = socket
    this.#lines = lines
  }

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  async ask(nowMs: number, rest: boolean): Promise<FollowerAnswer> {
    const late = setTimeout(() => this.#socket.destroy(new Error('it did not answer in time')), ANSWER_WITHIN_MS)
    try {
      this.#socket.write(`${JSON.stringify({ now: nowMs, ...(rest && { rest }) })}\n`)
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
