/**
 * The examples of the serial line which the C++ and the TypeScript codec must both agree with, from oracles that share no
 * code with either: node:crypto, and the CRC by its definition, one bit at a time.
 * `node test/firmware-bridge/firmware/vectors.ts` writes firmware-bridge/firmware/vectors.json; a test checks that it is fresh.
 */
import { createHash, createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'

export const VECTORS_FILE = new URL('../../../firmware-bridge/firmware/vectors.json', import.meta.url)

/** CRC-16/MCRF4XX: width 16, polynomial 0x1021 reflected, start 0xFFFF, no final xor; "123456789" gives 6f91. */
function crcByDefinition(bytes: Buffer): number {
  let register = 0xffff
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const feedback = ((byte >> bit) ^ register) & 1
      register >>= 1
      if (feedback === 1) register ^= 0x8408
    }
  }
  return register
}

const latin = (text: string) => Buffer.from(text, 'latin1')
const hex4 = (value: number) => value.toString(16).padStart(4, '0')
const sealed = (frame: string) => `${frame}*${hex4(crcByDefinition(latin(frame)))}`
const seed = (label: string) => createHash('sha256').update(label).digest()

function command(id: number, name: string, v: number | string | null) {
  const value = v === null ? '' : `,"v":${JSON.stringify(v)}`
  return { id, name, v, line: sealed(`{"t":"cmd","id":${id},"name":"${name}"${value}}`) }
}

function level(key: Buffer | null, boardId: string, n: number, slot: string, v: number, u: string) {
  const body = `{"t":"lvl","n":${n},"slot":"${slot}","v":${v},"u":"${u}"`
  const counter = Buffer.alloc(4)
  counter.writeUInt32BE(n)
  const message = Buffer.concat([latin(boardId), Buffer.from([0]), counter, latin(body)])
  const mac = key === null ? '' : `,"m":"${createHmac('sha256', key).update(message).digest('hex').slice(0, 16)}"`
  const line = sealed(`${body}${mac}}`)
  return {
    key: key === null ? null : key.toString('hex'),
    boardId,
    n,
    slot,
    v,
    u,
    message: message.toString('hex'),
    line,
  }
}

function save(id: string, key: Buffer) {
  const v = crcByDefinition(Buffer.concat([latin(id), key]))
  const parts = [0, 1, 2, 3, 4, 5, 6, 7].map((part) => `${part}${key.toString('hex', part * 4, part * 4 + 4)}`)
  const lines = [
    command(1, 'id', id),
    ...parts.map((part, index) => command(2 + index, 'key', part)),
    command(10, 'save', v),
  ]
  return { id, key: key.toString('hex'), v, commands: lines.map(({ line }) => line) }
}

function lines() {
  const lamp = '{"t":"cmd","id":81,"name":"lamp","v":1}'
  const good = sealed(lamp)
  const ack = '{"t":"ack","id":81}'
  const sum = (frame: string) => sealed(frame).slice(-4)
  const accepted: [why: string, line: string, frame: string][] = [
    ['a command', good, lamp],
    ['a carriage return before the newline', `${good}\r`, lamp],
    ['an acknowledgement', sealed(ack), ack],
    ['garbage before the frame', `\u0000\u00ff}*x;${good}`, lamp],
    ['a frame that was cut, then a whole one', `{"t":"cmd","id":80,"name":"la${good}`, lamp],
    ['a whole frame, its newline lost, then another', `${sealed(ack)}${good}`, lamp],
    ['the smallest frame', sealed('{}'), '{}'],
  ]
  const refused: [why: string, line: string][] = [
    ['an empty line', ''],
    ['a bare JSON line', lamp],
    ['one digit of the sum is wrong', `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`],
    ['one bit of the body is flipped', good.replace('"v":1', '"v":0')],
    ['upper-case digits', `${lamp}*${sum(lamp).toUpperCase()}`],
    ['three digits', good.slice(0, -1)],
    ['five digits', `${good}0`],
    ['a blank after the sum', `${good} `],
    ['two carriage returns', `${good}\r\r`],
    ['a carriage return inside', `${lamp}\r*${sum(lamp)}`],
    ['a blank before the star', `${lamp} *${sum(lamp)}`],
    ['a plus for the star', `${lamp}+${sum(lamp)}`],
    ['braces inside', sealed('{"t":"cmd","x":{}}')],
    ['a brace that closes too early', sealed('{"t":"ack"},"id":81}')],
    ['no opening brace', `"t":"ack"}*${sum('"t":"ack"}')}`],
    ['a control character with a fitting sum', sealed('{"t":"ack",\u0007"id":81}')],
    ['a byte above 7e with a fitting sum', sealed('{"t":"ack","id":81,"x":"\u00e9"}')],
    ['the frame of another polynomial (XMODEM, start 0)', `${ack}*0000`],
  ]
  return [
    ...accepted.map(([why, line, frame]) => ({ line, frame, why })),
    ...refused.map(([why, line]) => ({ line, frame: null, why })),
  ]
}

/** The text of vectors.json. */
export function vectorsText(): string {
  const [first, second] = [seed('first key'), seed('second key')]
  const zeros = Buffer.alloc(32)
  const vectors = {
    crc: ['', '123456789', '{}', 'A', '\u0000', '\u00ff\u00ff\u00ff', '{"t":"ack","id":81}'].map((text) => ({
      text,
      crc: hex4(crcByDefinition(latin(text))),
    })),
    fingerprints: [first, second, zeros].map((key) => ({
      key: key.toString('hex'),
      k: createHash('sha256').update(key).digest('hex').slice(0, 8),
    })),
    saves: [save('bottle-1', first), save('a', second), save('softener-board', zeros)],
    commands: [
      command(1, 'hello', null),
      command(2, 'ping', null),
      command(81, 'lamp', 1),
      command(82, 'lamp', 0),
      command(83, 'lamp', 2),
      command(84, 'tare', null),
      command(85, 'scale', 500),
      command(998, 'scale', 60000),
      command(999, 'id', 'fifteen-letters'),
    ],
    levels: [
      level(null, 'load-cell', 0, 'detergent', 420, 'g'),
      level(first, 'bottle-1', 17, 'detergent', 420, 'g'),
      level(first, 'bottle-1', 18, 'detergent', 0, 'g'),
      level(first, 'bottle-2', 17, 'detergent', 420, 'g'),
      level(second, 'bottle-1', 17, 'detergent', 420, 'g'),
      level(second, 'a', 4294967295, 'softener', 100, 'percent'),
      level(zeros, 'fifteen-letters', 65536, 'a-slot-with-a-name-of-32-letters', 123456, 'count'),
    ],
    lines: lines(),
  }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(VECTORS_FILE, vectorsText())
