/** SUBSCRIBE, UNSUBSCRIBE and topic filters, chapters 3.8 to 3.11 and 4.7 of MQTT 3.1.1. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, REFUSED_FILTER, startOpenBroker } from './open-rights.ts'
import { type Peer, packetBytes, text } from './peer.ts'

let broker: OpenBroker
let peer: Peer
beforeAll(async () => {
  broker = await startOpenBroker()
  peer = await broker.connect({ clientId: 'subscriber' })
})
afterAll(() => broker.stop())

const SUBSCRIBE = 0x82
const UNSUBSCRIBE = 0xa2

describe('SUBSCRIBE', () => {
  it('is answered with its packet id, filter by filter in their order, 128 for a refused one [MQTT-3.8.4-1, 3.8.4-2, 3.8.4-5, 3.9.3-1, 3.9.3-2]', async () => {
    peer.send({
      cmd: 'subscribe',
      messageId: 65_535,
      subscriptions: [
        { topic: 'several/0', qos: 0 },
        { topic: REFUSED_FILTER, qos: 2 },
        { topic: 'several/+', qos: 2 },
        { topic: 'several/1', qos: 1 },
      ],
    })
    expect(await peer.next()).toMatchObject({ cmd: 'suback', messageId: 65_535, granted: [0, 128, 2, 1] })
    await peer.unsubscribe('several/0', 'several/+', 'several/1')
  })

  it('of several filters is as good as several of one [MQTT-3.8.4-4]', async () => {
    const filters = ['all/a', 'all/b', 'all/c']
    await peer.subscribe(filters, 1)
    for (const topic of filters) {
      await peer.publish(topic, 'x', { qos: 1 })
      expect(await peer.receive()).toMatchObject({ topic, qos: 1 })
    }
    await peer.unsubscribe(...filters)
  })

  it.each([
    ['a topic', (name: string) => `granted/${name}`],
    ['a wildcard', (name: string) => `granted/${name}/#`],
  ])('of %s grants a QoS, and no message comes with a higher one [MQTT-3.8.4-6, 3.9.3-2]', async (_kind, filterOf) => {
    for (const granted of [0, 1, 2] as const) {
      expect(await peer.subscribe(filterOf(`${granted}`), granted)).toEqual([granted])
      for (const sent of [0, 1, 2] as const) {
        await peer.publish(`granted/${granted}`, `${sent}`, { qos: sent })
        expect(await peer.receive()).toMatchObject({ payload: `${sent}`, qos: Math.min(sent, granted) })
      }
      await peer.unsubscribe(filterOf(`${granted}`))
    }
  })

  it('of the same filter takes the place of the one before, and brings what is retained again [MQTT-3.8.4-3]', async () => {
    await peer.publish('again', 'kept', { qos: 1, retain: true })
    for (const qos of [1, 1, 0, 2] as const) {
      expect(await peer.subscribe('again', qos)).toEqual([qos])
      expect(await peer.receive()).toMatchObject({ payload: 'kept', retain: true, qos: Math.min(qos, 1) })
    }
    await peer.publish('again', 'live', { qos: 2 })
    expect(await peer.receive()).toMatchObject({ payload: 'live', qos: 2 })
    await peer.publish('again', 'once', { qos: 2 })
    expect(await peer.receive()).toMatchObject({ payload: 'once' })
    await peer.unsubscribe('again')
    await peer.publish('again', '', { qos: 1, retain: true })
  })

  it('with overlapping filters brings a message with the highest QoS of them [MQTT-3.3.5-1]', async () => {
    await peer.subscribe(['overlap/#'], 2)
    await peer.subscribe(['+/c'], 1)
    await peer.publish('overlap/c', 'first', { qos: 2 })
    expect(await peer.receive()).toMatchObject({ payload: 'first', qos: 2 })
    // The broker may send one for each filter; ours sends one.
    await peer.publish('overlap/c', 'second', { qos: 1 })
    expect(await peer.receive()).toMatchObject({ payload: 'second', qos: 1 })
    await peer.unsubscribe('overlap/#', '+/c')
  })

  it.each([
    ['flags other than 0010 [MQTT-3.8.1-1]', 0x80, [0, 1, text('a'), 0]],
    ['packet id 0 [MQTT-2.3.1-1]', SUBSCRIBE, [0, 0, text('a'), 0]],
    ['no filter [MQTT-3.8.3-3]', SUBSCRIBE, [0, 1]],
    ['QoS 3 [MQTT-3.8.3-4]', SUBSCRIBE, [0, 1, text('a'), 3]],
    ['reserved bits that are set [MQTT-3.8.3-4]', SUBSCRIBE, [0, 1, text('a'), 4]],
    ['a filter without its QoS [MQTT-3.8.3-4]', SUBSCRIBE, [0, 1, text('a')]],
    ['an empty filter [MQTT-4.7.3-1]', SUBSCRIBE, [0, 1, text(''), 0]],
    ['U+0000 in a filter [MQTT-4.7.3-2, 1.5.3-2]', SUBSCRIBE, [0, 1, text('a\0'), 0]],
    ['a filter that is no UTF-8 [MQTT-3.8.3-1, 1.5.3-1]', SUBSCRIBE, [0, 1, text(Buffer.from([0xed, 0xa0, 0x80])), 0]],
    ['# inside a level [MQTT-4.7.1-2]', SUBSCRIBE, [0, 1, text('a#'), 0]],
    ['# before the last level [MQTT-4.7.1-2]', SUBSCRIBE, [0, 1, text('a/#/b'), 0]],
    ['+ at the end of a level [MQTT-4.7.1-3]', SUBSCRIBE, [0, 1, text('a+'), 0]],
    ['+ at the beginning of a level [MQTT-4.7.1-3]', SUBSCRIBE, [0, 1, text('+a/b'), 0]],
  ])('with %s closes the connection', async (_name, firstByte, parts) => {
    const faulty = await broker.connect()
    faulty.bytes(packetBytes(firstByte, ...parts))
    expect(await faulty.untilClosed()).toEqual([])
  })
})

describe('a topic filter', () => {
  it.each([
    [
      'sport/tennis/player1/#',
      ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/won'],
      ['sport/tennis/player10', 'sport/tennis'],
    ],
    ['sport/tennis/+', ['sport/tennis/player1', 'sport/tennis/'], ['sport/tennis', 'sport/tennis/player1/ranking']],
    ['sport/+/ranking', ['sport/tennis/ranking', 'sport//ranking'], ['sport/ranking', 'sport/a/b/ranking']],
    ['+', ['finance', ''.padEnd(40, 'x')], ['/finance', 'a/b']],
    ['+/+', ['/finance', 'a/b', 'a/'], ['finance', '/a/b']],
    ['/+', ['/finance'], ['finance']],
    ['#', ['finance', '/finance', 'a/b/c'], ['$data/a', '$SYS/x']],
    ['+/monitor/c', ['a/monitor/c'], ['$data/monitor/c']],
    ['$data/#', ['$data/a', '$data'], ['data/a']],
    ['$data/monitor/+', ['$data/monitor/c'], ['$data/monitor']],
    ['ACCOUNTS', ['ACCOUNTS'], ['Accounts', 'accounts']],
    ['a b', ['a b'], ['a', 'ab']],
  ])(
    '%s matches what it should and no more [MQTT-4.7.1-2, 4.7.1-3, 4.7.2-1, 4.7.3-4, 3.3.2-3]',
    async (filter, matching, others) => {
      const reader = await broker.connect()
      await reader.subscribe([filter, 'end-of-match'], 0)
      // What does not match goes first: had it come, it would come before the rest.
      for (const topic of [...others, ...matching, 'end-of-match']) await peer.publish(topic, 'x')
      const seen = []
      for (let next = await reader.receive(); next.topic !== 'end-of-match'; next = await reader.receive()) {
        seen.push(next.topic)
      }
      expect(seen).toEqual(matching)
      await reader.disconnect()
    },
  )
})

describe('UNSUBSCRIBE', () => {
  it('is answered with its packet id, also when nothing ends with it [MQTT-3.10.4-4, 3.10.4-5, 2.3.1-7]', async () => {
    peer.send({ cmd: 'unsubscribe', messageId: 77, unsubscriptions: ['never', 'subscribed/+'] })
    expect(await peer.next()).toMatchObject({ cmd: 'unsuback', messageId: 77 })
  })

  it('ends what it names, character by character, and nothing else [MQTT-3.10.4-1, 3.10.4-2, 3.10.4-6]', async () => {
    await peer.subscribe(['end/a', 'end/b', 'end/c', 'end/+/d'], 2)
    await peer.unsubscribe('end/a', 'end/b', 'END/c', 'end/+', 'end/x/d')
    for (const topic of ['end/a', 'end/b', 'end/c', 'end/x/d']) await peer.publish(topic, 'x', { qos: 1 })
    expect((await peer.receive()).topic).toBe('end/c')
    expect((await peer.receive()).topic).toBe('end/x/d')
    await peer.unsubscribe('end/c', 'end/+/d')
  })

  it('leaves what is already on its way to be finished [MQTT-3.10.4-3]', async () => {
    const reader = await broker.connect()
    await reader.subscribe('on-its-way', 2)
    await peer.publish('on-its-way', 'x', { qos: 2 })
    const { messageId } = await reader.next('publish')
    await reader.unsubscribe('on-its-way')
    reader.send({ cmd: 'pubrec', messageId: messageId! })
    expect(await reader.next()).toMatchObject({ cmd: 'pubrel', messageId })
    await reader.disconnect()
  })

  it.each([
    ['flags other than 0010 [MQTT-3.10.1-1]', 0xa0, [0, 1, text('a')]],
    ['packet id 0 [MQTT-2.3.1-1]', UNSUBSCRIBE, [0, 0, text('a')]],
    ['no filter [MQTT-3.10.3-2]', UNSUBSCRIBE, [0, 1]],
    ['a filter that is no UTF-8 [MQTT-3.10.3-1, 1.5.3-1]', UNSUBSCRIBE, [0, 1, text(Buffer.from([0x80]))]],
  ])('with %s closes the connection', async (_name, firstByte, parts) => {
    const faulty = await broker.connect()
    faulty.bytes(packetBytes(firstByte, ...parts))
    expect(await faulty.untilClosed()).toEqual([])
  })
})
