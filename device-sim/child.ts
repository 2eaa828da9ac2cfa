import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'

const LEASH = import.meta.resolve(`./leash${extname(import.meta.filename)}`)
const KEPT_LINES = 200
const END_WITHIN_MS = 10_000
const LAST_WORDS_WITHIN_MS = 500
const LONGEST_WORDS = 500

/** A Node program of ours as a child process that never outlives us (leash.ts), with the last lines that it said. */
export class Child {
  readonly name: string
  /** The last lines of both its outputs. */
  readonly lines: string[] = []
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown[]>
  /** Both its outputs are read to their ends. */
  readonly #silent: Promise<unknown>
  readonly #firstLine = Promise.withResolvers<string>()
  #ending = false

  constructor(name: string, script: string, args: string[]) {
    this.name = name
    // Its own process group: Ctrl-C reaches us alone, and we end the children in order.
    this.#process = spawn(process.execPath, ['--import', LEASH, script, ...args], {
      // No environment: settings of a gateway of the user's own would reach ours.
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    this.#exited = once(this.#process, 'exit')
    this.#silent = once(this.#process, 'close')
    this.#process.stdin?.on('error', () => undefined) // it may be gone before we close the pipe
    this.#keep(this.#process.stdout, (line) => this.#firstLine.resolve(line))
    this.#keep(this.#process.stderr)
  }

  /** The first line of its standard output, which says that it is ready; throws when it ends before. */
  async ready(): Promise<string> {
    return await Promise.race([this.#firstLine.promise, this.died()])
  }

  /** Rejects with a sentence when it ends without being told to, and with the last that it said when it ended itself. */
  async died(): Promise<never> {
    const [code, signal] = await this.#exited
    if (this.#ending) return new Promise(() => undefined)
    await Promise.race([this.#silent, wait(LAST_WORDS_WITHIN_MS)])
    const words = signal === null ? this.lines.at(-1) : undefined
    throw new Error(
      [
        `The ${this.name} ended unexpectedly (${signal ?? `exit code ${code}`}).`,
        ...(words === undefined ? [] : [`The last it said: ${words.slice(0, LONGEST_WORDS)}`]),
      ].join(' '),
    )
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`The ${this.name} was not started.`)
    return this.#process.pid
  }

  get runs(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Ends it at once, as the kernel would for want of memory. */
  async kill(): Promise<void> {
    this.#ending = true
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  /** Ends it in good order, or after 10 s by force. */
  async stop(): Promise<void> {
    this.#ending = true
    this.#process.stdin?.end()
    const force = setTimeout(() => this.#process.kill('SIGKILL'), END_WITHIN_MS)
    await this.#exited
    clearTimeout(force)
  }

  #keep(output: Readable | null, onLine?: (line: string) => void): void {
    if (output === null) throw new Error(`The ${this.name} has no output to read.`)
    createInterface({ input: output }).on('line', (line) => {
      onLine?.(line)
      this.lines.push(line)
      if (this.lines.length > KEPT_LINES) this.lines.shift()
    })
  }
}
