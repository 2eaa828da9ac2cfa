/** Retained messages, chapter 3.3.1.3 of MQTT 3.1.1. */
import type { QoS } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import type { Peer } from './peer.ts'

let broker: OpenBroker
let peer: Peer
beforeAll(async () => {
  broker = await startOpenBroker()
  peer = await broker.connect({ clientId: 'publisher' })
})
afterAll(() => broker.stop())

describe('a retained message', () => {
  /** Retained messages that a new subscription brings; those of its second filter come last. */
  async function retained(filter: string, qos: QoS = 2) {
    await peer.publish('last-of-all', 'x', { retain: true, qos: 1 })
    const reader = await broker.connect()
    await reader.subscribe([filter, 'last-of-all'], qos)
    const found = []
    for (let message = await reader.receive(); message.topic !== 'last-of-all'; message = await reader.receive()) {
      found.push(message)
    }
    await reader.disconnect()
    return found
  }

  it('is kept, the last of a topic, and given to those who subscribe [MQTT-3.3.1-5, 3.3.1-6, 3.3.1-8]', async () => {
    for (const qos of [0, 1, 2] as const) {
      await peer.publish(`kept/${qos}`, 'first', { retain: true, qos })
      await peer.publish(`kept/${qos}`, 'last', { retain: true, qos })
    }
    const found = await retained('kept/+')
    expect(found.sort((a, b) => a.qos - b.qos)).toEqual(
      [0, 1, 2].map((qos) => ({ topic: `kept/${qos}`, payload: 'last', qos, retain: true, dup: false })),
    )
  })

  it('with QoS 0 takes the place of the one before [MQTT-3.3.1-7]', async () => {
    await peer.publish('replaced', 'first', { retain: true, qos: 1 })
    await peer.publish('replaced', 'last', { retain: true, qos: 0 })
    expect(await retained('replaced')).toMatchObject([{ payload: 'last', qos: 0 }])
  })

  it('comes to those already there as a live one [MQTT-3.3.1-9]', async () => {
    await peer.subscribe('alive', 1)
    await peer.publish('alive', 'x', { retain: true, qos: 1 })
    expect(await peer.receive()).toMatchObject({ payload: 'x', retain: false })
    await peer.unsubscribe('alive')
  })

  it('is removed by an empty one, which is a live message and not kept [MQTT-3.3.1-10, 3.3.1-11]', async () => {
    await peer.subscribe('removed', 1)
    for (const qos of [0, 1, 2] as const) {
      await peer.publish('removed', 'x', { retain: true, qos: 1 })
      await peer.receive()
      await peer.publish('removed', '', { retain: true, qos })
      expect(await peer.receive()).toMatchObject({ payload: '', retain: false })
      expect(await retained('removed')).toEqual([])
    }
    await peer.unsubscribe('removed')
  })

  it('stays when another is published without RETAIN [MQTT-3.3.1-12]', async () => {
    await peer.publish('stays', 'kept', { retain: true, qos: 1 })
    await peer.publish('stays', 'passing', { qos: 1 })
    expect(await retained('stays')).toMatchObject([{ payload: 'kept' }])
  })

  it('is given with no more than the QoS granted [MQTT-3.8.4-6]', async () => {
    for (const qos of [0, 1, 2] as const) await peer.publish(`at-most/${qos}`, 'x', { retain: true, qos })
    for (const granted of [0, 1, 2] as const) {
      const qos = (await retained('at-most/+', granted)).map((message) => message.qos).sort()
      expect(qos).toEqual([0, 1, 2].map((sent) => Math.min(sent, granted)))
    }
  })

  it('is the last of many, whatever their QoS', async () => {
    const publishers = await Promise.all([1, 2, 3].map(() => broker.connect()))
    await Promise.all(
      publishers.map(async (publisher, index) => {
        for (let n = 0; n < 30; n++)
          await publisher.publish(`many/${index}/${n}`, 'x', { retain: true, qos: (n % 3) as QoS })
      }),
    )
    expect(await retained('many/#')).toHaveLength(90)
    for (const publisher of publishers) await publisher.disconnect()
  })
})
