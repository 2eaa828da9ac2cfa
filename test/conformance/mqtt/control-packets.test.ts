/** Clauses of MQTT 3.1.1 (OASIS, 29 October 2014), each by the bytes that a client would send. */
import type { Packet } from 'mqtt-packet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectPacket, HOME, type Line, level, startLine, until } from '../../broker/fixture.ts'

let line: Line
let password: string
beforeEach(async () => {
  line = await startLine()
  password = await line.add('washer-1')
})
afterEach(() => line.stop())

const WILL = { topic: 'adept/v1/washer-1/status', payload: Buffer.from('offline'), qos: 1, retain: true }
const topic = 'adept/v1/washer-1/consumable'
const publish = (qos: 0 | 1 | 2, messageId: number, seq: number, dup = false): Packet => ({
  cmd: 'publish',
  topic,
  payload: level(seq, 500),
  qos,
  messageId,
  dup,
  retain: false,
})

/** A raw connection after its CONNACK. */
async function connected(more: Record<string, unknown> = {}) {
  const raw = await line.raw()
  raw.send(connectPacket('washer-1', password, more))
  await until(() => raw.packets.length === 1)
  expect(raw.packets[0]).toMatchObject({ cmd: 'connack', returnCode: 0 })
  raw.packets.length = 0
  return raw
}

describe('CONNECT', () => {
  it('is the first packet [MQTT-3.1.0-1]', async () => {
    const { closed, send, packets } = await line.raw()
    send(publish(1, 1, 0))
    await closed
    expect(packets).toEqual([])
    expect(line.count('readings')).toBe(0)
  })
  it('comes once [MQTT-3.1.0-2]', async () => {
    const { closed, send } = await connected()
    send(connectPacket('washer-1', password))
    await closed
  })
  it('has a zero reserved flag [MQTT-3.1.2-3]', async () => {
    const { closed, socket, packets } = await line.raw()
    socket.write(Buffer.from([0x10, 14, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0x03, 0, 30, 0, 2, 0x61, 0x62]))
    await closed
    expect(packets).toEqual([])
  })
  it('of the same client id disconnects the first [MQTT-3.1.4-2]', async () => {
    const first = await connected()
    await connected()
    await first.closed
  })
  it('says whether a session is present [MQTT-3.2.2-1, 3.2.2-2, 3.2.2-3]', async () => {
    const present = async (clean: boolean) => {
      const { send, packets, socket, closed } = await line.raw()
      send(connectPacket('washer-1', password, { clean }))
      await until(() => packets.length === 1)
      send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'adept/v1/washer-1/command', qos: 1 }] })
      await until(() => packets.length === 2)
      socket.end()
      await closed
      return (packets[0] as { sessionPresent: boolean }).sessionPresent
    }
    expect(await present(false)).toBe(false)
    expect(await present(false)).toBe(true)
    expect(await present(true)).toBe(false)
    expect(await present(false)).toBe(false)
  })
})

describe('the will', () => {
  const status = async () => (await line.devices.get(HOME, 'washer-1'))?.status
  beforeEach(() => line.intake.commit([{ kind: 'status', deviceId: 'washer-1', status: 'online' }], 1))
  it('is published when the connection breaks [MQTT-3.1.2-8]', async () => {
    const { socket } = await connected({ will: WILL })
    socket.destroy()
    await expect.poll(status).toBe('offline')
  })
  it('is published when the keepalive runs out [MQTT-3.1.2-24]', async () => {
    const { closed } = await connected({ will: WILL, keepalive: 1 })
    await closed
    await expect.poll(status).toBe('offline')
  })
  it('is dropped by DISCONNECT [MQTT-3.1.2-10]', async () => {
    const { closed, send } = await connected({ will: WILL })
    send({ cmd: 'disconnect' })
    await closed
    await until(() => line.broker.connectedCount() === 0)
    expect(await status()).toBe('online')
  })
})

describe('PUBLISH', () => {
  it('with QoS 1 is answered by PUBACK with its packet id [MQTT-2.3.1-6]', async () => {
    const { send, packets } = await connected()
    for (const id of [1, 65_535, 300]) send(publish(1, id, id))
    await until(() => packets.length === 3)
    expect(packets.map((packet) => [packet.cmd, packet.messageId])).toEqual([
      ['puback', 1],
      ['puback', 65_535],
      ['puback', 300],
    ])
  })
  it('with QoS 2 is taken once however often it is sent [MQTT-4.3.3-2]', async () => {
    const { send, packets } = await connected()
    send(publish(2, 7, 0))
    send(publish(2, 7, 0, true))
    await until(() => packets.length === 2)
    send({ cmd: 'pubrel', messageId: 7 })
    await until(() => packets.length === 3)
    expect(packets.map(({ cmd }) => cmd)).toEqual(['pubrec', 'pubrec', 'pubcomp'])
    expect(line.count('readings')).toBe(1)
  })
  it('with QoS 0 is not answered [MQTT-3.3.4-1]', async () => {
    const { send, packets } = await connected()
    send(publish(0, 0, 0))
    send({ cmd: 'pingreq' })
    await until(() => packets.length === 1)
    expect(packets).toMatchObject([{ cmd: 'pingresp' }])
  })
  it('with QoS 3 closes the connection [MQTT-3.3.1-4]', async () => {
    const { socket, closed } = await connected()
    socket.write(Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]))
    await closed
  })
  it('to a topic with a wildcard closes the connection [MQTT-3.3.2-2]', async () => {
    const { socket, closed } = await connected()
    socket.write(Buffer.from([0x30, 4, 0, 2, 0x2b, 0x23]))
    await closed
  })
})

describe('SUBSCRIBE', () => {
  it('is answered filter by filter, 128 for a refused one [MQTT-3.8.4-5, 3.9.3-1]', async () => {
    const { send, packets } = await connected()
    const filters = ['adept/v1/washer-1/order', '#', 'adept/v1/washer-1/receipt']
    send({ cmd: 'subscribe', messageId: 9, subscriptions: filters.map((filter) => ({ topic: filter, qos: 1 })) })
    await until(() => packets.length === 1)
    expect(packets[0]).toMatchObject({ cmd: 'suback', messageId: 9, granted: [1, 128, 1] })
  })
  it('has the flags 0010 [MQTT-3.8.1-1]', async () => {
    const { socket, closed } = await connected()
    socket.write(Buffer.from([0x80, 6, 0, 1, 0, 1, 0x61, 0]))
    await closed
  })
  it('ends with UNSUBSCRIBE, which is answered [MQTT-3.10.4-4]', async () => {
    const { send, packets } = await connected()
    const command = 'adept/v1/washer-1/command'
    send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: command, qos: 1 }] })
    await until(() => packets.length === 1)
    send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [command] })
    await until(() => packets.length === 2)
    line.broker.publish('washer-1', 'command', { id: 'c-1', name: 'lamp', arguments: {} })
    send({ cmd: 'pingreq' })
    await until(() => packets.length === 3)
    expect(packets.map(({ cmd }) => cmd)).toEqual(['suback', 'unsuback', 'pingresp'])
  })
})
