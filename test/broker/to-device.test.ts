import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectPacket, type Line, level, startLine, until } from './fixture.ts'

let line: Line
let password: string
beforeEach(async () => {
  line = await startLine()
  password = await line.add('washer-1')
})
afterEach(() => line.stop())

describe('what a device hears', () => {
  const order = { slot: 'detergent', orderId: '01939b5e-0000-7000-8000-000000000001', sinceMs: 1 }
  it('is its own read topics and nothing else', async () => {
    const client = await line.client('washer-1', password)
    const granted = async (topic: string) => {
      const { packets, send, socket } = await line.raw()
      send(connectPacket('washer-1', password))
      await until(() => packets.length === 1)
      send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] })
      await until(() => packets.length === 2)
      socket.destroy()
      return (packets[1] as { granted: number[] }).granted[0]
    }
    await client.endAsync()
    for (const name of ['command', 'receipt', 'order']) expect(await granted(`adept/v1/washer-1/${name}`)).toBe(1)
    for (const topic of [
      '#',
      '+/+/+/order',
      'adept/v1/+/order',
      'adept/v1/washer-1/#',
      'adept/v1/washer-2/order',
      'adept/v1/washer-1/consumable',
      '$SYS/#',
    ]) {
      expect(await granted(topic)).toBe(128)
    }
  })
  it('is the retained order when it subscribes, until it is cleared', async () => {
    await line.broker.publish('washer-1', 'order', { ...order, state: 'shipped' }, { retain: true })
    const hear = async () => {
      const client = await line.client('washer-1', password)
      const heard: string[] = []
      client.on('message', (_topic, payload) => heard.push(payload.toString()))
      await client.subscribeAsync('adept/v1/washer-1/order', { qos: 1 })
      line.broker.publish('washer-1', 'command', { id: 'c-1', name: 'lamp', arguments: {} })
      await client.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })
      line.broker.publish('washer-1', 'command', { id: 'end', name: 'lamp', arguments: {} })
      await until(() => heard.some((text) => text.includes('end')))
      await client.endAsync()
      return heard.filter((text) => text.includes('orderId'))
    }
    expect((await hear()).map((text) => JSON.parse(text))).toEqual([{ ...order, state: 'shipped' }])
    await line.broker.publish('washer-1', 'order', undefined, { retain: true })
    expect(await hear()).toEqual([])
  })
  it('is a receipt after the commit, the highest seq without a gap below', async () => {
    const client = await line.client('washer-1', password)
    const receipts: unknown[] = []
    client.on('message', (_topic, payload) => receipts.push(JSON.parse(payload.toString())))
    await client.subscribeAsync('adept/v1/washer-1/receipt')
    const report = (seq: number) => client.publishAsync('adept/v1/washer-1/consumable', level(seq, 1000), { qos: 1 })
    await report(0)
    await report(1)
    await report(3)
    await report(2)
    await until(() => receipts.length === 4)
    expect(receipts).toEqual([0, 1, 1, 3].map((seq) => ({ session: 's1', seq })))
  })
  it('loses none of 1000 retained messages among others', async () => {
    const client = await line.client('washer-1', password)
    const orders = new Set<number>()
    const others = new Set<string>()
    client.on('message', (topic, payload) => {
      const body = JSON.parse(payload.toString())
      if (topic.endsWith('/order')) orders.add(body.sinceMs)
      else others.add(payload.toString())
    })
    await client.subscribeAsync(
      ['order', 'command', 'receipt'].map((name) => `adept/v1/washer-1/${name}`),
      { qos: 1 },
    )
    for (let index = 0; index < 1000; index++) {
      line.broker.publish('washer-1', 'order', { ...order, state: 'shipped', sinceMs: index }, { retain: true })
      line.broker.publish('washer-1', 'command', { id: `c-${index}`, name: 'lamp', arguments: {} })
      if (index % 100 === 99) await until(() => orders.size + others.size >= 2 * (index + 1) - 50)
    }
    await until(() => orders.size === 1000 && others.size === 1000)
    line.broker.sendReceipts([{ deviceId: 'washer-1', session: 's1', seq: 5 }])
    await until(() => others.size === 1001)
  })
  it('waits for a device with a persistent session, as many messages as are allowed', async () => {
    await line.stop()
    line = await startLine({ limits: { maxQueuedMessages: 100 } })
    password = await line.add('washer-1')
    const persistent = { clean: false }
    const first = await line.client('washer-1', password, persistent)
    await first.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })
    await first.endAsync()
    await until(() => line.broker.connectedCount() === 0)
    for (let index = 0; index < 150; index++) {
      line.broker.publish('washer-1', 'command', { id: `c-${index}`, name: 'lamp', arguments: {} })
    }
    const heard: string[] = []
    const { send, packets } = await line.raw()
    send(connectPacket('washer-1', password, persistent))
    await until(() => packets.length === 101)
    for (const packet of packets.slice(1))
      if (packet.cmd === 'publish') heard.push(JSON.parse(packet.payload.toString()).id)
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => `c-${index + 50}`))
  })
})
