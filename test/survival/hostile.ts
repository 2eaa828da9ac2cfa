import { generate, type Packet } from 'mqtt-packet'
import { topicOf } from '../../gateway/wire/topics.ts'
import { connectPacket, RawDevice } from './raw-device.ts'
import type { Finding, Stand } from './stand.ts'

const HOSTILE = 'hostile-1'
const OTHER = 'other-1'
const LEVELS = Array.from({ length: 205 }, (_, level) => `l${level}`).join('/')
/** Of a packet as mqtt-packet would not write it: the text is replaced by these bytes of the same length. */
const BYTES: Record<string, Buffer> = {
  'NUL-NUL': Buffer.from('6e756c006e756c', 'hex'),
  ILLFORM: Buffer.from('c328a0a1e28fff', 'hex'),
  SURROGA: Buffer.from('6eeda0806e6e6e', 'hex'),
}

const CLIENT_IDS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '$SYS',
  '#',
  '+',
  '../other-1',
  'NUL-NUL',
  'ILLFORM',
  'x'.repeat(7_000),
  '',
]
const PUBLISH_TOPICS = [
  '__proto__',
  'constructor',
  LEVELS,
  topicOf(HOSTILE, 'telemetry') + '/x'.repeat(205),
  '$SYS/broker',
  '$share/all/adept/v1/other-1/telemetry',
  'adept/v1/hostile-1/+',
  'adept/v1/hostile-1/#',
  'adept/v1/+/telemetry',
  '#',
  '',
  topicOf(HOSTILE, 'command'),
  topicOf(HOSTILE, 'receipt'),
  topicOf(HOSTILE, 'order'),
  topicOf(OTHER, 'telemetry'),
  topicOf(OTHER, 'command'),
  topicOf(OTHER, 'status'),
  'ADEPT/v1/hostile-1/telemetry',
  'adept/v1/hostile-1/NUL-NUL',
  'adept/v1/hostile-1/ILLFORM',
  'adept/v1/hostile-1/SURROGA',
]
const FILTERS = [
  '__proto__',
  'constructor',
  LEVELS,
  '#',
  '+/+/+/+',
  '$SYS/#',
  '$share/all/#',
  'adept/v1/+/command',
  'adept/v1/hostile-1/#',
  'adept/v1/hostile-1/+',
  topicOf(OTHER, 'command'),
  topicOf(OTHER, 'telemetry'),
  topicOf(HOSTILE, 'telemetry'),
  '',
  'adept/v1/hostile-1/NUL-NUL',
  'adept/v1/hostile-1/ILLFORM',
]
/** Sent to an own topic: stored or a dead letter, and acknowledged. */
const PAYLOADS = [
  '{"__proto__":{"slot":"detergent"},"constructor":{"prototype":{}}}',
  '{"session":"__proto__","seq":0,"values":{"__proto__":1,"constructor":2}}',
  '{"session":"constructor","seq":1,"values":{"toString":1}}',
  '{"session":"s","seq":1e308,"values":{}}',
  '{"session":"s","seq":-1,"values":{}}',
  '{"session":"s","seq":9007199254740993,"values":{"a":1e999}}',
  `${'['.repeat(16_000)}`,
  `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`,
  'x'.repeat(60_000),
  '\u0000',
  '',
]

