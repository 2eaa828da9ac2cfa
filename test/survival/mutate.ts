import { generate, type Packet } from 'mqtt-packet'
import type { Seed } from '../../gateway/lib/seed.ts'
import { connectPacket } from './raw-device.ts'

export type Credentials = { deviceId: string; password: string }

/** How a valid stream is damaged; each works on the packets or on the bytes. */
const DAMAGES = ['flip', 'cut', 'splice', 'length', 'reorder', 'repeat', 'insert', 'none'] as const

/**
 * One client's bytes: valid packets of many kinds, damaged in up to three places. In most of them the CONNECT, which comes
 * first, is left whole: the damage then reaches what only a device that was let in can reach.
 */
export function mutatedStream(seed: Seed, device: Credentials, strangerId: string): { connect: Buffer; rest: Buffer } {
  const below = (end: number) => Math.floor(seed.next() * end)
  const [connect, ...others] = validStream(seed, device, strangerId)
  if (below(3) > 0) return { connect: connect!, rest: damaged(others, seed, device, strangerId) }
  return { connect: Buffer.alloc(0), rest: damaged([connect!, ...others], seed, device, strangerId) }
}

function damaged(valid: Buffer[], seed: Seed, device: Credentials, strangerId: string): Buffer {
  const below = (end: number) => Math.floor(seed.next() * end)
  let packets = valid
  const damages = Array.from({ length: 1 + below(3) }, () => DAMAGES[below(DAMAGES.length)] ?? 'none')
  if (damages.includes('reorder')) packets = packets.toSorted(() => seed.next() - 0.5)
  if (damages.includes('repeat')) packets.splice(below(packets.length), 0, packets[below(packets.length)]!)
  if (damages.includes('length')) {
    const at = below(packets.length)
    packets[at] = withLengthLie(packets[at]!, below)
  }
  let bytes = Buffer.concat(packets)
  for (const damage of damages) {
    const at = below(bytes.length)
    if (damage === 'flip') {
      for (let bits = 1 + below(8); bits > 0; bits--) bytes[below(bytes.length)]! ^= 1 << below(8)
    } else if (damage === 'cut') {
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + below(40))])
    } else if (damage === 'splice') {
      const other = Buffer.concat(validStream(seed, device, strangerId))
      bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length))])
    } else if (damage === 'insert') {
      bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(below(64), below), bytes.subarray(at)])
    }
  }
  return bytes
}

/** Packets that a device may send, some of them to topics of a stranger. */
function validStream(seed: Seed, { deviceId, password }: Credentials, strangerId: string): Buffer[] {
  const below = (end: number) => Math.floor(seed.next() * end)
  const head = `{"session":"fuzz-${seed.hex(2)}","seq":${below(1000)}`
  const own: Record<string, string> = {
    consumable: `${head},"slot":"detergent","remaining":${below(1400)},"unit":"ml"}`,
    telemetry: `${head},"values":{"temperatureCelsius":40}}`,
    event: `${head},"type":"cycle-finished"}`,
    status: 'online',
    description: '{"maker":"Fuzz","model":"F1","slots":[]}',
    'command/result': '{"id":"c-1","ok":true}',
  }
  const refused: Record<string, string> = {
    command: '{"id":"c-1","name":"lamp","arguments":{}}',
    receipt: '{"__proto__":{"admin":true}}',
  }
  const messages = () => (below(12) === 0 ? refused : own)
  const owner = () => (below(12) === 0 ? strangerId : deviceId)
  const any = (of: Record<string, string>): [string, string] => Object.entries(of)[below(Object.keys(of).length)]!
  const topic = () => `adept/v1/${owner()}/${any(messages())[0]}`
  const willTopic = below(4) === 0 ? topic() : `adept/v1/${deviceId}/status`
  const will = { topic: willTopic, payload: Buffer.from('offline'), qos: 1, retain: true }
  const connect = connectPacket(deviceId, password, { clean: below(2) === 0, ...(below(3) === 0 && { will }) })
  const packets = Array.from({ length: 1 + below(6) }, (_, index): Packet => {
    const messageId = 1 + below(200)
    switch (below(9)) {
      case 0:
        return { cmd: 'subscribe', messageId, subscriptions: [{ topic: topic(), qos: 1 }] }
      case 1:
        return { cmd: 'unsubscribe', messageId, unsubscriptions: [topic()] }
      case 2:
        return { cmd: 'pingreq' }
      case 3:
        return { cmd: index < 4 ? 'pubrel' : 'disconnect', messageId } as Packet
      case 4:
        return { cmd: 'puback', messageId }
      default: {
        const [name, body] = any(messages())
        const payload = below(4) === 0 ? any(messages())[1] : body
        const qos = below(3) as 0 | 1 | 2
        const retain = below(3) === 0
        return { cmd: 'publish', topic: `adept/v1/${owner()}/${name}`, payload, qos, messageId, dup: false, retain }
      }
    }
  })
  return [connect, ...packets].map((packet) => generate(packet))
}

/** The same packet with another number of bytes announced: a little more, a little less, or as much as can be said. */
function withLengthLie(packet: Buffer, below: (end: number) => number): Buffer {
  const lied = Buffer.from(packet)
  const choices = [Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), Buffer.from([0])]
  const choice = choices[below(6)]
  if (choice !== undefined) return Buffer.concat([lied.subarray(0, 1), choice, lied.subarray(2)])
  lied[1] = ((lied[1] ?? 0) + 1 + below(255)) & 0xff
  return lied
}

function randomBytes(count: number, below: (end: number) => number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => below(256)))
}
