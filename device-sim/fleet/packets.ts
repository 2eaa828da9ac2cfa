/** The packets of MQTT 3.1.1 that a simple device speaks, as bytes; ten thousand devices have no room for a client library. */

/** First bytes of what a broker sends (table 2.1, without the flags of a PUBLISH). */
export const PACKET = { connack: 0x20, publish: 0x30, puback: 0x40, suback: 0x90 } as const
export const DISCONNECT = Uint8Array.of(0xe0, 0)
/** Table 2.4: four bytes of seven bits. */
const MAX_LENGTH_BYTES = 4
/** In the first byte of a PUBLISH: QoS 1, and its other flags. */
const QOS_1 = 0x02
const RETAIN = 0x01
const DUP = 0x08
/** Connect flags [MQTT-3.1.2]: user name, password, a retained will of QoS 1. */
const CONNECT_FLAGS = 0x80 | 0x40 | 0x20 | 0x08 | 0x04

/** Client id and user name are the same; the session outlives the connection. */
export function connectPacket(options: {
  clientId: string
  password: string
  will: { topic: string; payload: string }
  keepAliveSeconds: number
}): Buffer {
  const { clientId, password, will, keepAliveSeconds } = options
  const head = Buffer.from([
    0,
    4,
    ...Buffer.from('MQTT'),
    4,
    CONNECT_FLAGS,
    keepAliveSeconds >> 8,
    keepAliveSeconds & 0xff,
  ])
  const texts = [clientId, will.topic, will.payload, clientId, password].map(lengthAndText)
  return packet(0x10, [head, ...texts])
}

/** With QoS 1. */
export function subscribePacket(messageId: number, topics: readonly string[]): Buffer {
  return packet(0x82, [twoBytes(messageId), ...topics.flatMap((topic) => [lengthAndText(topic), Uint8Array.of(1)])])
}

/** With QoS 1. */
export function publishPacket(topic: string, payload: string, messageId: number, retain = false): Buffer {
  const topicBytes = Buffer.byteLength(topic)
  const payloadBytes = Buffer.byteLength(payload)
  const length = 2 + topicBytes + 2 + payloadBytes
  const bytes = Buffer.allocUnsafe(1 + lengthBytes(length) + length)
  let at = bytes.writeUInt8(PACKET.publish | QOS_1 | (retain ? RETAIN : 0), 0)
  at = writeLength(bytes, length, at)
  at = bytes.writeUInt16BE(topicBytes, at)
  at += bytes.write(topic, at)
  at = bytes.writeUInt16BE(messageId, at)
  bytes.write(payload, at)
  return bytes
}

/** The same PUBLISH once more, as one that may have come before [MQTT-3.3.1-1]. */
export function asDuplicate(publish: Buffer): Buffer {
  const copy = Buffer.from(publish)
  copy[0] = publish[0]! | DUP
  return copy
}

export function pubackPacket(messageId: number): Uint8Array {
  return Uint8Array.of(PACKET.puback, 2, messageId >> 8, messageId & 0xff)
}

/**
 * Hands each whole packet of `bytes` on: its first byte, and where what follows its length begins and ends. Returns how many
 * bytes were read; the rest is a packet that goes on. Throws when it is no MQTT.
 */
export function eachPacket(bytes: Uint8Array, take: (first: number, start: number, end: number) => void): number {
  let at = 0
  while (at + 1 < bytes.length) {
    let length = 0
    let start = at + 1
    for (let byte = 0x80; byte >= 0x80; start++) {
      if (start - at > MAX_LENGTH_BYTES) throw new Error('The broker sent a packet whose length is no MQTT.')
      if (start >= bytes.length) return at
      byte = bytes[start]!
      length += (byte & 0x7f) * 128 ** (start - at - 1)
    }
    if (start + length > bytes.length) return at
    take(bytes[at]!, start, start + length)
    at = start + length
  }
  return at
}

/** The parts of a PUBLISH's body, which is `bytes` from `start` to `end`; `first` is its first byte. */
export function readPublish(
  bytes: Buffer,
  first: number,
  start: number,
  end: number,
): { topic: string; payload: string; messageId: number | undefined } {
  const topicEnd = start + 2 + bytes.readUInt16BE(start)
  const hasId = (first & 0x06) !== 0
  return {
    topic: bytes.toString('utf8', start + 2, topicEnd),
    messageId: hasId ? bytes.readUInt16BE(topicEnd) : undefined,
    payload: bytes.toString('utf8', topicEnd + (hasId ? 2 : 0), end),
  }
}

function packet(first: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(1 + lengthBytes(length))
  head[0] = first
  writeLength(head, length, 1)
  return Buffer.concat([head, ...parts])
}

function lengthAndText(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  return Buffer.concat([twoBytes(bytes.length), bytes])
}

function twoBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4
}

function writeLength(bytes: Buffer, length: number, at: number): number {
  let left = length
  let place = at
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes[place++] = (left & 0x7f) | 0x80
  bytes[place++] = left
  return place
}
