import type { Client } from 'aedes'
import { generate, type Packet } from 'mqtt-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { PacketReader } from '../../gateway/broker/reader.ts'
import type { IntakeStore } from '../../gateway/ports/ingest.ts'
import { connectPacket, type Line, level, startLine, until } from './fixture.ts'

let line: Line
afterEach(() => line.stop())

const FAST = { messagesPerSecond: 1_000_000, burstMessages: 1_000_000 }
const report = (seq: number, more: object = {}): Packet => ({
  cmd: 'publish',
  topic: 'adept/v1/washer-1/consumable',
  payload: level(seq, 1000),
  qos: 1,
  messageId: seq + 1,
  dup: false,
  retain: false,
  ...more,
})

describe('a stream of mixed packets', () => {
  const said: Packet[] = [
    report(0),
    report(1),
    report(2, { qos: 0, messageId: undefined }),
    { cmd: 'pingreq' },
    report(3),
    report(4, { qos: 2 }),
    report(5),
    // Its second byte, the length, looks like the first of a PUBLISH.
    { cmd: 'subscribe', messageId: 77, subscriptions: [{ topic: 'x'.repeat(45), qos: 1 }] },
    report(6, { topic: 'adept/v1/washer-1/weather' }),
    report(7),
    { cmd: 'pubrel', messageId: 5 },
    report(8, { retain: true }),
  ] as Packet[]
  const bytes = Buffer.concat(said.map((packet) => generate(packet)))

  it.each([1, 2, 3, 7, 50, 151, 4_096])('is answered alike in pieces of %i bytes', async (size) => {
    line = await startLine({ limits: FAST })
    const { socket, send, packets } = await line.raw()
    send(connectPacket('washer-1', await line.add('washer-1')))
    await until(() => packets.length === 1)
    for (let at = 0; at < bytes.length; at += size) {
      socket.write(bytes.subarray(at, at + size))
      if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => packets.length === 12)
    const acked = packets.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId] : []))
    expect(acked).toEqual([1, 2, 4, 6, 7, 8, 9]) // in the order of the messages [MQTT-4.6.0-2]
    expect(packets.map(({ cmd }) => cmd).sort()).toEqual(
      ['connack', 'pingresp', 'pubcomp', 'pubrec', 'suback', ...acked.map(() => 'puback')].sort(),
    )
    const seqs = line.db.prepare('SELECT seq FROM readings ORDER BY reading_id').pluck().all()
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5, 7, 8])
    expect(line.count('dead_letters')).toBe(1)
  })
})

describe('a slow disk', () => {
  it('stops the reading of sockets, and nothing is lost', async () => {
    let slow: Promise<void> | undefined
    const held: number[] = []
    line = await startLine({
      limits: { ...FAST, maxWaitingMessages: 20 },
      wrapStore: (store): IntakeStore => ({
        async commit(group, atMs) {
          held.push(group.length)
          await slow
          return store.commit(group, atMs)
        },
      }),
    })
    const devices = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const { send, packets } = await line.raw()
        send(connectPacket(`d${index}`, await line.add(`d${index}`)))
        await until(() => packets.length === 1)
        return { send, packets, topic: `adept/v1/d${index}/consumable` }
      }),
    )
    let release = () => {}
    slow = new Promise((resolve) => {
      release = resolve
    })
    for (const { send, topic } of devices) for (let seq = 0; seq < 300; seq++) send(report(seq, { topic }))
    await until(() => held.at(-1)! > 0)
    release()
    await until(() => devices.every(({ packets }) => packets.length === 301))
    expect(line.count('readings')).toBe(3_000)
    // 20, and the chunk of 8 KiB (some 50 messages) that was read when there was room; else ten such chunks
    expect(Math.max(...held)).toBeLessThan(120)
  })

  it('that is full gives no ack; what is sent again when there is room is stored', async () => {
    line = await startLine()
    const password = await line.add('washer-1')
    const client = await line.client('washer-1', password)
    const closed = new Promise<void>((resolve) => client.once('close', resolve))
    const pages = line.db.pragma('page_count', { simple: true })
    line.db.pragma(`max_page_count = ${pages}`)
    let acks = 0
    const say = (seq: number, to = client) =>
      to.publish(
        'adept/v1/washer-1/event',
        JSON.stringify({ session: 's', seq, type: 'x'.repeat(60), detail: { x: 'y'.repeat(9_000) } }),
        { qos: 1 },
        (error) => {
          if (!error) acks++
        },
      )
    for (let seq = 0; seq < 5; seq++) say(seq)
    await closed
    expect([acks, line.count('readings')]).toEqual([0, 0])
    line.db.pragma('max_page_count = 1000000')
    const again = await line.client('washer-1', password)
    for (let seq = 0; seq < 5; seq++) say(seq, again)
    await until(() => acks === 5)
    expect(line.count('readings')).toBe(5)
  })
})

it('refuses an Aedes whose inside it does not know', async () => {
  line = await startLine()
  const options = {} as ConstructorParameters<typeof PacketReader>[1]
  expect(() => new PacketReader({ conn: {} } as unknown as Client, options)).toThrow('use the pinned version')
})
