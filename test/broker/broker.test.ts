import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectPacket, DETERGENT, HOME, type Line, level, startLine, until, WASHER } from './fixture.ts'

let line: Line
let password: string
beforeEach(async () => {
  line = await startLine()
  password = await line.add('washer-1')
})
afterEach(() => line.stop())

/** The close of an mqtt.js client, and the CONNACK code of a refused one. */
const closeOf = (client: { once(event: 'close', listener: () => void): unknown }) =>
  new Promise<void>((resolve) => client.once('close', resolve))
const refusal = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 0,
    (error: { code?: number }) => error.code,
  )

describe('who may connect', () => {
  it('is a device with its own secret', async () => {
    const client = await line.client('washer-1', password)
    expect(client.connected).toBe(true)
    expect(line.broker.connectedCount()).toBe(1)
  })
  it('is nobody with a wrong password, without one, or with another device’s', async () => {
    const other = await line.add('washer-2')
    expect(await refusal(line.client('washer-1', 'wrong'))).toBe(4)
    expect(await refusal(line.client('washer-1', other))).toBe(4)
    expect(await refusal(line.client('washer-1', ''))).toBe(4)
    expect(await refusal(line.client('unknown', password))).toBe(4)
    expect(await refusal(line.client('washer-1', password, { username: 'washer-2' }))).toBe(4)
  })
  it('is nobody with a hostile client id, and the broker goes on', async () => {
    for (const clientId of [
      'constructor',
      '__proto__',
      'toString',
      'Washer-1',
      '../../etc',
      'washer-1/#',
      'a'.repeat(3000),
      '\u0001',
    ]) {
      const { packets, closed, send } = await line.raw()
      send(connectPacket(clientId, password))
      await closed
      expect(packets).toMatchObject([{ cmd: 'connack', returnCode: clientId === 'constructor' ? 4 : 2 }])
    }
    await line.client('washer-1', password)
  })
  it('may be called constructor', async () => {
    const client = await line.client('constructor', await line.add('constructor'))
    await client.publishAsync('adept/v1/constructor/consumable', level(0, 5), { qos: 1 })
    expect(line.count('readings')).toBe(1)
  })
  it('is nobody without a client id: CONNACK 2 with clean session off [MQTT-3.1.3-8], and on', async () => {
    for (const clean of [false, true]) {
      const { packets, closed, socket } = await line.raw()
      // mqtt-packet refuses to write this packet
      const flags = clean ? 0xc2 : 0xc0
      socket.write(Buffer.from([0x10, 18, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, 0, 30, 0, 0, 0, 1, 0x61, 0, 1, 0x62]))
      await closed
      expect(packets).toMatchObject([{ cmd: 'connack', returnCode: 2 }])
    }
  })
  it('speaks MQTT 3.1.1: older and newer versions get CONNACK 1', async () => {
    const old = await line.raw()
    old.send(connectPacket('washer-1', password, { protocolId: 'MQIsdp', protocolVersion: 3 }))
    await old.closed
    expect(old.packets).toMatchObject([{ cmd: 'connack', returnCode: 1 }])
    const five = await line.raw()
    five.send(connectPacket('washer-1', password, { protocolVersion: 5 }))
    await five.closed
    expect(five.packets).toMatchObject([{ cmd: 'connack', returnCode: 1 }])
  })
  it('has no will but offline on its own status', async () => {
    const will = (topic: string, payload: string) =>
      refusal(
        line.client('washer-1', password, { will: { topic, payload: Buffer.from(payload), qos: 1, retain: true } }),
      )
    expect(await will('adept/v1/washer-2/status', 'offline')).toBe(5)
    expect(await will('adept/v1/washer-1/consumable', level(0, 0))).toBe(5)
    expect(await will('adept/v1/washer-1/status', 'online')).toBe(5)
    expect(await will('adept/v1/washer-1/status', 'offline')).toBe(0)
  })
})

