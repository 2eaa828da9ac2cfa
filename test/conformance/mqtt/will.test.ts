/** The will, chapter 3.1.2.5 of MQTT 3.1.1. */
import type { QoS } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import type { ConnectOptions, Peer } from './peer.ts'

let broker: OpenBroker
let watcher: Peer
beforeAll(async () => {
  broker = await startOpenBroker()
  watcher = await broker.connect({ clientId: 'watcher' })
  await watcher.subscribe('will/#', 2)
})
afterAll(() => broker.stop())

/** A client whose will says `gone` on a topic of its own. */
const mortal = (name: string, options: ConnectOptions & { willQos?: QoS; willRetain?: boolean } = {}) => {
  const { willQos = 0, willRetain = false, ...more } = options
  const will = { topic: `will/${name}`, payload: Buffer.from('gone'), qos: willQos, retain: willRetain }
  return broker.connect({ clientId: name, will, ...more })
}

describe('the will', () => {
  it.each([0, 1, 2] as const)(
    'of QoS %i is published when the connection breaks [MQTT-3.1.2-8, 3.1.2-12]',
    async (qos) => {
      const peer = await mortal(`broken-${qos}`, { willQos: qos })
      await peer.drop()
      expect(await watcher.receive()).toEqual({
        topic: `will/broken-${qos}`,
        payload: 'gone',
        qos,
        retain: false,
        dup: false,
      })
    },
  )

  it('is published when the keepalive runs out [MQTT-3.1.2-24]', async () => {
    const peer = await mortal('silent', { keepalive: 1 })
    await peer.untilClosed()
    expect((await watcher.receive()).topic).toBe('will/silent')
  })

  it('is published when the broker closes a connection for an error [MQTT-3.1.2-8]', async () => {
    const peer = await mortal('faulty')
    peer.bytes(0xf0, 0)
    await peer.untilClosed()
    expect((await watcher.receive()).topic).toBe('will/faulty')
  })

  it('is published when the client id is taken over [MQTT-3.1.4-2]', async () => {
    await mortal('taken')
    const second = await mortal('taken')
    expect((await watcher.receive()).topic).toBe('will/taken')
    await second.disconnect()
  })

  it('is dropped by DISCONNECT, and does not come later [MQTT-3.1.2-10, 3.14.4-3]', async () => {
    const peer = await mortal('polite', { clean: false })
    await peer.disconnect()
    const again = await broker.connect({ clientId: 'polite', clean: false })
    await again.drop()
    await (await mortal('after-polite')).drop()
    expect((await watcher.receive()).topic).toBe('will/after-polite')
  })

  it('is published once', async () => {
    for (const name of ['once', 'once']) await (await mortal(name)).drop()
    await (await mortal('after-once')).drop()
    const topics = []
    for (let n = 0; n < 3; n++) topics.push((await watcher.receive()).topic)
    expect(topics).toEqual(['will/once', 'will/once', 'will/after-once'])
  })

  it('is retained when it says so, and only then [MQTT-3.1.2-16, 3.1.2-17]', async () => {
    await (await mortal('kept', { willRetain: true, willQos: 1 })).drop()
    await (await mortal('passing', { willQos: 1 })).drop()
    for (let n = 0; n < 2; n++) expect(await watcher.receive()).toMatchObject({ retain: false })
    const late = await broker.connect()
    await late.subscribe('will/+', 1)
    expect(await late.receive()).toMatchObject({ topic: 'will/kept', retain: true })
    await late.publish('will/live', 'x', { qos: 1 })
    expect(await late.receive()).toMatchObject({ topic: 'will/live' })
    await late.publish('will/kept', '', { qos: 1, retain: true })
    await late.disconnect()
  })
})