/** Names and values that break programs: each case on a connection of its own, with genuine credentials where it needs them. */
export async function hostileNames(stand: Stand): Promise<Finding> {
  const password = await stand.add(HOSTILE)
  await stand.add(OTHER)
  return stand.beside(async () => {
    const problems: string[] = []
    const judge = (what: string, outcome: string, wanted: string[]) => {
      if (!wanted.includes(outcome)) problems.push(`${what.slice(0, 60)}: ${outcome}, not ${wanted.join(' or ')}.`)
    }
    for (const clientId of CLIENT_IDS) {
      const device = await RawDevice.open(stand.port, '127.9.9.1')
      device.socket.write(bytesOf(connectPacket(clientId, password)))
      judge(`client id ${clientId}`, await answerTo(device), ['closed', 'connack refused'])
    }
    const will = { topic: topicOf(OTHER, 'status'), payload: Buffer.from('offline'), qos: 1, retain: true }
    const willing = await RawDevice.open(stand.port)
    willing.send(connectPacket(HOSTILE, password, { will }))
    judge('a will on the status of another', await answerTo(willing), ['closed', 'connack refused'])
    for (const topic of PUBLISH_TOPICS) {
      for (const qos of [0, 1, 2] as const) {
        const device = await stand.connect(HOSTILE)
        const publish: Packet = { cmd: 'publish', topic, payload: '{}', qos, messageId: 7, dup: false, retain: true }
        device.socket.write(bytesOf(publish))
        judge(`publish with QoS ${qos} to ${topic}`, await answerTo(device), ['closed'])
      }
    }
    for (const filter of FILTERS) {
      const device = await stand.connect(HOSTILE)
      device.socket.write(bytesOf({ cmd: 'subscribe', messageId: 7, subscriptions: [{ topic: filter, qos: 1 }] }))
      judge(`subscribe to ${filter}`, await answerTo(device), ['closed', 'suback 128'])
    }
    const many = await stand.connect(HOSTILE, { clean: false })
    const subscriptions = Array.from({ length: 7_000 }, (_, index) => ({ topic: `a/${index}`, qos: 1 as const }))
    many.send({ cmd: 'subscribe', messageId: 7, subscriptions })
    judge('subscribe to 7,000 filters', await answerTo(many), ['closed', 'suback 128'])
    const device = await stand.connect(HOSTILE)
    for (const payload of PAYLOADS) {
      const outcome = await device.publish('telemetry', payload).then(
        () => 'acknowledged',
        () => 'closed',
      )
      judge(`the payload ${payload}`, outcome, ['acknowledged'])
    }
    // A name of its own that does not exist is its own dead letter, whatever it looks like.
    const up = 'adept/v1/hostile-1/../other-1/telemetry'
    device.send({ cmd: 'publish', topic: up, payload: '{}', qos: 2, messageId: 9, dup: false, retain: true })
    judge(`publish to ${up}`, await answerTo(device), ['pubrec'])
    const foreign = stand.count(`SELECT count(*) AS count FROM sessions WHERE device_id = ?`, OTHER)
    const deadOfOthers = stand.count(
      `SELECT count(*) AS count FROM dead_letters WHERE device_id IS NULL OR device_id = ?`,
      OTHER,
    )
    if (foreign + deadOfOthers > 0) problems.push(`${foreign + deadOfOthers} rows were written for another device.`)
    const cases = CLIENT_IDS.length + 1 + 3 * PUBLISH_TOPICS.length + FILTERS.length + 1 + PAYLOADS.length + 1
    return { figures: `${cases} cases`, problems }
  })
}

/** What the gateway does about it: closes, or the packet it answers with. */
async function answerTo(device: RawDevice): Promise<string> {
  const packet = await device.next()
  const isOpen = !device.socket.closed
  device.close()
  if (packet === undefined) return isOpen ? 'no answer' : 'closed'
  if (packet.cmd === 'connack') return packet.returnCode === 0 ? 'connack accepted' : 'connack refused'
  if (packet.cmd === 'suback')
    return (packet.granted as number[]).every((code) => code === 128) ? 'suback 128' : 'suback granted'
  return packet.cmd
}

function bytesOf(packet: Packet): Buffer {
  if (packet.cmd === 'publish' && /[+#]|^$/.test(packet.topic)) return publishBytes(packet.topic, packet.qos)
  if (packet.cmd === 'subscribe' && packet.subscriptions[0]?.topic === '') return Buffer.from([0x82, 5, 0, 7, 0, 0, 1])
  const bytes = generate(packet)
  for (const [text, replacement] of Object.entries(BYTES)) {
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) replacement.copy(bytes, at)
  }
  return bytes
}

/** mqtt-packet does not write what may not be published to. */
function publishBytes(topic: string, qos: number): Buffer {
  const name = Buffer.from(topic)
  const body = Buffer.concat([
    Buffer.from([0, name.length]),
    name,
    Buffer.from(qos > 0 ? [0, 7] : []),
    Buffer.from('{}'),
  ])
  return Buffer.concat([Buffer.from([0x30 | (qos << 1), body.length]), body])
}