describe('what a device may say', () => {
  it('is nothing on a foreign topic: the connection is closed and nothing is kept', async () => {
    for (const topic of [
      'adept/v1/washer-2/consumable',
      'adept/v1/washer-1x/consumable',
      'adept/v1/washer-1/receipt',
      'adept/v1/washer-1/order',
      'adept/v1/washer-1/command',
      'adept/v1/washer-1/command/other',
      '$SYS/broker',
      'consumable',
    ]) {
      const client = await line.client('washer-1', password)
      const closed = closeOf(client)
      client.publish(topic, level(0, 5), { qos: 0 })
      await closed
    }
    expect(line.count('readings') + line.count('dead_letters')).toBe(0)
  })
  it('is on disk when the ack comes, with every QoS', async () => {
    const client = await line.client('washer-1', password)
    await client.publishAsync('adept/v1/washer-1/description', JSON.stringify(WASHER), { qos: 1, retain: true })
    await client.publishAsync('adept/v1/washer-1/consumable', level(0, 1400), { qos: 1 })
    expect(line.count('readings')).toBe(1)
    await client.publishAsync('adept/v1/washer-1/consumable', level(1, 1300), { qos: 2 })
    expect(line.count('readings')).toBe(2)
    client.publish('adept/v1/washer-1/consumable', level(2, 1200), { qos: 0 })
    await until(() => line.count('readings') === 3)
    const device = await line.devices.get(HOME, 'washer-1')
    expect(device?.slots[0]).toMatchObject({ slot: 'detergent', level: { remaining: 1200, mark: 'verified' } })
    expect(device?.slots[0]?.description).toEqual(DETERGENT)
  })
  it('keeps what cannot be read as a dead letter, with a reason and an ack', async () => {
    const client = await line.client('washer-1', password)
    const say = (name: string, payload: string | Buffer) =>
      client.publishAsync(`adept/v1/washer-1/${name}`, payload, { qos: 1, retain: true })
    await say('consumable', '{"session":')
    await say('consumable', level(0, 5).replace('5', 'NaN'))
    await say('consumable', Buffer.from([0xff, 0xfe]))
    await say('telemetry', `{"session":"s1","seq":1,"values":{}}${' '.repeat(20_000)}`)
    await say('weather', 'sunny')
    await say('status', 'busy')
    const letters = await line.devices.deadLetters('home-1', 10)
    expect(letters.map(({ topic, reason }) => [topic.split('/')[3], reason.split(/[:.]/)[0]])).toEqual([
      ['status', 'A status is the plain text online or offline'],
      ['weather', 'No such topic'],
      ['telemetry', '20036 bytes are too many'],
      ['consumable', 'The message is not UTF-8 text'],
      ['consumable', 'The message is not JSON'],
      ['consumable', 'The message is not JSON'],
    ])
    expect(line.count('readings')).toBe(0)
    expect(client.connected).toBe(true)
  })
  it('stores a resend once', async () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const client = await line.client('washer-1', password)
      await client.publishAsync('adept/v1/washer-1/consumable', level(7, 1000), { qos: 1 })
      await client.endAsync()
    }
    expect(line.count('readings')).toBe(1)
  })
  it('acks each message once, many in flight from several devices', async () => {
    await line.stop()
    line = await startLine({ limits: { messagesPerSecond: 100_000, burstMessages: 100_000 } })
    const passwords = await Promise.all(['a', 'b', 'c'].map((id) => line.add(id)))
    const acked = await Promise.all(
      ['a', 'b', 'c'].map(async (id, index) => {
        const { send, packets } = await line.raw()
        send(connectPacket(id, passwords[index]!))
        await until(() => packets.length === 1)
        for (let seq = 0; seq < 500; seq++) {
          send({
            cmd: 'publish',
            topic: `adept/v1/${id}/consumable`,
            payload: level(seq, 5),
            qos: 1,
            messageId: seq + 1,
            dup: false,
            retain: false,
          })
        }
        await until(() => packets.length === 501)
        return packets.slice(1).map((packet) => (packet.cmd === 'puback' ? packet.messageId : undefined))
      }),
    )
    for (const ids of acked) expect(ids).toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
    expect(line.count('readings')).toBe(1500)
    expect(line.commits()).toBeLessThan(1500)
  })
  it('hands over the result of a command', async () => {
    const client = await line.client('washer-1', password)
    await client.publishAsync('adept/v1/washer-1/command/result', '{"id":"c-81","ok":true}', { qos: 1 })
    expect(line.results).toEqual([{ deviceId: 'washer-1', result: { id: 'c-81', ok: true } }])
  })
})

describe('status', () => {
  const statusOf = async () => (await line.devices.get(HOME, 'washer-1'))?.status
  const will = { topic: 'adept/v1/washer-1/status', payload: Buffer.from('offline'), qos: 1 as const, retain: true }
  it('becomes offline when the connection breaks', async () => {
    const client = await line.client('washer-1', password, { will })
    await client.publishAsync(will.topic, 'online', { qos: 1, retain: true })
    expect(await statusOf()).toBe('online')
    client.stream.destroy()
    await expect.poll(statusOf).toBe('offline')
  })
  it('is online after a second connection of the same device took over', async () => {
    const first = await line.client('washer-1', password, { will })
    const firstClosed = closeOf(first)
    const second = await line.client('washer-1', password, { will })
    await second.publishAsync(will.topic, 'online', { qos: 1, retain: true })
    await firstClosed
    expect(await statusOf()).toBe('online')
  })
  it('is offline after the broker has stopped', async () => {
    const client = await line.client('washer-1', password, { will })
    await client.publishAsync(will.topic, 'online', { qos: 1, retain: true })
    await line.broker.stop()
    expect(line.db.prepare('SELECT status FROM devices').get()).toEqual({ status: 'offline' })
  })
})
