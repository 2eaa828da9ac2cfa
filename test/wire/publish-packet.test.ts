import fc from 'fast-check'
import { generate, parser } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { PublishFrame, publishPacket } from '../../gateway/wire/publish-packet.ts'

const MAX_BYTES = 65_536
const frame = new PublishFrame()

/** What the general parser makes of these bytes: its first packet, or `error`. */
function oracle(bytes: Buffer) {
  const parse = parser({ protocolVersion: 4 })
  const packets: unknown[] = []
  parse.on('packet', (packet) => packets.push(packet))
  parse.on('error', () => packets.push('error'))
  parse.parse(bytes)
  return packets[0]
}

function partsOf(bytes: Buffer) {
  return {
    topic: bytes.toString('utf8', frame.topicStart, frame.topicEnd),
    payload: bytes.subarray(frame.payloadStart, frame.end),
    qos: frame.qos,
    ...(frame.qos > 0 && { messageId: frame.messageId }),
  }
}

const Message = fc.record({
  topic: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter((topic) => !/[+#\0]/.test(topic)),
  payload: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  retain: fc.boolean(),
})

describe('a PUBLISH packet', () => {
  it('is read as the general parser reads it, wherever it begins', () => {
    fc.assert(
      fc.property(Message, fc.nat(50), (message, at) => {
        const packet = generate({ cmd: 'publish', dup: false, ...message })
        const bytes = Buffer.concat([Buffer.alloc(at), packet, Buffer.from([0xc0, 0])])
        expect(frame.read(bytes, at, MAX_BYTES)).toBe('whole')
        expect(frame.end).toBe(at + packet.length)
        expect(oracle(packet)).toMatchObject(partsOf(bytes))
      }),
      { numRuns: 300 },
    )
  })

  it('is cut wherever its bytes end before it', () => {
    const packet = generate({
      cmd: 'publish',
      topic: 'adept/v1/a/event',
      payload: 'x'.repeat(200),
      qos: 1,
      messageId: 7,
      dup: true,
      retain: false,
    })
    for (let end = 1; end < packet.length; end++) {
      expect(frame.read(packet.subarray(0, end), 0, MAX_BYTES), `${end} bytes`).toBe('cut')
    }
    expect(frame.read(packet, 0, MAX_BYTES)).toBe('whole')
  })

  it('is never seen in other bytes, nor beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.boolean(), (noise, isPublish) => {
        const bytes = Buffer.from(noise)
        if (isPublish) bytes[0] = 0x30 | (bytes[0]! & 0x0f)
        if (frame.read(bytes, 0, MAX_BYTES) !== 'whole') return
        expect(frame.end).toBeLessThanOrEqual(bytes.length)
        expect(frame.topicStart).toBeLessThan(frame.topicEnd)
        expect(frame.payloadStart).toBeLessThanOrEqual(frame.end)
        expect(oracle(bytes)).toMatchObject({ cmd: 'publish', ...partsOf(bytes) })
      }),
      { numRuns: 5_000 },
    )
  })

  const bad: [string, number[]][] = [
    ['QoS 2', [0x34, 6, 0, 1, 97, 0, 1, 0]],
    ['QoS 3', [0x36, 6, 0, 1, 97, 0, 1, 0]],
    ['DUP with QoS 0', [0x38, 3, 0, 1, 97]],
    ['packet id 0', [0x32, 5, 0, 1, 97, 0, 0]],
    ['an empty topic', [0x30, 2, 0, 0]],
    ['a topic longer than the packet', [0x30, 3, 0, 2, 97]],
    ['no place for its id', [0x32, 4, 0, 1, 97, 1]],
    ['a length of five bytes', [0x30, 0x80, 0x80, 0x80, 0x80, 1]],
    ['a length of 0', [0x30, 0]],
    ['more bytes than allowed, announced', [0x30, 0x81, 0x80, 0x04]],
    ['another kind', [0xc0, 0]],
  ]
  it.each(bad)('with %s is left to the general parser', (_what, bytes) => {
    expect(frame.read(Buffer.from(bytes), 0, MAX_BYTES)).toBe('other')
  })

  it('is made of a message that came another way', () => {
    fc.assert(
      fc.property(Message, ({ topic, payload }) => {
        const bytes = Buffer.from(publishPacket(topic, payload))
        expect(oracle(bytes)).toMatchObject({ cmd: 'publish', topic, payload, qos: 0, retain: false })
      }),
      { numRuns: 100 },
    )
  })
})
