import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { DeviceId, SlotName } from '../domain/identifiers.ts'
import { Unit } from '../domain/level.ts'
import { crc16, frameLine } from './serial-line.ts'

/** A command with its check sum and newline: an AVR's receive buffer has 64 bytes. */
export const MAX_COMMAND_BYTES = 60
/** A board's own name, which becomes its device id, has to fit into one command. */
export const MAX_BOARD_ID_CHARACTERS = 15
/** Command ids run from 1 to this and begin again. */
export const MAX_COMMAND_ID = 999
export const KEY_BYTES = 32

const Counter = z.int().min(0).max(0xffff_ffff)
const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

/** What the board is; by itself after each boot, and when it is asked. */
const Hello = z.object({
  t: z.literal('hello'),
  id: DeviceId,
  fw: z.string().max(32).default(''),
  /** SHA-256 of the flash image; zeros: not a released one. */
  sha: hex(64).optional(),
  slots: z.array(SlotName).max(16),
  /** Unit of all its slots. */
  u: Unit.optional(),
  /** Fingerprint of the key that the board holds; empty: it was given none. */
  k: z.union([z.literal(''), hex(8)]).default(''),
  /** No level that follows has a smaller counter. */
  n: Counter.optional(),
})

const Level = z.strictObject({
  t: z.literal('lvl'),
  /** The persisted counter: rises over boots and keys. A bare line may lack it. */
  n: Counter.optional(),
  slot: SlotName,
  v: z.number().nonnegative(),
  u: Unit,
  /** The first 8 bytes of the HMAC. */
  m: hex(16).optional(),
})

/** One line of a board (DOMAIN.md, serial line). */
export const BoardMessage = z.discriminatedUnion('t', [
  Hello,
  Level,
  z.strictObject({ t: z.literal('ack'), id: z.int().min(1).max(MAX_COMMAND_ID) }),
  z.strictObject({ t: z.literal('nak'), id: z.int().min(1).max(MAX_COMMAND_ID), e: z.string().max(32) }),
  /** Why there is no level: the sensor is silent, never calibrated, the bottle is lifted. */
  z.object({ t: z.literal('err'), e: z.string().max(32) }),
])
export type BoardMessage = z.infer<typeof BoardMessage>

export type CommandValue = number | string | undefined

/** The line of a command; undefined when it is too long, or the value has a character that the board does not read. */
export function commandLine(id: number, name: string, value: CommandValue): string | undefined {
  const text = JSON.stringify({ t: 'cmd', id, name, v: value })
  if (!/^[\x20-\x7e]*$/.test(text) || /[\\{}]/.test(text.slice(1, -1))) return undefined
  const line = frameLine(text)
  return line.length > MAX_COMMAND_BYTES ? undefined : line
}

/**
 * The HMAC's message: board id, a zero byte, the counter as 4 bytes big-endian, and the line from `{` up to `,"m":"`. So neither a level of
 * another board nor an older one can stand for this.
 */
function macMessage(boardId: string, counter: number, body: string): Buffer {
  const counterBytes = Buffer.alloc(4)
  counterBytes.writeUInt32BE(counter)
  return Buffer.concat([Buffer.from(`${boardId}\0`, 'latin1'), counterBytes, Buffer.from(body, 'latin1')])
}

/** Whether the `m` at the end of a level's text was made with this key. */
export function isMacOf(key: Uint8Array, boardId: string, counter: number, text: string): boolean {
  const [, body, mac] = /^(\{.*),"m":"([0-9a-f]{16})"\}$/.exec(text) ?? []
  if (body === undefined || mac === undefined) return false
  return timingSafeEqual(Buffer.from(mac, 'hex'), levelMac(key, boardId, counter, body))
}

/** The 8 bytes of `m`. */
export function levelMac(key: Uint8Array, boardId: string, counter: number, body: string): Buffer {
  return createHmac('sha256', key)
    .update(macMessage(boardId, counter, body))
    .digest()
    .subarray(0, 8)
}

/** What `hello` says of the key: its first 8 hex digits of SHA-256. */
export function keyFingerprint(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8)
}

/** The commands that write a board's name and key: both or neither are kept, since `save` carries the check sum of all. */
export function pairingCommands(boardId: string, key: Uint8Array): { name: string; value: CommandValue }[] {
  const keyHex = Buffer.from(key).toString('hex')
  const parts = Array.from({ length: KEY_BYTES / 4 }, (_, part) => `${part}${keyHex.slice(part * 8, part * 8 + 8)}`)
  return [
    { name: 'id', value: boardId },
    ...parts.map((value) => ({ name: 'key', value })),
    { name: 'save', value: crc16(Buffer.concat([Buffer.from(boardId, 'latin1'), key])) },
  ]
}
