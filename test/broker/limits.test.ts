import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { generate } from 'mqtt-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { createListeners } from '../../gateway/broker/listeners.ts'
import { connectPacket, type Line, level, startLine, until } from './fixture.ts'

let line: Line
afterEach(() => line.stop())

/** The start of a packet that announces `length` bytes. */
function announce(firstByte: number, length: number): Buffer {
  const bytes = [firstByte]
  for (let rest = length; ; rest >>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

describe('the length of a packet', () => {
  it('is cut off at 8 KiB before CONNACK and at 64 KiB after it, as soon as it is announced', async () => {
    line = await startLine()
    const password = await line.add('washer-1')
    const stranger = await line.raw()
    stranger.socket.write(announce(0x10, 8_193))
    await stranger.closed
    expect(stranger.packets).toEqual([])

    const device = await line.raw()
    device.send(connectPacket('washer-1', password))
    await until(() => device.packets.length === 1)
    device.socket.write(announce(0x32, 65_537))
    await device.closed
    expect(device.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }])
  })
  it('may be 64 KiB from the CONNACK on, also while what was queued for the device is on its way to it', async () => {
    line = await startLine({ limits: { messagesPerSecond: 100_000, burstMessages: 100_000 } })
    const password = await line.add('washer-1')
    const topic = 'adept/v1/washer-1/command'
    const before = await line.client('washer-1', password, { clean: false })
    await before.subscribeAsync(topic, { qos: 1 })
    await before.endAsync(true)
    await until(() => line.broker.connectedCount() === 0)
    for (let id = 0; id < 200; id++)
      await line.broker.publish('washer-1', 'command', { id: `${id}`, name: 'pause' } as never)

    const device = await line.raw()
    device.send(connectPacket('washer-1', password, { clean: false }))
    await until(() => device.packets.length > 0)
    const payload = 'x'.repeat(12_000)
    device.send({ cmd: 'publish', topic: 'adept/v1/washer-1/event', payload, qos: 1, messageId: 7 } as never)
    await until(() => device.packets.some(({ cmd }) => cmd === 'puback'))
    await until(() => device.packets.filter(({ cmd }) => cmd === 'publish').length === 200)
  })
  it('may be 64 KiB: the message is then a dead letter and acknowledged', async () => {
    line = await startLine()
    const client = await line.client('washer-1', await line.add('washer-1'))
    await client.publishAsync('adept/v1/washer-1/event', 'x'.repeat(65_000), { qos: 1 })
    expect((await line.devices.deadLetters('home-1', 1))[0]?.reason).toContain('65000 bytes are too many')
  })
  it('does not cost the memory that strangers announce', async () => {
    line = await startLine()
    const before = process.memoryUsage().arrayBuffers
    for (let stranger = 0; stranger < 4; stranger++) {
      const { socket, closed } = await line.raw()
      socket.write(announce(0x10, 100_000_000))
      const flood = Buffer.alloc(1_000_000)
      for (let sent = 0; sent < 20 && !socket.destroyed; sent++) socket.write(flood)
      await closed
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000)
  })
})

it('refuses the connection that is one too many', async () => {
  line = await startLine({ limits: { maxConnections: 2 } })
  for (const deviceId of ['washer-1', 'washer-2']) await line.client(deviceId, await line.add(deviceId))
  const third = await line.raw()
  await third.closed
  expect(line.broker.connectedCount()).toBe(2)
})

it('closes a connection that never says CONNECT', async () => {
  line = await startLine({ limits: { connectTimeoutMs: 50 } })
  const { closed, packets } = await line.raw()
  await closed
  expect(packets).toEqual([])
})

it('stops although somebody is connected who never said CONNECT', async () => {
  line = await startLine()
  const { closed } = await line.raw()
  await line.broker.stop()
  await closed
})

it('closes a connection that publishes to a topic of many levels', async () => {
  line = await startLine()
  const client = await line.client('washer-1', await line.add('washer-1'))
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  client.publish(`adept/v1/washer-1/consumable${'/x'.repeat(5)}`, level(0, 1), { qos: 0 })
  await closed
})

it('disconnects a device that does not read its acks', async () => {
  line = await startLine({ limits: { messagesPerSecond: 1_000_000, burstMessages: 1_000_000 } })
  const password = await line.add('washer-1')
  // Its writes end nowhere: the kernel's own buffers would take millions of acks first.
  const stream = new Duplex({ read: () => undefined, write: () => undefined })
  const failed = once(stream, 'error')
  line.broker.accept({ stream, transport: 'tcp', remoteAddress: '' })
  stream.push(generate(connectPacket('washer-1', password)))
  await until(() => stream.writableLength > 0)
  const connackBytes = stream.writableLength
  const say = (messageId: number) =>
    stream.push(
      generate({
        cmd: 'publish',
        topic: 'adept/v1/washer-1/status',
        payload: 'online',
        qos: 1,
        dup: false,
        retain: false,
        messageId,
      }),
    )
  for (let messageId = 1; messageId <= 16_383; messageId++) say(messageId)
  await until(() => stream.writableLength === connackBytes + 16_383 * 4)
  expect(stream.destroyed).toBe(false)
  say(1)
  expect(await failed).toMatchObject([{ message: 'acks are not read' }])
})

it('says what to do when the port is taken', async () => {
  line = await startLine()
  const second = createListeners({ host: '127.0.0.1', port: line.port, accept: () => undefined })
  await expect(second.start()).rejects.toThrow('another program uses it')
})
