import { backoffMs } from '../gateway/lib/backoff.ts'
import { PortError } from './ports/open-port.ts'

const FIRST_RETRY_MS = 500
/** A port that another program has is asked for often. */
const LONGEST_BUSY_RETRY_MS = 10_000
/** A board that fell silent is left alone for longer: opening its port may reset it. */
const LONGEST_SILENCE_RETRY_MS = 300_000
/** A port on which no board was ever heard is opened so often, within about a minute: what is there may be none of ours. */
const MAX_UNHEARD_OPENINGS = 5

/** An open port, as far as its keeper needs it. */
type Kept = { open(): Promise<void>; close(): Promise<void> }

type Options = {
  /** A new link, not open yet; `onDead` is called once, with the sentence why it ended by itself. */
  makeLink(onDead: (reason: string) => void): Kept
  /** The port is open, or is about to be. */
  onOpening(): void
  /** The link is closed; a reason is there when it ended by itself. Given up: the port is opened no more before `take`. */
  onEnded(reason: string | undefined, isGivenUp: boolean): void
}

/** Keeps a port open: opens it again, with growing pauses, until it is stopped; lends it to others in between. */
export class PortKeeper {
  readonly #options: Options
  #link: Kept | undefined
  #endLink: (() => void) | undefined
  #wake = Promise.withResolvers<void>()
  #serving: Promise<unknown> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  #failures = 0
  #unheardOpenings = 0
  #isHeard = false
  isReleased: boolean

  constructor(options: Options, isReleased: boolean) {
    this.#options = options
    this.isReleased = isReleased
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#leave()
    await this.#running
  }

  /** The port is closed and free when it resolves. */
  async release(): Promise<void> {
    this.isReleased = true
    await this.#leave()
  }

  take(): void {
    this.isReleased = false
    this.#failures = 0
    this.#unheardOpenings = 0
    this.#wake.resolve()
  }

  /** A board is there: the next failure is the first one. */
  succeeded(): void {
    this.#failures = 0
    this.#isHeard = true
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#isIdle) {
        await this.#pause(undefined)
        continue
      }
      const serving = this.#serve()
      this.#serving = serving
      const longestMs = await serving
      await this.#pause(backoffMs(this.#failures++, FIRST_RETRY_MS, longestMs))
    }
  }

  /** One life of the open port; resolves when it is over, to the longest pause before the next. */
  async #serve(): Promise<number> {
    const ended = Promise.withResolvers<string | undefined>()
    this.#endLink = () => ended.resolve(undefined)
    const link = this.#options.makeLink(ended.resolve)
    this.#link = link
    this.#options.onOpening()
    try {
      await link.open()
    } catch (error) {
      if (!(error instanceof PortError)) throw error
      this.#options.onEnded(error.message, false)
      return LONGEST_BUSY_RETRY_MS
    }
    const reason = await ended.promise
    await link.close()
    if (reason !== undefined) this.#unheardOpenings++
    this.#options.onEnded(reason, this.#isGivenUp)
    return LONGEST_SILENCE_RETRY_MS
  }

  get #isGivenUp(): boolean {
    return !this.#isHeard && this.#unheardOpenings >= MAX_UNHEARD_OPENINGS
  }
  get #isIdle(): boolean {
    return this.isReleased || this.#isGivenUp
  }

  async #leave(): Promise<void> {
    await this.#link?.close()
    this.#endLink?.()
    this.#wake.resolve()
    await this.#serving
  }

  /** Until the time is over, or `take`, `release` or `stop`; without a time until one of these. */
  async #pause(ms: number | undefined): Promise<void> {
    this.#wake = Promise.withResolvers<void>()
    if (this.#isStopped || (ms === undefined) !== this.#isIdle) return
    const timer = ms === undefined ? undefined : setTimeout(() => this.#wake.resolve(), ms)
    await this.#wake.promise
    clearTimeout(timer)
  }
}
