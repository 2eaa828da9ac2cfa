import type { CommandValue } from '../gateway/wire/serial.ts'
import type { Answer } from './commands.ts'
import type { BoardState, BoardView, LogLine } from './control-messages.ts'
import type { Fact, Hello, Keeper } from './dialects/dialect.ts'
import { Link } from './link.ts'
import type { PairedDevice } from './paired-device.ts'
import { PortKeeper } from './port-keeper.ts'
import type { FoundPort } from './ports/find-ports.ts'

/** As many as a description may have. */
const MAX_LEVELS_SHOWN = 16

type Options = {
  found: FoundPort
  baudRate: number
  clock: { nowMs(): number }
  keeper: Keeper
  /** The device of the board that says this, a sentence why it may not be that, or undefined: it is not paired. */
  deviceFor(hello: Hello, board: Board): PairedDevice | string | undefined
  /** Its device is free for another board. */
  onDetached(): void
  onState(state: BoardState, problem: string | undefined): void
  onLine(line: LogLine): void
}

/** The board at one port, from the time the port is found until it is gone. */
export class Board {
  readonly found: FoundPort
  readonly #options: Options
  readonly #port: PortKeeper
  readonly #levels = new Map<string, BoardView['levels'][number]>()
  #link: Link | undefined
  #state: BoardState = 'opening'
  #problem: string | undefined
  #hello: Hello | undefined
  #device: PairedDevice | undefined
  #trouble: string | undefined
  #lastLineAtMs: number | undefined

  constructor(options: Options, isReleased = false) {
    this.#options = options
    this.found = options.found
    this.#port = new PortKeeper(
      {
        makeLink: (onDead) => {
          this.#link = this.#makeLink(onDead)
          return this.#link
        },
        onOpening: () => {
          if (this.#problem === undefined) this.#setState('opening')
        },
        onEnded: (reason, isGivenUp) => {
          this.#forgetBoard()
          const rest = isGivenUp ? ' It is left alone now: plug it in again to have it asked anew.' : ''
          if (reason !== undefined) this.#setState('problem', reason + rest)
        },
      },
      isReleased,
    )
    if (isReleased) this.#state = 'released'
  }

  get hello(): Hello | undefined {
    return this.#hello
  }
  get device(): PairedDevice | undefined {
    return this.#device
  }
  get dialect(): BoardView['dialect'] {
    return this.#link?.dialect
  }

  start(): void {
    this.#port.start()
  }
  stop(): Promise<void> {
    return this.#port.stop()
  }

  /** The port is closed and free when it resolves; `take` opens it again. */
  async release(): Promise<void> {
    await this.#port.release()
    this.#setState('released')
  }

  take(): void {
    if (!this.#port.isReleased) return
    this.#setState('opening')
    this.#port.take()
  }

  command(name: string, value?: CommandValue): Promise<Answer> {
    if (this.#link !== undefined && this.#hello !== undefined) return this.#link.command(name, value)
    const error = this.#problem ?? `The board at ${this.found.device} has not said hello yet.`
    return Promise.resolve({ ok: false, error })
  }

  /** Looks again which device it is: pairings changed, or another board left. */
  reconsider(): void {
    if (this.#hello !== undefined) this.#introduce(this.#hello)
  }

  /** Its device is free, or about to be replaced. */
  detach(): void {
    const device = this.#device
    this.#device = undefined
    device?.detach()
  }

  view(): BoardView {
    const { name, device, usb } = this.found
    const { counts } = this.#link ?? { counts: { lines: 0, garbage: 0 } }
    const hello = this.#hello
    const paired = this.#device
    return {
      port: name,
      device,
      usb,
      state: this.#state,
      problem: this.#problem ?? paired?.problem,
      dialect: this.dialect,
      boardId: hello?.boardId,
      deviceId: paired?.pairing.deviceId,
      firmware: hello?.firmware,
      slots: hello?.slots ?? [],
      unit: hello?.unit,
      signed: hello !== undefined && paired?.isSigned(hello) === true,
      trouble: this.#trouble,
      lastLineAtMs: this.#lastLineAtMs,
      levels: [...this.#levels.values()],
      counts: { ...counts, dropped: paired?.droppedCount ?? 0, replayed: paired?.replayedCount ?? 0 },
      mqtt: paired?.mqtt,
    }
  }

  #makeLink(onDead: (reason: string) => void): Link {
    return new Link({
      path: this.found.device,
      baudRate: this.#options.baudRate,
      keeper: this.#options.keeper,
      onFact: (fact) => this.#take(fact),
      onLine: (direction, text) => this.#log(direction, text),
      onDead,
    })
  }

  #forgetBoard(): void {
    this.#hello = undefined
    this.#trouble = undefined
    this.#levels.clear()
    if (this.#device === undefined) return
    this.detach()
    this.#options.onDetached()
  }

  #take(fact: Fact): void {
    switch (fact.kind) {
      case 'hello':
        this.#hello = fact.hello
        this.#port.succeeded()
        this.#introduce(fact.hello)
        return
      case 'level':
        this.#takeLevel(fact)
        return
      case 'trouble':
        this.#trouble = fact.word
        this.#device?.trouble(fact.word)
        return
      case 'reply':
        this.#link?.send(fact.line)
        return
      case 'answer':
      case 'other':
        return
    }
  }

  #takeLevel(fact: Fact & { kind: 'level' }): void {
    const { slot, remaining, unit } = fact
    if (this.#hello === undefined) {
      // A signed level before the hello that was asked for cannot be judged; the board repeats it behind its hello.
      if (fact.seal.kind !== 'none') return
      const unnamed = { boardId: undefined, firmware: undefined, keyFingerprint: undefined, counter: undefined }
      this.#take({ kind: 'hello', hello: { ...unnamed, slots: [slot], unit } })
    }
    const verdict = this.#device?.level(fact) ?? { kind: 'unverified', reason: 'The board is not paired.' }
    if (verdict.kind === 'replayed') return
    this.#trouble = undefined
    if (!this.#levels.has(slot) && this.#levels.size >= MAX_LEVELS_SHOWN) return
    const unverified = verdict.kind === 'unverified' ? verdict.reason : undefined
    this.#levels.set(slot, { slot, remaining, unit, atMs: this.#options.clock.nowMs(), unverified })
  }

  #introduce(hello: Hello): void {
    const device = this.#options.deviceFor(hello, this)
    if (this.#device !== undefined && this.#device !== device) this.detach()
    if (device === undefined || typeof device === 'string') {
      this.#setState(device === undefined ? 'unpaired' : 'problem', device)
      return
    }
    this.#device = device
    const problem = device.attach({ port: this.found.name, command: (name, value) => this.command(name, value) }, hello)
    this.#setState('online', problem)
  }

  #log(direction: LogLine['direction'], text: string): void {
    const atMs = this.#options.clock.nowMs()
    if (direction === 'in') this.#lastLineAtMs = atMs
    this.#options.onLine({ atMs, direction, text })
  }

  #setState(state: BoardState, problem?: string): void {
    const isNews = state !== this.#state || problem !== this.#problem
    this.#state = state
    this.#problem = problem
    if (isNews) this.#options.onState(state, problem)
  }
}
