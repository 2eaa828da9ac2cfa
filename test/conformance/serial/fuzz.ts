import { Seed } from '../../../gateway/lib/seed.ts'
import { isMacOf, levelMac } from '../../../gateway/wire/serial.ts'
import { frameLine, LineFramer, MAX_LINE_BYTES, readLine } from '../../../gateway/wire/serial-line.ts'

export type FuzzResult = {
  streams: number
  lines: number
  /** Levels whose signature fits although no board sent them: must be 0. */
  forgedLevels: number
  /** Streams after which the second whole frame was not found: must be 0. */
  lostAfterOneLine: number
  /** Up to 3 flipped bits, which the check sum surely finds, were not: must be 0. */
  surelyFoundButAccepted: number
  /** What a 16-bit check sum lets through of everything else, about one line in 65,536; the signature stops it. */
  checkSumCollisions: number
}

const BOARD = 'bottle-1'
const KEY = Buffer.alloc(32, 7)
/** Frames that the streams are made of, all genuine. */
const POOL = 256
const MAX_FLOOD_BYTES = 4 * MAX_LINE_BYTES

/** Feeds damaged streams of signed levels to the codec, in pieces of any size; the same seed gives the same streams. */
export function fuzzCodec(streams: number, seedName: string, onProgress?: (done: number) => void): FuzzResult {
  const random = randomOf(new Seed(seedName))
  const genuine = Array.from({ length: POOL }, (_, index) => signedLevel(1000 + index, random.below(1500)))
  const known = new Set(genuine)
  const sentinels = [signedLevel(5000, 1), signedLevel(5001, 2)]
  const result: FuzzResult = {
    streams,
    lines: 0,
    forgedLevels: 0,
    lostAfterOneLine: 0,
    surelyFoundButAccepted: 0,
    checkSumCollisions: 0,
  }
  const framer = new LineFramer()
  for (let stream = 0; stream < streams; stream++) {
    const frames = Array.from({ length: 1 + random.below(3) }, () => genuine[random.below(POOL)]!)
    const { bytes, isSurelyFound } = damage(Buffer.from(frames.map(frameLine).join('')), random, genuine)
    const whole = Buffer.concat([bytes, Buffer.from(sentinels.map(frameLine).join(''))])
    let isSecondFound = false
    framer.reset()
    pushInPieces(framer, whole, random, (line) => {
      result.lines++
      const read = readLine(line)
      if (read.kind !== 'frame') return
      if (read.text === sentinels[1]) isSecondFound = true
      if (known.has(read.text) || sentinels.includes(read.text)) return
      result.checkSumCollisions++
      if (isSurelyFound) result.surelyFoundButAccepted++
      const counter = Number(/"n":(\d+)/.exec(read.text)?.[1])
      if (counter <= 0xffff_ffff && isMacOf(KEY, BOARD, counter, read.text)) result.forgedLevels++
    })
    if (!isSecondFound) result.lostAfterOneLine++
    if (stream % 10_000 === 9_999) onProgress?.(stream + 1)
  }
  return result
}

function signedLevel(counter: number, value: number): string {
  const body = `{"t":"lvl","n":${counter},"slot":"detergent","v":${value},"u":"g"`
  return `${body},"m":"${levelMac(KEY, BOARD, counter, body).toString('hex')}"}`
}

type Random = ReturnType<typeof randomOf>
function randomOf(seed: Seed) {
  const below = (end: number) => Math.floor(seed.next() * end)
  return {
    below,
    /** Of one draw: a draw for each byte of a flood would be most of the work. */
    bytes(count: number): Buffer {
      let state = below(2 ** 32)
      const bytes = Buffer.alloc(count)
      for (let at = 0; at < count; at++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        bytes[at] = state >>> 24
      }
      return bytes
    },
  }
}

function damage(stream: Buffer, random: Random, genuine: string[]): { bytes: Buffer; isSurelyFound: boolean } {
  const at = random.below(stream.length)
  const upTo = (most: number) => Math.min(stream.length, at + 1 + random.below(most))
  switch (random.below(4)) {
    case 0: {
      const bits = 1 + random.below(8)
      const isNear = random.below(2) === 0
      const bytes = Buffer.from(stream)
      for (let bit = 0; bit < bits; bit++) {
        const where = isNear ? Math.min(stream.length - 1, at + random.below(40)) : random.below(stream.length)
        bytes[where]! ^= 1 << random.below(8)
      }
      return { bytes, isSurelyFound: bits <= 3 }
    }
    case 1:
      return { bytes: Buffer.concat([stream.subarray(0, at), stream.subarray(upTo(120))]), isSurelyFound: false }
    case 2: {
      const other = Buffer.from(frameLine(genuine[random.below(POOL)]!))
      const from = random.below(other.length)
      const piece = other.subarray(from, from + 1 + random.below(other.length - from))
      const rest = stream.subarray(random.below(2) === 0 ? at : upTo(120))
      return { bytes: Buffer.concat([stream.subarray(0, at), piece, rest]), isSurelyFound: false }
    }
    default: {
      const flood = random.bytes(1 + random.below(MAX_FLOOD_BYTES))
      // Half of the floods have no newline at all, and some look like the beginning of a frame.
      if (random.below(2) === 0) for (const [index, byte] of flood.entries()) if (byte === 10) flood[index] = 0x7b
      return { bytes: Buffer.concat([stream.subarray(0, at), flood, stream.subarray(at)]), isSurelyFound: false }
    }
  }
}

function pushInPieces(framer: LineFramer, bytes: Buffer, random: Random, onLine: (line: Uint8Array) => void): void {
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + random.below(random.below(2) === 0 ? 8 : 1024)
    framer.push(bytes.subarray(from, to), onLine)
    from = to
  }
}
