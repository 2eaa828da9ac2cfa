import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  BoardMessage,
  commandLine,
  isMacOf,
  keyFingerprint,
  MAX_COMMAND_BYTES,
  pairingCommands,
} from '../../gateway/wire/serial.ts'
import { crc16Hex, LineFramer, MAX_LINE_BYTES, readLine } from '../../gateway/wire/serial-line.ts'
import { fuzzCodec } from '../conformance/serial/fuzz.ts'

/** The same file that the firmware's own tests read: both codecs agree on it. */
const vectors = z
  .object({
    crc: z.array(z.object({ text: z.string(), crc: z.string() })).min(1),
    fingerprints: z.array(z.object({ key: z.string(), k: z.string() })).min(1),
    saves: z.array(z.object({ id: z.string(), key: z.string(), commands: z.array(z.string()) })).min(1),
    commands: z
      .array(
        z.object({
          id: z.int(),
          name: z.string(),
          v: z.union([z.number(), z.string(), z.null()]),
          line: z.string(),
        }),
      )
      .min(1),
    levels: z
      .array(z.object({ key: z.string().nullable(), boardId: z.string(), n: z.int(), v: z.number(), line: z.string() }))
      .min(1),
    lines: z.array(z.object({ line: z.string(), frame: z.string().nullable(), why: z.string() })).min(1),
  })
  .parse(JSON.parse(readFileSync('firmware-bridge/firmware/vectors.json', 'utf8')))

const linesOf = (bytes: Uint8Array) => {
  const lines: string[] = []
  new LineFramer().push(bytes, (line) => lines.push(Buffer.from(line).toString('latin1')))
  return lines
}
const frameOf = (line: string) => {
  const [only] = linesOf(Buffer.from(`${line}\n`, 'latin1'))
  const read = only === undefined ? undefined : readLine(Buffer.from(only, 'latin1'))
  return read?.kind === 'frame' ? read.text : null
}

describe('the vectors which the firmware shares', () => {
  it('have our check sums', () => {
    for (const { text, crc } of vectors.crc) expect(crc16Hex(Buffer.from(text, 'latin1')), text).toBe(crc)
  })
  it('are accepted and refused as the firmware does', () => {
    for (const { line, frame, why } of vectors.lines) expect(frameOf(line), why).toBe(frame)
  })
  it('have our commands, byte for byte', () => {
    for (const { id, name, v, line } of vectors.commands) {
      expect(commandLine(id, name, v ?? undefined)).toBe(`${line}\n`)
    }
  })
  it('pair as we do', () => {
    for (const { key, k } of vectors.fingerprints) expect(keyFingerprint(Buffer.from(key, 'hex'))).toBe(k)
    for (const { id, key, commands } of vectors.saves) {
      const ours = pairingCommands(id, Buffer.from(key, 'hex')).map(({ name, value }, index) =>
        commandLine(index + 1, name, value),
      )
      expect(ours).toEqual(commands.map((line) => `${line}\n`))
    }
  })
  it('have levels that we read, signed as we check', () => {
    for (const { key, boardId, n, v, line } of vectors.levels) {
      const text = frameOf(line)!
      expect(BoardMessage.parse(JSON.parse(text))).toMatchObject({ t: 'lvl', n, v })
      const signedBy = (keyHex: string) => isMacOf(Buffer.from(keyHex, 'hex'), boardId, n, text)
      expect(signedBy(key ?? '00'.repeat(32))).toBe(key !== null)
      expect(isMacOf(Buffer.from(key ?? '00'.repeat(32), 'hex'), `${boardId}x`, n, text)).toBe(false)
      expect(isMacOf(Buffer.from(key ?? '00'.repeat(32), 'hex'), boardId, (n ^ 1) >>> 0, text)).toBe(false)
    }
  })
})

describe('the framer', () => {
  const longest = 'x'.repeat(MAX_LINE_BYTES)
  it('takes lines in any pieces, with and without a return', () => {
    const lines: string[] = []
    const framer = new LineFramer()
    for (const byte of Buffer.from('one\r\n\n\r\ntwo\nthr')) {
      framer.push(Buffer.of(byte), (line) => lines.push(Buffer.from(line).toString()))
    }
    expect(lines).toEqual(['one', 'two'])
  })
  it('drops a line of more than 512 bytes up to its newline', () => {
    const framer = new LineFramer()
    const lines: string[] = []
    framer.push(Buffer.from(`${longest}\n${longest}y\nnext\n`), (line) => lines.push(Buffer.from(line).toString()))
    expect(lines).toEqual([longest, 'next'])
  })
  it('holds one line of memory, however long a flood without a newline is', () => {
    const framer = new LineFramer()
    for (let count = 0; count < 10_000; count++) framer.push(Buffer.from(longest), () => expect.unreachable())
  })
})

describe('a line', () => {
  it('without a check sum is bare, and no frame', () => {
    expect(readLine(Buffer.from('{"t":"lvl","v":1}'))).toEqual({ kind: 'bare', text: '{"t":"lvl","v":1}' })
    expect(readLine(Buffer.from('{"t":"lvl","v":1}*'))).toEqual({ kind: 'garbage' })
    expect(readLine(Buffer.from('level 42'))).toEqual({ kind: 'garbage' })
  })
  it('may name no slot that another object inherits', () => {
    expect(BoardMessage.safeParse(JSON.parse('{"t":"lvl","slot":"__proto__","v":1,"u":"g"}')).success).toBe(false)
  })
})

describe('a command', () => {
  it('is at most 60 bytes, of characters which the board reads', () => {
    expect(commandLine(999, 'key', '71234abcd')?.length).toBeLessThanOrEqual(MAX_COMMAND_BYTES)
    expect(commandLine(999, 'id', 'a'.repeat(15))?.length).toBeLessThanOrEqual(MAX_COMMAND_BYTES)
    expect(commandLine(1, 'id', 'a'.repeat(40))).toBeUndefined()
    for (const value of ['a"b', 'a\\b', 'a}b', 'ä', 'a\nb']) expect(commandLine(1, 'id', value)).toBeUndefined()
  })
})

it('lets no damaged stream forge a level or hide the second frame behind it', () => {
  expect(fuzzCodec(5_000, 'quick')).toMatchObject({ forgedLevels: 0, lostAfterOneLine: 0, surelyFoundButAccepted: 0 })
})
