import { createHash } from 'node:crypto'

/** In front of the 64 hex digits in which an image carries its own hash. */
const LABEL = Buffer.from('ADEPT-SHA256:', 'latin1')
const DIGITS = 64
/** An ATmega328P has 32 KiB of flash. */
const MOST_BYTES = 32 * 1024

/** Bytes of an image in Intel HEX from address 0 on, gaps as 0xFF (erased flash). Throws a sentence on anything malformed. */
export function parseIntelHex(text: string): Buffer {
  const image = Buffer.alloc(MOST_BYTES, 0xff)
  let length = 0
  let ended = false
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || ended) continue
    const fail = (what: string): never => {
      throw new Error(`Line ${index + 1} of the image ${what}: take the file again from where you got it.`)
    }
    if (!/^:([0-9a-f]{2}){5,}$/i.test(line)) fail('is not Intel HEX')
    const record = Buffer.from(line.slice(1), 'hex')
    if (record.length !== record[0]! + 5) fail('has another length than it says')
    if (record.reduce((sum, byte) => sum + byte, 0) % 256 !== 0) fail('has a wrong check sum')
    const [at, kind, data] = [record.readUInt16BE(1), record[3], record.subarray(4, -1)]
    if (kind === 1) ended = true
    // Start addresses (3, 5) say nothing on an AVR; extended ones (2, 4) may only repeat the first 64 KiB.
    else if (kind === 2 || kind === 4) {
      if (data.some((byte) => byte !== 0)) fail('is for a chip with more than 64 KiB of flash')
    } else if (kind === 0) {
      if (at + data.length > MOST_BYTES) fail(`lies beyond the ${MOST_BYTES / 1024} KiB of an ATmega328P`)
      data.copy(image, at)
      length = Math.max(length, at + data.length)
    } else if (kind !== 3 && kind !== 5) fail('is of an unknown kind')
  }
  if (!ended) throw new Error('The image has no end record: it was cut off. Take the file again from where you got it.')
  return image.subarray(0, length)
}

/** Intel HEX with 16 bytes a line. */
export function formatIntelHex(image: Buffer): string {
  const record = (at: number, kind: number, data: Buffer) => {
    const head = Buffer.from([data.length, at >> 8, at & 255, kind])
    const bytes = Buffer.concat([head, data])
    const sum = -bytes.reduce((total, byte) => total + byte, 0) & 255
    return `:${Buffer.concat([bytes, Buffer.from([sum])])
      .toString('hex')
      .toUpperCase()}\n`
  }
  const lines = []
  for (let at = 0; at < image.length; at += 16) lines.push(record(at, 0, image.subarray(at, at + 16)))
  return `${lines.join('')}${record(0, 1, Buffer.alloc(0))}`
}

/**
 * SHA-256 of an image in Intel HEX, in hex: what its board says as `sha` in hello. An image cannot hold its own hash, so the
 * 64 digits in it count as '0'. Other people's images have no such place: theirs is the plain hash.
 */
export function imageSha256(hexText: string): string {
  const image = parseIntelHex(hexText)
  if (image.length === 0) throw new Error('The image holds no program: take the file again from where you got it.')
  return sha256OfImage(image)
}

function sha256OfImage(image: Buffer): string {
  const zeroed = Buffer.from(image)
  const at = digitsAt(zeroed)
  if (at !== undefined) zeroed.fill('0', at, at + DIGITS)
  return createHash('sha256').update(zeroed).digest('hex')
}

/** The image with its own hash written in. */
export function signImage(image: Buffer): { image: Buffer; sha256: string } {
  const at = digitsAt(image)
  if (at === undefined) throw new Error('The image has no place for its hash: was it linked without AdeptSlot?')
  const sha256 = sha256OfImage(image)
  const signed = Buffer.from(image)
  signed.write(sha256, at, 'latin1')
  return { image: signed, sha256 }
}

function digitsAt(image: Buffer): number | undefined {
  const at = image.indexOf(LABEL)
  return at < 0 ? undefined : at + LABEL.length
}
