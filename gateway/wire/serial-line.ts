/** A longer line is no line of ours: it is dropped up to its newline. Boards send at most 256 bytes. */
export const MAX_LINE_BYTES = 512

const NEWLINE = 0x0a
const RETURN = 0x0d
const OPEN = 0x7b
const CLOSE = 0x7d
const STAR = 0x2a
/** `*` and four hex digits. */
const CHECK_SUM_BYTES = 5

/**
 * Cuts a stream into lines of at most `MAX_LINE_BYTES`, without their newline and a return before it. The first, cut piece of a
 * stream is a line like any other: its check sum tells. Memory is one buffer of that size, whatever comes in.
 */
export class LineFramer {
  readonly #buffer = Buffer.alloc(MAX_LINE_BYTES)
  #length = 0
  #overlong = false

  /** The line handed out is valid during the call only. */
  push(chunk: Uint8Array, onLine: (line: Uint8Array) => void): void {
    let from = 0
    while (from < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, from)
      const end = newline < 0 ? chunk.length : newline
      this.#append(chunk.subarray(from, end))
      if (newline < 0) return
      this.#endLine(onLine)
      from = newline + 1
    }
  }

  /** Forgets the line that has begun. */
  reset(): void {
    this.#length = 0
    this.#overlong = false
  }

  #append(piece: Uint8Array): void {
    if (this.#overlong) return
    if (this.#length + piece.length > MAX_LINE_BYTES) {
      this.#overlong = true
      return
    }
    this.#buffer.set(piece, this.#length)
    this.#length += piece.length
  }

  #endLine(onLine: (line: Uint8Array) => void): void {
    const length = this.#buffer[this.#length - 1] === RETURN ? this.#length - 1 : this.#length
    const wanted = !this.#overlong && length > 0
    this.reset()
    if (wanted) onLine(this.#buffer.subarray(0, length))
  }
}

/** `frame`: the check sum fits. `bare`: JSON without one, which nobody can trust. `text` is from `{` to `}`. */
export type Line = { kind: 'frame' | 'bare'; text: string } | { kind: 'garbage' }

/**
 * Reads one line of the framer. A frame is flat and begins at the last `{`, so that one behind a cut line, whose newline was
 * lost, is found too. The digits are lower case only: else a flipped bit 0x20 would pass.
 */
export function readLine(line: Uint8Array): Line {
  const star = line.length - CHECK_SUM_BYTES
  if (line[star] === STAR && line[star - 1] === CLOSE) {
    const start = line.lastIndexOf(OPEN, star)
    if (start < 0 || !isFlat(line, start + 1, star - 1)) return { kind: 'garbage' }
    const body = line.subarray(start, star)
    return crc16Hex(body) === latin1(line.subarray(star + 1))
      ? { kind: 'frame', text: latin1(body) }
      : { kind: 'garbage' }
  }
  const isBare = line[0] === OPEN && line.at(-1) === CLOSE
  return isBare ? { kind: 'bare', text: latin1(line) } : { kind: 'garbage' }
}

/** `{json}` → `{json}*hhhh\n`. */
export function frameLine(text: string): string {
  return `${text}*${crc16Hex(Buffer.from(text, 'latin1'))}\n`
}

/** CRC-16/MCRF4XX as four lower-case hex digits. */
export function crc16Hex(bytes: Uint8Array): string {
  return crc16(bytes).toString(16).padStart(4, '0')
}

/** CRC-16/MCRF4XX (avr-libc's `_crc_ccitt_update` from 0xFFFF): reflected polynomial 0x8408, no final exclusive or. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!
  return crc
}

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1
  return crc
})

/** Printable ASCII without braces. */
function isFlat(line: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = line[at]!
    if (byte < 0x20 || byte > 0x7e || byte === OPEN || byte === CLOSE) return false
  }
  return true
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
