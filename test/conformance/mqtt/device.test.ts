/** MQTT 3.1.1 as a device meets it: with its own rights only, and readings on disk before they are acknowledged. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HOME, type Line, level, startLine } from '../../broker/fixture.ts'
import { type ConnectOptions, connectPacket, Peer } from './peer.ts'

let line: Line
let password: string
beforeEach(async () => {
  line = await startLine()
  password = await line.add('washer-1')
})
afterEach(() => line.stop())

const topic = (name: string) => `adept/v1/washer-1/${name}`
const credentials = (options: ConnectOptions = {}): ConnectOptions => ({
  clientId: 'washer-1',
  username: 'washer-1',
  password: Buffer.from(password),
  ...options,
})
const connect = (options?: ConnectOptions) => Peer.connect(line.port, credentials(options))
const report = (seq: number, qos: 0 | 1 | 2, dup = false) =>
  ({
    cmd: 'publish',
    topic: topic('consumable'),
    payload: level(seq, 500),
    qos,
    messageId: seq + 1,
    dup,
    retain: false,
  }) as const

describe('CONNECT of a device', () => {
  it.each([
    ['a name that is no device id: CONNACK 2 [MQTT-3.1.3-9]', { clientId: 'Washer 1' }, 2],
    ['no client id, and no session to keep: CONNACK 2 [MQTT-3.1.3-8]', { clientId: '' }, 2],
    ['a wrong password: CONNACK 4', { password: Buffer.from('wrong') }, 4],
    ['another user name: CONNACK 4', { username: 'washer-2' }, 4],
    [
      'a will that is not its own "offline": CONNACK 5',
      { will: { topic: 'adept/v1/washer-2/status', payload: 'offline' } },
      5,
    ],
  ])(
    'with %s; then the connection is closed, and what follows is not looked at [MQTT-3.2.2-4, 3.2.2-5, 3.1.4-5]',
    async (_name, wrong, returnCode) => {
      const peer = await Peer.open(line.port)
      peer.send(connectPacket(credentials(wrong)), report(0, 1))
      expect(await peer.next()).toMatchObject({ cmd: 'connack', returnCode, sessionPresent: false })
      expect(await peer.untilClosed()).toEqual([])
      expect(line.count('readings')).toBe(0)
    },
  )

  it('takes over from its other connection [MQTT-3.1.4-2]', async () => {
    const first = await connect()
    const second = await connect()
    expect(await first.untilClosed()).toEqual([])
    await second.ping()
    expect(line.broker.connectedCount()).toBe(1)
  })
})

describe('PUBLISH of a device', () => {
  it('is answered in the order in which it came [MQTT-4.6.0-2, 4.6.0-3]', async () => {
    const peer = await connect()
    peer.send(...[0, 1, 2, 3].map((seq) => report(seq, 1)))
    for (const seq of [0, 1, 2, 3]) expect(await peer.next()).toMatchObject({ cmd: 'puback', messageId: seq + 1 })
    expect(line.count('readings')).toBe(4)
  })

  it('with QoS 2 is taken once [MQTT-4.3.3-2]', async () => {
    const peer = await connect()
    peer.send(report(0, 2))
    expect(await peer.next()).toMatchObject({ cmd: 'pubrec', messageId: 1 })
    peer.send(report(0, 2, true))
    expect(await peer.next()).toMatchObject({ cmd: 'pubrec', messageId: 1 })
    peer.send({ cmd: 'pubrel', messageId: 1 })
    expect(await peer.next()).toMatchObject({ cmd: 'pubcomp', messageId: 1 })
    expect(line.count('readings')).toBe(1)
  })

  it('with QoS 0 is not answered, and stored too [MQTT-3.3.4-1]', async () => {
    const peer = await connect()
    peer.send(report(0, 0), report(1, 1))
    expect(await peer.next()).toMatchObject({ cmd: 'puback', messageId: 2 })
    expect(line.count('readings')).toBe(2)
  })

  it('to where it may not write closes the connection [MQTT-3.3.5-2]', async () => {
    for (const elsewhere of ['adept/v1/washer-2/consumable', topic('command'), '$SYS/broker', 'washer-1']) {
      const peer = await connect()
      peer.send({ ...report(0, 1), topic: elsewhere })
      expect(await peer.untilClosed()).toEqual([])
    }
    expect(line.count('readings')).toBe(0)
  })
})

describe('what a device reads', () => {
  it('is its own: other filters and wildcards are refused, one by one [MQTT-3.8.4-5, 3.9.3-2]', async () => {
    const peer = await connect()
    const filters = [
      topic('order'),
      '#',
      topic('+'),
      'adept/v1/+/command',
      '$SYS/#',
      topic('consumable'),
      topic('command'),
    ]
    expect(await peer.subscribe(filters, 1)).toEqual([1, 128, 128, 128, 128, 128, 1])
  })

  it('comes while it is there, and ends with UNSUBSCRIBE [MQTT-3.10.4-2]', async () => {
    const peer = await connect()
    await peer.subscribe([topic('command'), topic('order')], 1)
    line.broker.publish('washer-1', 'command', { id: 'c-1', name: 'lamp', arguments: {} })
    expect(await peer.receive()).toMatchObject({ topic: topic('command'), qos: 1, retain: false, dup: false })
    await peer.unsubscribe(topic('command'))
    line.broker.publish('washer-1', 'command', { id: 'c-2', name: 'lamp', arguments: {} })
    line.broker.publish('washer-1', 'order', undefined)
    expect(await peer.receive()).toMatchObject({ topic: topic('order') })
  })

  it('waits for one that keeps its session, and not for one that does not [MQTT-3.1.2-5, 3.1.2-6]', async () => {
    for (const clean of [false, true]) {
      const before = await connect({ clean })
      await before.subscribe(topic('command'), 1)
      await before.disconnect()
      line.broker.publish('washer-1', 'command', { id: `c-${clean}`, name: 'lamp', arguments: {} })
      const after = await connect({ clean })
      expect(after.sessionPresent).toBe(!clean)
      await after.subscribe(topic('order'), 1)
      line.broker.publish('washer-1', 'order', undefined)
      const first = await after.receive()
      expect(first.topic).toBe(clean ? topic('order') : topic('command'))
      await after.disconnect()
    }
  })

  it('is the last order of a slot when it subscribes, also after a clean session [MQTT-3.3.1-6, 3.1.2-7]', async () => {
    for (const state of ['quoted', 'shipped'] as const) {
      const order = { slot: 'detergent', orderId: '0193f1d0-0000-7000-8000-000000000000', state, sinceMs: 1 }
      line.broker.publish('washer-1', 'order', order, { retain: true })
    }
    const peer = await connect({ clean: true })
    await peer.subscribe(topic('order'), 1)
    const { payload, retain } = await peer.receive()
    expect(JSON.parse(payload)).toMatchObject({ state: 'shipped' })
    expect(retain).toBe(true)
  })
})

describe('the will of a device', () => {
  const status = async () => (await line.devices.get(HOME, 'washer-1'))?.status
  const will = { topic: topic('status'), payload: Buffer.from('offline'), qos: 1, retain: true } as const
  beforeEach(async () => {
    const peer = await connect()
    await peer.publish(topic('status'), 'online', { qos: 1, retain: true })
    await peer.disconnect()
  })

  it('says offline when the connection breaks [MQTT-3.1.2-8]', async () => {
    const peer = await connect({ will })
    await peer.drop()
    await expect.poll(status).toBe('offline')
  })

  it('says nothing after DISCONNECT [MQTT-3.1.2-10]', async () => {
    const peer = await connect({ will })
    await peer.disconnect()
    await (await connect()).publish(topic('consumable'), level(0, 500), { qos: 1 })
    expect(await status()).toBe('online')
  })
})
