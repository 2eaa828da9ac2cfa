/** Keepalive, PINGREQ, DISCONNECT and what only a broker may say: chapters 3.1.2.10, 3.12 to 3.14 and 4.8 of MQTT 3.1.1. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import { packetBytes, text } from './peer.ts'

let broker: OpenBroker
beforeAll(async () => {
  broker = await startOpenBroker()
})
afterAll(() => broker.stop())

describe.concurrent('keepalive', () => {
  it('of one second ends a silent connection after one and a half [MQTT-3.1.2-24]', async () => {
    const startedAt = performance.now()
    const peer = await broker.connect({ keepalive: 1 })
    await peer.untilClosed()
    expect(performance.now() - startedAt).toBeGreaterThan(1_400)
    expect(performance.now() - startedAt).toBeLessThan(2_800)
  })

  it('is renewed by any packet [MQTT-3.1.2-23]', async () => {
    const peer = await broker.connect({ keepalive: 1 })
    const says = [
      () => peer.ping(),
      () => peer.publish('a', 'x', { qos: 1 }),
      () => void peer.publish('a', 'x', { qos: 0 }),
    ]
    for (const say of says) {
      await new Promise((resolve) => setTimeout(resolve, 900))
      await say()
    }
    await peer.ping()
    await peer.disconnect()
  })

  it('of zero is none', async () => {
    const peer = await broker.connect({ keepalive: 0 })
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    await peer.ping()
    await peer.disconnect()
  })
})

describe('a control packet', () => {
  it('PINGREQ is answered by PINGRESP [MQTT-3.12.4-1]', async () => {
    const peer = await broker.connect()
    peer.send({ cmd: 'pingreq' })
    expect(await peer.next()).toMatchObject({ cmd: 'pingresp' })
    await peer.disconnect()
  })

  it('DISCONNECT ends the connection at once [MQTT-3.14.4-1, 3.14.4-2]', async () => {
    const peer = await broker.connect()
    peer.send({ cmd: 'disconnect' }, { cmd: 'pingreq' })
    expect(await peer.untilClosed()).toEqual([])
  })

  it.each([
    ['with a reserved flag: PINGREQ [MQTT-2.2.2-2]', [0xc1, 0]],
    ['with a reserved flag: DISCONNECT [MQTT-3.14.1-1]', [0xe1, 0]],
    ['with a reserved flag: PUBACK [MQTT-2.2.2-2]', [0x41, 2, 0, 1]],
    ['of the reserved type 0 [MQTT-4.8.0-1]', [0x00, 0]],
    ['of the reserved type 15 [MQTT-4.8.0-1]', [0xf0, 0]],
    ['that only a broker sends: CONNACK [MQTT-4.8.0-1]', [0x20, 2, 0, 0]],
    ['that only a broker sends: SUBACK [MQTT-4.8.0-1]', [0x90, 3, 0, 1, 0]],
    ['that only a broker sends: UNSUBACK [MQTT-4.8.0-1]', [0xb0, 2, 0, 1]],
    ['that only a broker sends: PINGRESP [MQTT-4.8.0-1]', [0xd0, 0]],
    ['whose length has five bytes [MQTT-4.8.0-1]', [0x30, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ])('%s closes the connection', async (_name, bytes) => {
    const peer = await broker.connect()
    peer.bytes(Buffer.from(bytes))
    expect(await peer.untilClosed()).toEqual([])
  })

  it('may be cut anywhere, and several may come at once', async () => {
    const peer = await broker.connect()
    const stream = Buffer.concat([
      packetBytes(0x82, 0, 1, text('cut'), 1),
      packetBytes(0x32, text('cut'), 0, 2, Buffer.from('first')),
      packetBytes(0xc0),
      packetBytes(0x32, text('cut'), 0, 3, Buffer.from('second')),
    ])
    peer.bytes(stream)
    for (const payload of ['first', 'second']) expect(await peer.receive()).toMatchObject({ payload })
    for (const byte of stream) {
      peer.bytes(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const payload of ['first', 'second']) expect(await peer.receive()).toMatchObject({ payload })
    await peer.disconnect()
  })
})
