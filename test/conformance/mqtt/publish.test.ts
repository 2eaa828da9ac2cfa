/** PUBLISH and its acknowledgements, chapters 3.3 to 3.7, 4.3 and 4.6 of MQTT 3.1.1. */
import type { QoS } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import { type Peer, packetBytes, text } from './peer.ts'

let broker: OpenBroker
let peer: Peer
beforeAll(async () => {
  broker = await startOpenBroker()
  peer = await broker.connect({ clientId: 'publisher' })
})
afterAll(() => broker.stop())

const PUBLISH = 0x30
const x = Buffer.from('x')

describe('PUBLISH', () => {
  it('reaches its sender too, with each QoS [MQTT-3.3.4-1, 4.3.1-1, 4.3.2-2, 4.3.3-2]', async () => {
    await peer.subscribe('basic', 2)
    for (const qos of [0, 1, 2] as const) {
      await peer.publish('basic', `qos ${qos}`, { qos })
      expect(await peer.receive()).toEqual({
        topic: 'basic',
        payload: `qos ${qos}`,
        qos,
        retain: false,
        dup: false,
      })
    }
    await peer.unsubscribe('basic')
  })

  it('is acknowledged with its own packet id [MQTT-2.3.1-6]', async () => {
    for (const messageId of [1, 65_535, 300]) {
      peer.send({ cmd: 'publish', topic: 'ids', payload: 'x', qos: 1, messageId, dup: false, retain: false })
      expect(await peer.next()).toMatchObject({ cmd: 'puback', messageId })
      peer.send({ cmd: 'publish', topic: 'ids', payload: 'x', qos: 2, messageId, dup: false, retain: false })
      expect(await peer.next()).toMatchObject({ cmd: 'pubrec', messageId })
      peer.send({ cmd: 'pubrel', messageId })
      expect(await peer.next()).toMatchObject({ cmd: 'pubcomp', messageId })
    }
  })

  it('with QoS 2 is taken once, however often it is sent before PUBREL [MQTT-4.3.3-2]', async () => {
    const other = await broker.connect()
    await other.subscribe('once', 2)
    const publish = (dup: boolean) =>
      peer.send({ cmd: 'publish', topic: 'once', payload: 'x', qos: 2, messageId: 7, dup, retain: false })
    publish(false)
    await peer.next('pubrec')
    publish(true)
    await peer.next('pubrec')
    for (const _repeated of [1, 2]) {
      peer.send({ cmd: 'pubrel', messageId: 7 })
      expect(await peer.next()).toMatchObject({ cmd: 'pubcomp', messageId: 7 })
    }
    await peer.publish('once', 'next', { qos: 2 })
    expect((await other.receive()).payload).toBe('x')
    expect((await other.receive()).payload).toBe('next')
    await other.disconnect()
  })

  it('that comes with DUP goes on without it [MQTT-3.3.1-3]', async () => {
    await peer.subscribe('dup', 1)
    peer.send({ cmd: 'publish', topic: 'dup', payload: 'x', qos: 1, messageId: 9, dup: true, retain: false })
    await peer.next('puback')
    expect(await peer.receive()).toMatchObject({ dup: false })
    await peer.unsubscribe('dup')
  })

  it('to a reader is not repeated once it is acknowledged, and has a packet id above zero [MQTT-4.3.2-1, 4.3.3-1]', async () => {
    const reader = await broker.connect({ clientId: 'acknowledging', clean: false })
    await reader.subscribe('acknowledged', 2)
    await peer.publish('acknowledged', 'one', { qos: 1 })
    const one = await reader.next('publish')
    expect(one).toMatchObject({ qos: 1, dup: false, messageId: expect.any(Number) })
    expect(one.messageId).toBeGreaterThan(0)
    reader.send({ cmd: 'puback', messageId: one.messageId! })
    await peer.publish('acknowledged', 'two', { qos: 2 })
    const two = await reader.next('publish')
    reader.send({ cmd: 'pubrec', messageId: two.messageId! })
    expect(await reader.next('pubrel')).toMatchObject({ messageId: two.messageId })
    reader.send({ cmd: 'pubcomp', messageId: two.messageId! })
    await reader.ping()
    await reader.disconnect()
    const again = await broker.connect({ clientId: 'acknowledging', clean: false })
    await peer.publish('acknowledged', 'three', { qos: 1 })
    expect(await again.receive()).toMatchObject({ payload: 'three' })
    await again.disconnect()
  })

  it('keeps the order of each QoS, for every reader [MQTT-4.6.0-5, 4.6.0-6]', async () => {
    const readers = await Promise.all([broker.connect(), broker.connect({ clientId: 'orderly', clean: false })])
    for (const reader of readers) await reader.subscribe('order/+', 2)
    const numbers = Array.from({ length: 50 }, (_, index) => index)
    for (const qos of [0, 1, 2] as QoS[]) {
      peer.send(
        ...numbers.map((n) => {
          const messageId = { messageId: 1000 + n }
          return {
            cmd: 'publish',
            topic: `order/${qos}`,
            payload: `${n}`,
            qos,
            dup: false,
            retain: false,
            ...(qos > 0 && messageId),
          } as const
        }),
      )
      for (const n of qos === 2 ? numbers : []) {
        await peer.next('pubrec')
        peer.send({ cmd: 'pubrel', messageId: 1000 + n })
      }
      for (const reader of readers) {
        const seen = []
        for (const _ of numbers) seen.push(Number((await reader.receive()).payload))
        expect(seen).toEqual(numbers)
      }
    }
    for (const _ of numbers) await peer.next('puback')
    for (const _ of numbers) await peer.next('pubcomp')
    for (const reader of readers) await reader.disconnect()
  })

  it('may be empty, or long', async () => {
    await peer.subscribe('size', 0)
    for (const payload of ['', 'x'.repeat(60_000)]) {
      await peer.publish('size', payload)
      expect((await peer.receive()).payload).toBe(payload)
    }
    await peer.unsubscribe('size')
  })

  it('goes to the topic as it is written, character by character [MQTT-1.5.3-3, 4.7.3-4]', async () => {
    const topics = [
      'Case',
      'case',
      ' case',
      'case ',
      '/case',
      'case/',
      'ca se',
      '\uFEFFcase',
      'cäse',
      'ca\u0308se',
      '漢字/𠜎',
    ]
    await peer.subscribe(topics, 0)
    for (const topic of topics) {
      await peer.publish(topic, 'x')
      expect((await peer.receive()).topic).toBe(topic)
    }
    await peer.ping()
    await peer.unsubscribe(...topics)
  })

  it.each([
    ['QoS 3 [MQTT-3.3.1-4]', PUBLISH | 6, [text('a'), 0, 1, x]],
    ['DUP and QoS 0 [MQTT-3.3.1-2]', PUBLISH | 8, [text('a'), x]],
    ['QoS 1 and packet id 0 [MQTT-2.3.1-1]', PUBLISH | 2, [text('a'), 0, 0, x]],
    ['QoS 2 and packet id 0 [MQTT-2.3.1-1]', PUBLISH | 4, [text('a'), 0, 0, x]],
    ['+ in its topic [MQTT-3.3.2-2, 4.7.1-1]', PUBLISH, [text('a/+'), x]],
    ['# in its topic [MQTT-3.3.2-2, 4.7.1-1]', PUBLISH, [text('#'), x]],
    ['an empty topic [MQTT-4.7.3-1]', PUBLISH, [text(''), x]],
    ['U+0000 in its topic [MQTT-4.7.3-2, 1.5.3-2]', PUBLISH, [text('a\0b'), x]],
    ['a topic that is no UTF-8 [MQTT-3.3.2-1, 1.5.3-1]', PUBLISH, [text(Buffer.from([0x61, 0xff])), x]],
    ['a topic longer than the packet [MQTT-4.8.0-1]', PUBLISH, [0, 9, x]],
  ])('with %s closes the connection', async (_name, firstByte, parts) => {
    const faulty = await broker.connect()
    faulty.bytes(packetBytes(firstByte, ...parts))
    expect(await faulty.untilClosed()).toEqual([])
  })

  it('has PUBREL with the flags 0010, or closes the connection [MQTT-3.6.1-1]', async () => {
    const faulty = await broker.connect()
    faulty.bytes(packetBytes(0x60, 0, 1))
    expect(await faulty.untilClosed()).toEqual([])
  })
})
