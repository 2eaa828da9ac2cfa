import type { SlotName } from '../../gateway/domain/identifiers.ts'
import type { Unit } from '../../gateway/domain/level.ts'
import type { CommandValue } from '../../gateway/wire/serial.ts'
import type { CommandLine } from '../commands.ts'

/** What a board is, as far as its dialect tells. */
export type Hello = {
  /** Undefined: the board has no name of its own, and is known by its port. */
  boardId: string | undefined
  firmware: { version: string; sha256?: string | undefined } | undefined
  slots: SlotName[]
  unit: Unit | undefined
  /** Fingerprint of its key; empty or undefined: it has none. */
  keyFingerprint: string | undefined
  /** No level that follows has a smaller counter. */
  counter: number | undefined
}

/** How a level says that it comes from its board and is no older one. */
export type Seal =
  | { kind: 'signed'; counter: number; text: string }
  | { kind: 'unsigned'; counter: number | undefined }
  /** No check sum, or a dialect without signatures: why, in a sentence of at most 100 characters. */
  | { kind: 'none'; reason: string }

/** What one line says. */
export type Fact =
  | { kind: 'hello'; hello: Hello }
  | { kind: 'level'; slot: SlotName; remaining: number; unit: Unit; seal: Seal }
  /** The answer to the command of that number; an error is a word of the board. */
  | { kind: 'answer'; id: number; error: string | undefined }
  /** Why the board has no level: a word, such as `sensor`. */
  | { kind: 'trouble'; word: string }
  /** A line that the board waits for. */
  | { kind: 'reply'; line: string }
  /** Of this dialect, but nothing to us. */
  | { kind: 'other' }

/** What a dialect asks of the bridge. */
export type Keeper = {
  /** A node number that was never given nor seen, kept over restarts; undefined: none is free, or the board is not paired. */
  takeNodeId(seen: ReadonlySet<number>): number | undefined
}

/** One board's side of a dialect; it keeps what its lines refer to. Pure: no time, no port. */
export type Speaker = {
  /** Empty: the line is none of this dialect. */
  read(line: Uint8Array): Fact[]
  /** Question to which a board answers with `hello`, at least the first time. */
  helloLine(id: number): string
  commandLine(id: number, name: string, value: CommandValue): CommandLine
  /** It answers commands, so that silence means that it is gone. */
  answers(): boolean
}

/** A serial language. A new one is one file with one of these, named in `dialects.ts`. */
export type Dialect = { name: 'adept' | 'mysensors'; speaker(keeper: Keeper): Speaker }
