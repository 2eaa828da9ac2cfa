import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { generate, type Packet } from 'mqtt-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { BrokerLimits } from '../../gateway/broker/limits.ts'
import { startDoor } from './door.ts'
import { connectPacket, type Line, level, startLine, until } from './fixture.ts'

let line: Line
afterEach(() => line.stop())

/** So many reports of QoS 1, as one buffer. */
function reports(count: number, deviceId = 'washer-1'): Buffer {
  const packets = Array.from({ length: count }, (_, seq) =>
    generate({
      cmd: 'publish',
      topic: `adept/v1/${deviceId}/consumable`,
      payload: level(seq, 1000),
      qos: 1,
      dup: false,
      retain: false,
      messageId: seq + 1,
    }),
  )
  return Buffer.concat(packets)
}

let password: string
async function connected(more: Record<string, unknown> = {}, deviceId = 'washer-1') {
  const raw = await line.raw()
  password = await line.add(deviceId)
  raw.send(connectPacket(deviceId, password, more))
  await until(() => raw.packets.length > 0)
  expect(raw.packets.shift()).toMatchObject({ cmd: 'connack', returnCode: 0 })
  return raw
}

const acks = (packets: Packet[]) => packets.filter(({ cmd }) => cmd === 'puback').length

describe('a device that sends more than it may', () => {
  it('is read later: nothing is dropped, and nobody else waits', async () => {
    line = await startLine({ limits: { messagesPerSecond: 100, burstMessages: 20 } })
    const other = await line.client('dryer-1', await line.add('dryer-1'))
    const { socket, packets } = await connected()
    const startedAt = performance.now()
    socket.write(reports(220))
    await until(() => acks(packets) > 0)
    await other.publishAsync('adept/v1/dryer-1/consumable', level(0, 1000), { qos: 1 })
    expect(acks(packets)).toBeLessThan(220)
    await until(() => acks(packets) === 220)
    // One chunk, of at most 100 of these reports, may go before its time.
    expect(performance.now() - startedAt).toBeGreaterThan(1_000)
    expect(line.count('readings')).toBe(221)
  })
  it('keeps its debt when it connects again', async () => {
    line = await startLine({ limits: { messagesPerSecond: 100, burstMessages: 20 } })
    const first = await connected()
    first.socket.write(reports(70))
    await until(() => acks(first.packets) === 70)
    const second = await line.client('washer-1', password)
    const startedAt = performance.now()
    await second.publishAsync('adept/v1/washer-1/consumable', level(100, 1000), { qos: 1 })
    await second.publishAsync('adept/v1/washer-1/consumable', level(101, 1000), { qos: 1 })
    expect(performance.now() - startedAt).toBeGreaterThan(200)
  })

  it('is not cut by its keepalive when it spoke while it rests, and is when it was silent [MQTT-3.1.2-24]', async () => {
    // 60 reports are one chunk: a device then rests for two seconds, more than one and a half times its keepalive.
    line = await startLine({ limits: { messagesPerSecond: 30, burstMessages: 1 } })
    const [speaking, silent] = [await connected({ keepalive: 1 }), await connected({ keepalive: 1 }, 'dryer-1')]
    speaking.socket.write(reports(60))
    silent.socket.write(reports(60, 'dryer-1'))
    await until(() => acks(speaking.packets) === 60)
    speaking.send({ cmd: 'pingreq' })
    await silent.closed
    expect(acks(silent.packets)).toBe(60)
    await until(() => speaking.packets.some(({ cmd }) => cmd === 'pingresp') || speaking.socket.closed)
    expect(speaking.socket.closed).toBe(false)
  })
})

