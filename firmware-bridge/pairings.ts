import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { DeviceId } from '../gateway/domain/identifiers.ts'
import { SlotDescription } from '../gateway/domain/level.ts'

/** The last counters of a busy board are written at most this often; the first after a quiet time at once. */
const SAVE_EVERY_MS = 1_000
const LAST_NODE_ID = 254

/** A board that is a device of the gateway. */
export const Pairing = z.strictObject({
  deviceId: DeviceId,
  /** Its MQTT password. */
  password: z.string().min(1).max(256),
  /** 32 bytes as hex; null: the board cannot sign, its levels are unverified. */
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Highest counter that was accepted under this key; -1: none yet. */
  lastCounter: z.int().min(-1).max(0xffff_ffff),
  /** Lasting name of the port: what a board without a key is known by. It proves nothing. */
  port: z.string().min(1),
  /** Name that a board without a key says, if it says one; with a key it says its device id. */
  boardId: DeviceId.nullable(),
  maker: z.string().min(1).max(64),
  model: z.string().min(1).max(64),
  slots: z.array(SlotDescription).max(16),
  /** MySensors: numbers that nodes have. */
  nodeIds: z.array(z.int().min(1).max(LAST_NODE_ID)).default([]),
})
export type Pairing = z.infer<typeof Pairing>

const PairingsFile = z.strictObject({ version: z.literal(1), boards: z.array(Pairing).max(256) })

/**
 * The bridge's boards with their secrets: one small file of mode 0600, replaced as a whole. A kill in a flood of levels may
 * lose the counters of its last second; then a recording of that second could be played again, once.
 */
export class Pairings {
  readonly #file: string
  readonly #boards: Map<string, Pairing>
  #savedAtMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /** Throws a sentence when the file is none of ours. */
  constructor(file: string) {
    this.#file = file
    this.#boards = new Map(readBoards(file).map((pairing) => [pairing.deviceId, pairing]))
  }

  get(deviceId: string): Pairing | undefined {
    return this.#boards.get(deviceId)
  }

  all(): Pairing[] {
    return [...this.#boards.values()]
  }

  /** The pairing of a board: by the name it says; one without a key by its port, and the name if it says one. */
  find(boardId: string | undefined, port: string): Pairing | undefined {
    const named = boardId === undefined ? undefined : this.#boards.get(boardId)
    if (named !== undefined && named.key !== null) return named
    return this.all().find(
      (pairing) =>
        pairing.key === null && pairing.port === port && (boardId === undefined || pairing.boardId === boardId),
    )
  }

  /** On disk when it returns. A port has one board without a key: an earlier one there is forgotten. */
  put(pairing: Pairing): void {
    for (const { deviceId, key, port } of this.all()) {
      if (pairing.key === null && key === null && port === pairing.port) this.#boards.delete(deviceId)
    }
    this.#boards.set(pairing.deviceId, pairing)
    this.save()
  }

  /** The counter never goes back: what is not higher was seen before. */
  accept(pairing: Pairing, counter: number): void {
    pairing.lastCounter = counter
    const dueInMs = this.#savedAtMs + SAVE_EVERY_MS - performance.now()
    if (dueInMs <= 0) this.save()
    else this.#timer ??= setTimeout(() => this.save(), dueInMs)
  }

  takeNodeId(pairing: Pairing, seen: ReadonlySet<number>): number | undefined {
    const used = new Set([...pairing.nodeIds, ...seen])
    const free = Array.from({ length: LAST_NODE_ID }, (_, index) => index + 1).find((id) => !used.has(id))
    if (free === undefined) return undefined
    pairing.nodeIds = [...used, free].filter((id) => id >= 1 && id <= LAST_NODE_ID)
    this.save()
    return free
  }

  /** Writes all that is not written yet. */
  close(): void {
    if (this.#timer !== undefined) this.save()
  }

  save(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    writeWhole(this.#file, JSON.stringify({ version: 1, boards: this.all() }, null, 2))
    this.#savedAtMs = performance.now()
  }
}

function readBoards(file: string): Pairing[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  try {
    return PairingsFile.parse(JSON.parse(text)).boards
  } catch (cause) {
    throw new Error(`${file} cannot be read: put back a copy of it, or move it away and pair the boards again.`, {
      cause,
    })
  }
}

/** A power cut leaves the old file or the new one. */
function writeWhole(file: string, text: string): void {
  const temporary = `${file}.new`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, file)
}
