import { randomInt } from 'node:crypto'
import { type CommandValue, MAX_COMMAND_ID } from '../gateway/wire/serial.ts'

/** A MAC takes an AVR 50 ms, writing its EEPROM up to 250 ms. */
const ANSWER_WITHIN_MS = 500
const MAX_SENDS = 5
const MAX_WAITING = 16

export type Answer = { ok: true } | { ok: false; error: string }
/** The line of a command, or the sentence why there is none. */
export type CommandLine = { line: string } | { problem: string }

type Waiting = { name: string; value: CommandValue; done(answer: Answer): void }
type InFlight = Waiting & { id: number; line: string; sends: number; timer: NodeJS.Timeout }

/**
 * Commands to one board, one at a time since an AVR's receive buffer holds just one: sent again until the board answers,
 * which does it once whatever comes twice. A board that does not answer is pinged; when that is not answered either, it is gone.
 */
export class Commands {
  readonly #encode: (id: number, name: string, value: CommandValue) => CommandLine
  readonly #send: (line: string) => void
  readonly #onSilent: () => void
  readonly #waiting: Waiting[] = []
  #inFlight: InFlight | undefined
  #lastId = randomInt(1, MAX_COMMAND_ID)
  #isOpen = false

  constructor(options: {
    encode(id: number, name: string, value: CommandValue): CommandLine
    send(line: string): void
    onSilent(): void
  }) {
    this.#encode = options.encode
    this.#send = options.send
    this.#onSilent = options.onSilent
  }

  /** Nothing is sent before the board is known. */
  open(): void {
    this.#isOpen = true
    this.#next()
  }

  get isBusy(): boolean {
    return this.#inFlight !== undefined
  }

  nextId(): number {
    this.#lastId = (this.#lastId % MAX_COMMAND_ID) + 1
    return this.#lastId
  }

  /** Resolves with the board's answer, or with the sentence why there is none. */
  add(name: string, value?: CommandValue): Promise<Answer> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve({ ok: false, error: 'busy' })
    return new Promise((done) => {
      this.#waiting.push({ name, value, done })
      this.#next()
    })
  }

  settle(id: number, answer: Answer): void {
    const inFlight = this.#inFlight
    if (inFlight?.id !== id) return
    clearTimeout(inFlight.timer)
    this.#inFlight = undefined
    inFlight.done(answer)
    this.#next()
  }

  /** Every command that waits gets this for its answer. */
  close(error: string): void {
    this.#isOpen = false
    clearTimeout(this.#inFlight?.timer)
    for (const command of [this.#inFlight, ...this.#waiting.splice(0)]) command?.done({ ok: false, error })
    this.#inFlight = undefined
  }

  #next(): void {
    while (this.#isOpen && this.#inFlight === undefined) {
      const command = this.#waiting.shift()
      if (command === undefined) return
      const id = this.nextId()
      const encoded = this.#encode(id, command.name, command.value)
      if ('problem' in encoded) {
        command.done({ ok: false, error: encoded.problem })
        continue
      }
      const timer = setTimeout(() => this.#repeat(), ANSWER_WITHIN_MS)
      this.#inFlight = { ...command, id, line: encoded.line, sends: 1, timer }
      this.#send(encoded.line)
    }
  }

  #repeat(): void {
    const inFlight = this.#inFlight
    if (inFlight === undefined) return
    if (inFlight.sends < MAX_SENDS) {
      inFlight.sends++
      inFlight.timer = setTimeout(() => this.#repeat(), ANSWER_WITHIN_MS)
      this.#send(inFlight.line)
    } else if (inFlight.name === 'ping') {
      this.#onSilent()
    } else {
      // A node behind a MySensors gateway may sleep: only the board itself, asked by a ping, can be gone.
      this.#waiting.unshift({ name: 'ping', value: undefined, done: () => undefined })
      this.settle(inFlight.id, { ok: false, error: 'The board did not answer.' })
    }
  }
}