describe('a device that connects over and over', () => {
  it('is refused with "server unavailable", whatever its password, and another is not', async () => {
    line = await startLine({ limits: { maxConnectsPerMinute: 2 } })
    password = await line.add('washer-1')
    const outcomes: unknown[] = []
    for (let connect = 0; connect < 4; connect++) {
      outcomes.push(
        await line.client('washer-1', password).then(
          (client) => client.endAsync(true),
          (error: { code: number }) => error.code,
        ),
      )
    }
    expect(outcomes).toEqual([undefined, undefined, 3, 3])
    expect((await line.client('dryer-1', await line.add('dryer-1'))).connected).toBe(true)
  })
  it('is let in all the same while it is cut because the gateway cannot store what it says', async () => {
    line = await startLine({ limits: { maxConnectsPerMinute: 2 } })
    password = await line.add('washer-1')
    line.broker.excuse()
    for (let connect = 0; connect < 4; connect++) await (await line.client('washer-1', password)).endAsync(true)
  })
  it('cannot be brought to it by a stranger without its password', async () => {
    line = await startLine({ limits: { maxConnectsPerMinute: 2 } })
    password = await line.add('washer-1')
    for (let connect = 0; connect < 5; connect++) {
      await expect(line.client('washer-1', 'guessed')).rejects.toMatchObject({ code: 4 })
    }
    expect((await line.client('washer-1', password)).connected).toBe(true)
  })
})

it('disconnects a device that does not read what it is sent', async () => {
  line = await startLine({ limits: { drainTimeoutMs: 100 } })
  password = await line.add('washer-1')
  const stream = new Duplex({ read: () => undefined, write: () => undefined, writableHighWaterMark: 6 })
  const failed = once(stream, 'error')
  line.broker.accept({ stream, transport: 'tcp', remoteAddress: '' })
  stream.push(generate(connectPacket('washer-1', password)))
  await until(() => line.broker.connectedCount() === 1)
  const full = Array.from({ length: 10 }, () => generate({ cmd: 'pingreq' }))
  stream.push(Buffer.concat(full))
  expect(await failed).toMatchObject([{ message: 'drain timeout' }])
  await until(() => line.broker.connectedCount() === 0)
})

it('lets a stranger who holds a place without a word give way', async () => {
  line = await startLine({ limits: { maxPendingConnections: 2 } })
  const silent = [await line.raw(), await line.raw()]
  const client = await line.client('washer-1', await line.add('washer-1'))
  await silent[0]?.closed
  expect(silent[1]?.socket.closed).toBe(false)
  expect(client.connected).toBe(true)
})

it.each(['mqtts', 'wss'])('lets one who does not finish the handshake of %s give way', async (scheme) => {
  line = await startLine()
  const on = { host: '127.0.0.1', port: 0 }
  const limits = BrokerLimits.parse({ maxPendingConnections: 2 })
  const door = await startDoor({ tls: on, webSocket: on, limits })
  const port = Number(new URL(door.url(scheme)).port)
  const silent = Array.from({ length: 2 }, () =>
    connectTcp(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume(),
  )
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  const ca = readFileSync(join(door.dataFolder, 'tls', 'ca.crt'))
  const options = { clientId: 'washer-1', username: 'washer-1', password: await door.add('washer-1'), ca }
  const client = await door.client(door.url(scheme), options)
  await until(() => silent.some(({ closed }) => closed))
  expect(silent.filter(({ closed }) => closed)).toHaveLength(1)
  expect(client.connected).toBe(true)
  for (const socket of silent) socket.destroy()
  await door.stop()
})

it('refuses the subscription that is one too many', async () => {
  line = await startLine({ limits: { maxSubscriptions: 2 } })
  const { send, packets } = await connected()
  const filters = ['command', 'order', 'receipt', 'command'].map((name) => `adept/v1/washer-1/${name}`)
  for (const [index, topic] of filters.entries()) {
    send({ cmd: 'subscribe', messageId: index + 1, subscriptions: [{ topic, qos: 0 }] })
    await until(() => packets.length === index + 1)
  }
  expect(packets.map((packet) => (packet as { granted?: unknown }).granted)).toEqual([[0], [0], [128], [0]])
})

it('disconnects a device that leaves too many QoS 2 messages half done', async () => {
  line = await startLine({ limits: { maxInflightMessages: 3 } })
  const { send, packets, closed } = await connected()
  for (let messageId = 1; messageId <= 4; messageId++) {
    const topic = 'adept/v1/washer-1/consumable'
    send({ cmd: 'publish', topic, payload: level(messageId, 1), qos: 2, dup: false, retain: false, messageId })
    await until(() => packets.length === messageId || messageId === 4)
  }
  await closed
  expect(packets.map(({ cmd }) => cmd)).toEqual(['pubrec', 'pubrec', 'pubrec'])
})
