import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { startOpenBroker } from '../conformance/mqtt/open-rights.ts'
import { connectPacket, type Line, startLine, temporaryStore, until } from './fixture.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function line(options: Parameters<typeof startLine>[0] = {}): Promise<Line> {
  const started = await startLine(options)
  ends.push(() => started.stop())
  return started
}
const order = {
  slot: 'detergent',
  orderId: '01939b5e-0000-7000-8000-000000000001',
  state: 'shipped',
  sinceMs: 1,
} as const

describe('a broker that writes down what it must know', () => {
  it('loses none of 1000 live retained messages among others, from several clients', async () => {
    const broker = await startOpenBroker()
    ends.push(() => broker.stop())
    const connect = async (clientId: string, clean = true) => {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 4, clientId, clean })
      ends.push(() => client.endAsync(true))
      return client
    }
    const [one, other] = [await connect('one'), await connect('other')]
    const heard = { clean: new Set<string>(), kept: new Set<string>() }
    for (const [clientId, found] of Object.entries(heard)) {
      const reader = await connect(clientId, clientId === 'clean')
      reader.on('message', (_topic, payload) => found.add(payload.toString()))
      await reader.subscribeAsync('#', { qos: 1 })
    }
    const said: Promise<unknown>[] = []
    for (let index = 0; index < 1000; index++) {
      const qos = (index % 2) as 0 | 1
      // Retained messages beyond a device's budget are delivered as well.
      said.push(one.publishAsync(`retained/${index % 7}/x/${index}`, `retained ${index}`, { qos, retain: true }))
      said.push(other.publishAsync('plain', `plain ${index}`, { qos: (1 - qos) as 0 | 1 }))
      if (index % 100 === 99) await Promise.all(said)
    }
    await until(() => heard.clean.size === 2000 && heard.kept.size === 2000)
  })

  it('queues nothing for a filter that was refused beside one that was granted', async () => {
    const broker = await line()
    const password = await broker.add('washer-1')
    await broker.add('washer-2')
    const { send, packets, socket, closed } = await broker.raw()
    send(connectPacket('washer-1', password, { clean: false }))
    const filters = ['#', 'adept/v1/+/command', 'adept/v1/washer-2/command', 'adept/v1/washer-1/command']
    send({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })) })
    await until(() => packets.length === 2)
    expect(packets[1]).toMatchObject({ granted: [128, 128, 128, 1] })
    socket.destroy()
    await closed
    await until(() => broker.broker.connectedCount() === 0)
    await broker.broker.publish('washer-2', 'command', { id: 'secret', name: 'lamp', arguments: {} })
    expect([broker.count('broker_subscriptions'), broker.count('broker_queue')]).toEqual([1, 0])
    await broker.broker.publish('washer-1', 'command', { id: 'own', name: 'lamp', arguments: {} })
    expect(broker.count('broker_queue')).toBe(1)
  })

  it('says that a message is kept when it is, and not when the disk failed', async () => {
    let isBroken = false
    const broker = await line({
      wrapStore: (store) => ({
        commit: async (group, receivedAtMs) => {
          if (isBroken) throw Object.assign(new Error('the disk is full'), { code: 'SQLITE_FULL' })
          return store.commit(group, receivedAtMs)
        },
      }),
    })
    const password = await broker.add('washer-1')
    await broker.broker.publish('washer-1', 'order', order, { retain: true })
    expect(broker.count('broker_retained')).toBe(1)
    isBroken = true
    const next = { ...order, state: 'delivered' } as const
    await expect(broker.broker.publish('washer-1', 'order', next, { retain: true })).rejects.toThrow('could not write')
    // What is in memory only is no session to come back to; one that ends with the connection needs no disk.
    const { send, packets, closed } = await broker.raw()
    send(connectPacket('washer-1', password, { clean: false }))
    await closed
    expect(packets).toEqual([])
    const device = await broker.client('washer-1', password)
    await device.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })

    isBroken = false
    await broker.broker.publish('washer-1', 'command', { id: 'c-1', name: 'lamp', arguments: {} })
    const kept = broker.db.prepare('SELECT payload FROM broker_retained').pluck().all() as Buffer[]
    expect(kept.map((payload) => JSON.parse(payload.toString()))).toEqual([next])
  })

  it('still has sessions and orders after a restart, and tells of neither once stopped', async () => {
    const store = temporaryStore()
    const first = await startLine({ store: { ...store, close: () => undefined } })
    const password = await store.add('washer-1')
    const device = await first.client('washer-1', password, { clean: false })
    await device.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })
    await device.endAsync()
    await until(() => first.broker.connectedCount() === 0)
    await first.broker.publish('washer-1', 'order', order, { retain: true })
    await first.broker.publish('washer-1', 'command', { id: 'c-1', name: 'lamp', arguments: {} })
    await first.stop()
    await expect(
      first.broker.publish('washer-1', 'command', { id: 'c-2', name: 'lamp', arguments: {} }),
    ).rejects.toThrow('stopped')

    const second = await line({ store })
    const { send, packets } = await second.raw()
    send(connectPacket('washer-1', password, { clean: false }))
    await until(() => packets.length === 2)
    expect(packets[0]).toMatchObject({ cmd: 'connack', sessionPresent: true })
    expect(packets[1]).toMatchObject({ cmd: 'publish', topic: 'adept/v1/washer-1/command', qos: 1, dup: false })
    send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'adept/v1/washer-1/order', qos: 1 }] })
    await until(() =>
      packets.some((packet) => packet.cmd === 'publish' && packet.topic.endsWith('/order') && packet.retain),
    )
  })
})
