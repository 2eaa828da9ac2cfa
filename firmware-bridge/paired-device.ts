import type { Command, CommandResult, Description } from '../gateway/wire/messages.ts'
import { type CommandValue, keyFingerprint } from '../gateway/wire/serial.ts'
import type { Answer } from './commands.ts'
import { DeviceClient, type MqttState } from './device-client.ts'
import type { Fact, Hello } from './dialects/dialect.ts'
import { OrderLamp } from './lamp.ts'
import type { Pairing, Pairings } from './pairings.ts'
import { judgeLevel, pairingProblem, type Verdict } from './trust.ts'

/** Commands that only `adept board pair` may send. */
export const PAIRING_COMMANDS: ReadonlySet<string> = new Set(['id', 'key', 'save'])

/** The board that is plugged in for a device now. */
export type AttachedBoard = { port: string; command(name: string, value?: CommandValue): Promise<Answer> }

type Options = {
  pairing: Pairing
  pairings: Pick<Pairings, 'accept'>
  address(): { host: string; port: number }
  clock: { nowMs(): number }
}

/** A device of the gateway whose board comes and goes: what the board says is judged and reported, what the gateway says is done. */
export class PairedDevice {
  readonly pairing: Pairing
  readonly #pairings: Options['pairings']
  readonly #client: DeviceClient
  readonly #lamp = new OrderLamp()
  readonly #fingerprint: string | undefined
  #board: AttachedBoard | undefined
  #trouble: string | undefined
  replayedCount = 0

  constructor(options: Options) {
    const { pairing, pairings, address, clock } = options
    this.pairing = pairing
    this.#pairings = pairings
    this.#fingerprint = pairing.key === null ? undefined : keyFingerprint(Buffer.from(pairing.key, 'hex'))
    const { deviceId, password } = pairing
    this.#client = new DeviceClient(
      {
        deviceId,
        password,
        address,
        clock,
        onCommand: (command) => this.#do(command),
        onOrder: (order) => {
          this.#lamp.take(order)
          this.#showLamp()
        },
      },
      descriptionOf(pairing, undefined),
    )
  }

  get board(): AttachedBoard | undefined {
    return this.#board
  }
  get mqtt(): MqttState {
    return this.#client.state
  }
  get problem(): string | undefined {
    return this.#client.problem
  }
  get droppedCount(): number {
    return this.#client.droppedCount
  }

  /** The board is there, or has booted again; returns what is wrong with it, as a sentence. */
  attach(board: AttachedBoard, hello: Hello): string | undefined {
    this.#board = board
    this.#trouble = undefined
    this.#client.boardStarted(descriptionOf(this.pairing, hello))
    this.#showLamp()
    return pairingProblem({ ...this.pairing, fingerprint: this.#fingerprint }, hello)
  }

  detach(): void {
    this.#board = undefined
    this.#client.boardGone()
  }

  /** Whether the board holds the key of its pairing. */
  isSigned(hello: Hello): boolean {
    return this.#fingerprint !== undefined && hello.keyFingerprint === this.#fingerprint
  }

  level({ slot, remaining, unit, seal }: Fact & { kind: 'level' }): Verdict {
    const verdict = judgeLevel(this.pairing, seal)
    if (verdict.kind === 'replayed') {
      this.replayedCount++
      return verdict
    }
    if (verdict.kind === 'verified') this.#pairings.accept(this.pairing, verdict.counter)
    this.#trouble = undefined
    const unverified = verdict.kind === 'unverified' ? verdict.reason : undefined
    this.#client.reportLevel({ slot, remaining, unit, unverified })
    return verdict
  }

  /** Boards repeat it every minute; the gateway is told once. */
  trouble(word: string): void {
    if (word === this.#trouble) return
    this.#trouble = word
    this.#client.reportEvent({ type: 'fault', detail: { fault: word } })
  }

  stop(): Promise<void> {
    return this.#client.stop()
  }

  #showLamp(): void {
    void this.#board?.command('lamp', this.#lamp.isOn ? 1 : 0)
  }

  async #do({ id, name, arguments: given }: Command): Promise<CommandResult> {
    const refused = (error: string): CommandResult => ({ id, ok: false, error: error.slice(0, 200) })
    if (PAIRING_COMMANDS.has(name)) return refused(`${name} is a step of pairing: type adept board pair.`)
    if (this.#board === undefined) return refused('The board is not plugged in.')
    const value = given['on'] ?? given['value']
    if (value !== undefined && !['number', 'string', 'boolean'].includes(typeof value)) {
      return refused('A board takes a number, a text or on: true or false.')
    }
    const answer = await this.#board.command(name, typeof value === 'boolean' ? Number(value) : (value as CommandValue))
    return answer.ok ? { id, ok: true } : refused(answer.error)
  }
}

function descriptionOf(pairing: Pairing, hello: Hello | undefined): Description {
  const { maker, model, slots } = pairing
  const { firmware } = hello ?? {}
  return { maker, model, ...(firmware !== undefined && { firmware }), tier: 'light', slots }
}
