import type { CommandValue } from '../gateway/wire/serial.ts'
import { LineFramer, readLine } from '../gateway/wire/serial-line.ts'
import { type Answer, type CommandLine, Commands } from './commands.ts'
import type { Dialect, Fact, Keeper, Speaker } from './dialects/dialect.ts'
import { DIALECTS } from './dialects/dialects.ts'
import { type OpenPort, openPort } from './ports/open-port.ts'
import { silenceProblem } from './ports/problems.ts'

/** A board that was reset is in its bootloader for 1–2 s, where bytes could keep it. */
const BOOT_MS = 2_000
/** Then it is asked who it is. A bootloader that hears a question waits anew, for a second mostly: the pause must be longer. */
const ASK_EVERY_MS = 1_500
const MAX_QUESTIONS = 5
const HEARTBEAT_MS = 10_000
/** Kept of a line that nobody can read, to show it. */
const SHOWN_CHARACTERS = 60

type Options = {
  path: string
  baudRate: number
  keeper: Keeper
  /** Each fact of the board but the answers to commands. */
  onFact(fact: Fact): void
  onLine(direction: 'in' | 'out', text: string): void
  /** Once: why nothing more will come. */
  onDead(reason: string): void
}

/**
 * A board at an open port: lines in, commands out, until it is closed or dead. Which dialect it speaks is known from its
 * first line that one of them can read.
 */
export class Link {
  readonly #options: Options
  readonly #framer = new LineFramer()
  readonly #candidates: { dialect: Dialect; speaker: Speaker }[]
  readonly #commands: Commands
  readonly counts = { lines: 0, garbage: 0 }
  #chosen: { dialect: Dialect; speaker: Speaker } | undefined
  #port: OpenPort | undefined
  #isSynchronised = false
  #isIntroduced = false
  #isClosed = false
  #askTimer: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #heardAtMs = 0
  #heard = { bytes: 0, textBytes: 0, lastLine: '' }

  constructor(options: Options) {
    this.#options = options
    this.#candidates = DIALECTS.map((dialect) => ({ dialect, speaker: dialect.speaker(options.keeper) }))
    this.#commands = new Commands({
      encode: (id, name, value) => this.#encode(id, name, value),
      send: (line) => this.send(line),
      onSilent: () => this.#die(`The board at ${options.path} no longer answers.`),
    })
  }

  get dialect(): Dialect['name'] | undefined {
    return this.#chosen?.dialect.name
  }

  /** Opens and resets; what the board says comes as facts. Throws `PortError`. */
  async open(): Promise<void> {
    const { path, baudRate } = this.#options
    const port = await openPort({
      path,
      baudRate,
      onData: (chunk) => this.#take(chunk),
      onClosed: () => this.#die(`${path} was unplugged.`),
    })
    if (this.#isClosed) return port.close()
    this.#port = port
    const wasReset = await port.reset()
    if (this.#isClosed || this.#isIntroduced) return
    this.#askTimer = setTimeout(() => this.#ask(0), wasReset ? BOOT_MS : 0)
  }

  /** Ends everything; commands that wait are answered. Calls no `onDead`. */
  async close(reason = 'The port was closed.'): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#askTimer)
    clearInterval(this.#heartbeat)
    this.#commands.close(reason)
    await this.#port?.close()
  }

  /** Resolves with the board's answer, or with the sentence why there is none. */
  command(name: string, value?: CommandValue): Promise<Answer> {
    if (this.#isClosed) return Promise.resolve({ ok: false, error: 'The port is closed.' })
    return this.#commands.add(name, value)
  }

  /** Nothing is lost for good when the port hangs: commands are repeated, questions asked again. */
  send(line: string): void {
    if (this.#port?.write(line)) this.#options.onLine('out', line.trimEnd())
  }

  #take(chunk: Uint8Array): void {
    if (this.#isClosed) return
    this.#heardAtMs = performance.now()
    if (!this.#isIntroduced) {
      this.#heard.bytes += chunk.length
      this.#heard.textBytes += chunk.filter(isText).length
    }
    this.#framer.push(chunk, (line) => this.#read(line))
  }

  #read(line: Uint8Array): void {
    if (this.#isClosed) return
    this.counts.lines++
    const isFirst = !this.#isSynchronised
    this.#isSynchronised = true
    // Opened in the middle of a line: only a check sum tells that nothing is missing.
    if (isFirst && readLine(line).kind !== 'frame') return
    const text = Buffer.from(line).toString('latin1')
    this.#options.onLine('in', text)
    const facts = this.#factsOf(line)
    if (facts.length === 0) {
      this.counts.garbage++
      this.#heard.lastLine = text.slice(0, SHOWN_CHARACTERS)
    }
    for (const fact of facts) this.#handle(fact)
  }

  #factsOf(line: Uint8Array): Fact[] {
    for (const candidate of this.#chosen === undefined ? this.#candidates : [this.#chosen]) {
      const facts = candidate.speaker.read(line)
      if (facts.length === 0) continue
      this.#chosen = candidate
      return facts
    }
    return []
  }

  #handle(fact: Fact): void {
    if (fact.kind === 'answer') {
      this.#commands.settle(fact.id, fact.error === undefined ? { ok: true } : { ok: false, error: fact.error })
      return
    }
    // Who signs says hello first; who does not may know no hello.
    const isIntroduction = fact.kind === 'hello' || (fact.kind === 'level' && fact.seal.kind === 'none')
    if (isIntroduction && !this.#isIntroduced) {
      this.#isIntroduced = true
      clearTimeout(this.#askTimer)
      this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS)
      this.#commands.open()
    }
    this.#options.onFact(fact)
  }

  /** In every dialect at once; with a new number each time, since a board repeats its answer to a number, not its hello. */
  #ask(count: number): void {
    if (count >= MAX_QUESTIONS) {
      this.#die(silenceProblem(this.#options.path, this.#heard))
      return
    }
    const asked = this.#chosen === undefined ? this.#candidates : [this.#chosen]
    this.send(asked.map(({ speaker }) => speaker.helloLine(this.#commands.nextId())).join(''))
    this.#askTimer = setTimeout(() => this.#ask(count + 1), ASK_EVERY_MS)
  }

  #beat(): void {
    const isSilent = performance.now() - this.#heardAtMs >= HEARTBEAT_MS
    if (isSilent && !this.#commands.isBusy && this.#chosen?.speaker.answers()) void this.command('ping')
  }

  #encode(id: number, name: string, value: CommandValue): CommandLine {
    const speaker = this.#chosen?.speaker
    if (!speaker?.answers()) return { problem: 'This board only talks: it takes no commands.' }
    return speaker.commandLine(id, name, value)
  }

  #die(reason: string): void {
    if (this.#isClosed) return
    void this.close(reason)
    this.#options.onDead(reason)
  }
}

/** Printable ASCII and what ends a line. */
function isText(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 10 || byte === 13 || byte === 9
}
