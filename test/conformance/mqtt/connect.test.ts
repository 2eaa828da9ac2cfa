/** CONNECT and CONNACK, chapters 3.1 and 3.2 of MQTT 3.1.1 (OASIS, 29 October 2014). */
import { generate } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import { connectPacket, packetBytes, text } from './peer.ts'

let broker: OpenBroker
beforeAll(async () => {
  broker = await startOpenBroker()
})
afterAll(() => broker.stop())

const CONNECT = 0x10
const CLEAN = 0x02
const KEEPALIVE = Buffer.from([0, 0])
/** A CONNECT as bytes: its flags may contradict what follows, its texts need not be texts. */
const connectBytes = (flags: number, payload: Buffer[], { name = 'MQTT', level = 4 } = {}) =>
  packetBytes(CONNECT, text(name), level, flags, KEEPALIVE, ...payload)

/** What the broker says to these bytes before it closes the connection. */
async function answerTo(bytes: Buffer) {
  const peer = await broker.open()
  peer.bytes(bytes)
  return peer.untilClosed()
}

describe('CONNECT', () => {
  it.each([
    ['PUBLISH', packetBytes(0x30, text('a'), Buffer.from('1'))],
    ['SUBSCRIBE', packetBytes(0x82, 0, 1, text('a'), 0)],
    ['PINGREQ', packetBytes(0xc0)],
    ['DISCONNECT', packetBytes(0xe0)],
  ])('is the first packet: %s before it closes the connection [MQTT-3.1.0-1]', async (_name, bytes) => {
    expect(await answerTo(bytes)).toEqual([])
  })

  it('comes once [MQTT-3.1.0-2]', async () => {
    const peer = await broker.connect({ clientId: 'twice' })
    peer.send(connectPacket({ clientId: 'twice' }))
    expect(await peer.untilClosed()).toEqual([])
  })

  it('with another protocol name closes the connection [MQTT-3.1.2-1]', async () => {
    expect(await answerTo(connectBytes(CLEAN, [text('a')], { name: 'hj' }))).toEqual([])
  })

  it.each([5, 6, 3])('of protocol level %i is answered by CONNACK 1 [MQTT-3.1.2-2]', async (level) => {
    const peer = await broker.open()
    const properties = level === 5 ? [Buffer.of(0)] : []
    peer.bytes(connectBytes(CLEAN, [...properties, text('a')], { level }))
    expect(await peer.next('connack')).toMatchObject({ returnCode: 1, sessionPresent: false })
    await peer.untilClosed()
  })

  it.each([
    ['a reserved flag that is set [MQTT-3.1.2-3]', 0x03, [text('a')]],
    ['a will QoS without a will [MQTT-3.1.2-13]', 0x0a, [text('a')]],
    ['a will QoS of 3 [MQTT-3.1.2-14]', 0x1e, [text('a'), text('will'), text('gone')]],
    ['a will to be retained without a will [MQTT-3.1.2-15]', 0x22, [text('a')]],
    ['a password without a user name [MQTT-3.1.2-22]', 0x42, [text('a'), text('secret')]],
    ['flags that promise more fields than there are [MQTT-3.1.2-9, 3.1.2-19, 3.1.2-21]', 0xc6, [text('a')]],
    ['a client id that is no UTF-8 [MQTT-3.1.3-4, 1.5.3-1]', CLEAN, [text(Buffer.from([0x61, 0xc3, 0x28]))]],
    ['a client id with U+0000 [MQTT-1.5.3-2]', CLEAN, [text('a\0b')]],
    ['a will topic with a wildcard [MQTT-3.1.3-10, 4.7.1-1]', 0x06, [text('a'), text('will/#'), text('gone')]],
  ])('with %s closes the connection without CONNACK [MQTT-3.1.4-1]', async (_name, flags, payload) => {
    expect(await answerTo(connectBytes(flags, payload))).toEqual([])
  })

  it('takes client ids of 1 to 23 letters and digits [MQTT-3.1.3-3, 3.1.3-5]', async () => {
    for (const clientId of ['a', 'ABCDEFGHIJKLMNOPQRSTUVW', 'abcdefghijklmnopqrstuvw', '0123456789xyzXYZ0123456']) {
      const peer = await broker.connect({ clientId })
      await peer.ping()
      await peer.disconnect()
    }
  })

  it('without a client id gets one of its own for a clean session [MQTT-3.1.3-6, 3.1.3-7]', async () => {
    const [first, second] = [await broker.connect({ clientId: '' }), await broker.connect({ clientId: '' })]
    await first.ping()
    await second.ping()
    await first.drop()
    await second.drop()
  })

  it('without a client id is refused with CONNACK 2 for a session to keep [MQTT-3.1.3-8]', async () => {
    const peer = await broker.open()
    peer.bytes(connectBytes(0, [text('')]))
    expect(await peer.next()).toMatchObject({ cmd: 'connack', returnCode: 2, sessionPresent: false })
    expect(await peer.untilClosed()).toEqual([])
  })

  it('of the same client id disconnects the first [MQTT-3.1.4-2]', async () => {
    const first = await broker.connect({ clientId: 'taken-over' })
    const second = await broker.connect({ clientId: 'taken-over' })
    expect(await first.untilClosed()).toEqual([])
    await second.ping()
    await second.disconnect()
  })

  it('may come byte by byte', async () => {
    const peer = await broker.open()
    for (const byte of generate(connectPacket({ clientId: 'slow' }))) {
      peer.bytes(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await peer.next()).toMatchObject({ cmd: 'connack', returnCode: 0 })
    await peer.disconnect()
  })
})

describe('CONNACK', () => {
  it('is the first answer, also to a client that does not wait for it [MQTT-3.1.4-4, 3.2.0-1]', async () => {
    const peer = await broker.open()
    peer.send(
      connectPacket({ clientId: 'hasty' }),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'hasty', qos: 1 }] },
      { cmd: 'publish', topic: 'hasty', payload: 'x', qos: 1, messageId: 2, dup: false, retain: false },
    )
    expect((await peer.next()).cmd).toBe('connack')
    expect(await peer.next('suback')).toMatchObject({ messageId: 1 })
    expect(await peer.next('puback')).toMatchObject({ messageId: 2 })
    await peer.drop()
  })

  it('says whether there is a session [MQTT-3.1.2-4, 3.2.2-1, 3.2.2-2, 3.2.2-3]', async () => {
    const present = async (clean: boolean) => {
      const peer = await broker.connect({ clientId: 'present', clean })
      await peer.subscribe('present', 1)
      await peer.disconnect()
      return peer.sessionPresent
    }
    expect(await present(false)).toBe(false)
    expect(await present(false)).toBe(true)
    expect(await present(true)).toBe(false)
    expect(await present(false)).toBe(false)
  })

  it('says so too of a session without subscriptions [MQTT-3.2.2-2]', async () => {
    await (await broker.connect({ clientId: 'bare', clean: false })).disconnect()
    const again = await broker.connect({ clientId: 'bare', clean: false })
    expect(again.sessionPresent).toBe(true)
    await again.disconnect()
  })
})
