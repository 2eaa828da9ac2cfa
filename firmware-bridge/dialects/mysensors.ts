import type { Unit } from '../../gateway/domain/level.ts'
import type { CommandValue } from '../../gateway/wire/serial.ts'
import type { CommandLine } from '../commands.ts'
import type { Dialect, Fact, Hello, Keeper, Speaker } from './dialect.ts'

/** `node;child;command;ack;type;payload` of the MySensors serial API 2.x. */
const LINE = /^(\d{1,3});(\d{1,3});([0-4]);([01]);(\d{1,3});([\x20-\x7e]{0,64})$/
const COMMAND = { presentation: 0, set: 1, req: 2, internal: 3 } as const
const INTERNAL = { time: 1, version: 2, idRequest: 3, idResponse: 4, config: 6, gatewayReady: 14 } as const
const V_STATUS = 2
/** Types of children that may be a lamp: S_BINARY. */
const S_BINARY = 3
const GATEWAY = 0
const NO_CHILD = 255

/** Variables that tell how much there is, and what makes our unit of theirs (metric: kg, m³). */
const LEVELS: Record<number, { unit: Unit; factor: number }> = {
  3: { unit: 'percent', factor: 1 }, // V_PERCENTAGE
  12: { unit: 'g', factor: 1_000 }, // V_WEIGHT
  35: { unit: 'ml', factor: 1_000_000 }, // V_VOLUME
  37: { unit: 'percent', factor: 1 }, // V_LEVEL
}
/** Kilograms and cubic metres come as decimal fractions; a thousandth of our units is finer than any sensor. */
const DECIMALS = 1_000

const UNSIGNED = 'MySensors does not sign its readings.'

/**
 * A MySensors serial gateway. Each child that tells a level is a slot, named by its numbers: child 1 of node 4 is
 * `n4-c1`. Nodes without a number get one, as the controller's part is.
 */
export const mySensorsDialect: Dialect = { name: 'mysensors', speaker: (keeper) => new MySensorsSpeaker(keeper) }

type Message = { node: number; child: number; command: number; isEcho: boolean; type: number; payload: string }

class MySensorsSpeaker implements Speaker {
  readonly #keeper: Keeper
  readonly #nodes = new Set<number>()
  readonly #slots = new Set<string>()
  #unit: Unit | undefined
  #version = ''
  #lamp: { node: number; child: number; isOn: boolean } | undefined
  /** Number of the lamp command whose echo is awaited. */
  #lampCommand: number | undefined
  #versionQuestion: number | undefined

  constructor(keeper: Keeper) {
    this.#keeper = keeper
  }

  read(line: Uint8Array): Fact[] {
    const message = parse(line)
    if (message === undefined) return []
    this.#nodes.add(message.node)
    switch (message.command) {
      case COMMAND.presentation:
        if (message.type === S_BINARY) this.#lamp ??= { node: message.node, child: message.child, isOn: false }
        return [{ kind: 'other' }]
      case COMMAND.set:
        return message.isEcho ? this.#echo(message) : this.#set(message)
      case COMMAND.req:
        return this.#request(message)
      case COMMAND.internal:
        return this.#internal(message)
      default:
        return [{ kind: 'other' }]
    }
  }

  helloLine(id: number): string {
    this.#versionQuestion = id
    return lineOf(GATEWAY, NO_CHILD, COMMAND.internal, 0, INTERNAL.version, '')
  }

  commandLine(id: number, name: string, value: CommandValue): CommandLine {
    if (name === 'ping') return { line: this.helloLine(id) }
    if (name !== 'lamp') return { problem: `A MySensors gateway knows no command ${name}: only lamp.` }
    if (this.#lamp === undefined)
      return { problem: 'No node of this MySensors gateway has presented an S_BINARY child.' }
    const { node, child } = this.#lamp
    this.#lampCommand = id
    this.#lamp.isOn = value !== 0
    // 1: the node shall echo it
    return { line: lineOf(node, child, COMMAND.set, 1, V_STATUS, value === 0 ? '0' : '1') }
  }

  answers(): boolean {
    return true
  }

  #set({ node, child, type, payload }: Message): Fact[] {
    const measure = LEVELS[type]
    const value = Number(payload)
    if (measure === undefined || payload.trim() === '' || !Number.isFinite(value) || value < 0)
      return [{ kind: 'other' }]
    const slot = `n${node}-c${child}`
    const remaining = Math.round(value * measure.factor * DECIMALS) / DECIMALS
    const level: Fact = { kind: 'level', slot, remaining, unit: measure.unit, seal: { kind: 'none', reason: UNSIGNED } }
    if (this.#slots.has(slot) || this.#slots.size >= MAX_SLOTS) return [level]
    this.#slots.add(slot)
    this.#unit ??= measure.unit
    return [this.#hello(), level]
  }

  #echo({ node, child, type }: Message): Fact[] {
    const lamp = this.#lamp
    const id = this.#lampCommand
    if (id === undefined || type !== V_STATUS || node !== lamp?.node || child !== lamp.child) return [{ kind: 'other' }]
    this.#lampCommand = undefined
    return [{ kind: 'answer', id, error: undefined }]
  }

  #request({ node, child, type }: Message): Fact[] {
    if (type !== V_STATUS) return [{ kind: 'other' }]
    const isOn = this.#lamp?.node === node && this.#lamp.child === child && this.#lamp.isOn
    return [{ kind: 'reply', line: lineOf(node, child, COMMAND.set, 0, V_STATUS, isOn ? '1' : '0') }]
  }

  #internal({ node, child, type, payload }: Message): Fact[] {
    switch (type) {
      case INTERNAL.idRequest: {
        const id = this.#keeper.takeNodeId(this.#nodes)
        if (id === undefined) return [{ kind: 'other' }] // it asks again
        return [{ kind: 'reply', line: lineOf(node, child, COMMAND.internal, 0, INTERNAL.idResponse, String(id)) }]
      }
      case INTERNAL.config:
        return [{ kind: 'reply', line: lineOf(node, child, COMMAND.internal, 0, INTERNAL.config, 'M') }] // metric
      case INTERNAL.gatewayReady:
        return [this.#hello()]
      case INTERNAL.version: {
        const id = this.#versionQuestion ?? 0
        const answer: Fact = { kind: 'answer', id, error: undefined }
        const isNews = this.#version !== payload.slice(0, 32)
        this.#version = payload.slice(0, 32)
        return isNews ? [this.#hello(), answer] : [answer]
      }
      default:
        return [{ kind: 'other' }]
    }
  }

  #hello(): Fact {
    const firmware: Hello['firmware'] = this.#version === '' ? undefined : { version: this.#version }
    const slots = [...this.#slots]
    const hello = {
      boardId: undefined,
      firmware,
      slots,
      unit: this.#unit,
      keyFingerprint: undefined,
      counter: undefined,
    }
    return { kind: 'hello', hello }
  }
}

/** As many as a description may have. */
const MAX_SLOTS = 16

function parse(line: Uint8Array): Message | undefined {
  const [, node, child, command, ack, type, payload] = LINE.exec(Buffer.from(line).toString('latin1')) ?? []
  if (payload === undefined) return undefined
  const numbers = { node: Number(node), child: Number(child), command: Number(command), type: Number(type) }
  if (numbers.node > 255 || numbers.child > 255 || numbers.type > 255) return undefined
  return { ...numbers, isEcho: ack === '1', payload }
}

function lineOf(node: number, child: number, command: number, ack: 0 | 1, type: number, payload: string): string {
  return `${node};${child};${command};${ack};${type};${payload}\n`
}
