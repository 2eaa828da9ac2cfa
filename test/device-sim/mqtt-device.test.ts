import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from 'aedes'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEMO_WASHER_DESCRIPTION } from '../../device-sim/models/demo-washer.ts'
import { type DeviceReport, MqttDevice, sessionOf } from '../../device-sim/mqtt-device.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import type { OrderMessage } from '../../gateway/wire/messages.ts'

const PASSWORD = 'open sesame'
const LEVEL: DeviceReport = { topic: 'consumable', slot: 'detergent', remaining: 420, unit: 'ml', measuredAtMs: 1 }
const EVENT: DeviceReport = { topic: 'event', type: 'cycle-started', measuredAtMs: 2 }

let aedes: Aedes
let server: Server
let url: string
const devices: MqttDevice[] = []

beforeEach(async () => {
  aedes = await Aedes.createBroker()
  aedes.authenticate = (_client, _name, password, done) => {
    const ok = password?.toString() === PASSWORD
    done(ok ? null : (Object.assign(new Error('no'), { returnCode: 4 }) as AuthenticateError), ok)
  }
  server = createServer(aedes.handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  for (const device of devices.splice(0)) await device.close()
  await new Promise<void>((resolve) => aedes.close(resolve))
  server.close()
})

function washer(onOrder: (message: OrderMessage) => void = () => undefined, password = PASSWORD): MqttDevice {
  const session = sessionOf(new Seed('1'), 1)
  const device = new MqttDevice({
    url,
    deviceId: 'washer-1',
    password,
    description: DEMO_WASHER_DESCRIPTION,
    session,
    onOrder,
  })
  devices.push(device)
  return device
}

/** What arrives on `adept/v1/washer-1/…`, as [name, payload], oldest first; `next` waits for one of that name. */
function listen() {
  const seen: [string, string][] = []
  const waiting: { name: string; resolve(payload: string): void }[] = []
  aedes.on('publish', (packet: PublishPacket | { topic: string; payload: Buffer }) => {
    const name = packet.topic.replace('adept/v1/washer-1/', '')
    if (name === packet.topic) return
    const payload = packet.payload.toString()
    seen.push([name, payload])
    const index = waiting.findIndex((wait) => wait.name === name)
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(payload)
  })
  const next = (name: string) => new Promise<string>((resolve) => waiting.push({ name, resolve }))
  return { seen, next }
}

function tell(name: string, body: unknown, retain = false): Promise<void> {
  const packet = {
    cmd: 'publish',
    topic: `adept/v1/washer-1/${name}`,
    payload: JSON.stringify(body),
    qos: 1,
    retain,
    dup: false,
  } as const
  return new Promise((resolve, reject) => aedes.publish(packet, (error) => (error ? reject(error) : resolve())))
}

function shipped(): OrderMessage {
  return { slot: 'detergent', orderId: randomUUID(), state: 'shipped', sinceMs: 7 }
}

describe('on the wire', () => {
  test('it introduces itself, and says goodbye', async () => {
    const { seen } = listen()
    const device = washer()
    await device.connect()
    await device.close()
    expect(seen).toEqual([
      ['description', JSON.stringify(DEMO_WASHER_DESCRIPTION)],
      ['status', 'online'],
      ['status', 'offline'],
    ])
  })

  test('its will speaks when the connection is cut, and it comes back by itself', async () => {
    const connected = once(aedes, 'client')
    await washer().connect()
    const [client] = (await connected) as [Client]
    const { seen, next } = listen()
    const back = next('status').then(() => next('status'))
    client.conn.destroy()
    await back
    expect(seen.filter(([name]) => name === 'status')).toEqual([
      ['status', 'offline'],
      ['status', 'online'],
    ])
  })

  test('one seq rises over all reports of a boot, whose session follows from the seed', async () => {
    const { seen } = listen()
    const device = washer()
    await device.connect()
    for (const report of [LEVEL, EVENT, LEVEL]) await device.report(report)
    const reports = seen
      .filter(([name]) => name === 'consumable' || name === 'event')
      .map(([, body]) => JSON.parse(body))
    expect(reports.map(({ seq }) => seq)).toEqual([0, 1, 2])
    expect(new Set(reports.map(({ session }) => session))).toEqual(new Set([sessionOf(new Seed('1'), 1)]))
    expect(sessionOf(new Seed('1'), 2)).not.toBe(sessionOf(new Seed('1'), 1))
  })

  test('a report is done when it is acknowledged, not before; a lost one is sent again with the same seq', async () => {
    const device = washer()
    await device.connect()
    const bodies: string[] = []
    const held = Promise.withResolvers<() => void>()
    aedes.authorizePublish = (client, packet, done) => {
      if (!packet.topic.endsWith('/consumable')) return done(null)
      bodies.push(packet.payload.toString())
      if (bodies.length > 1) return done(null)
      held.resolve(() => void client?.conn.destroy())
    }
    let done = false
    const reported = device.report(LEVEL).then(() => {
      done = true
    })
    const cut = await held.promise
    expect(done).toBe(false)
    cut()
    await reported
    expect(bodies.length).toBe(2)
    expect(bodies[1]).toBe(bodies[0])
  })

  test('news of an order that came before it was switched on is there after a flush', async () => {
    const message = shipped()
    await tell('order', message, true)
    const heard: OrderMessage[] = []
    const device = washer((order) => heard.push(order))
    await device.connect()
    await device.flush()
    expect(heard).toEqual([message])
    const later = { ...message, state: 'delivered' as const }
    await tell('order', later, true)
    await device.flush()
    expect(heard).toEqual([message, later])
  })

  test('it answers a command that it does not know', async () => {
    const device = washer()
    await device.connect()
    const answer = listen().next('command/result')
    await tell('command', { id: 'c-81', name: 'lamp', arguments: { on: true } })
    expect(JSON.parse(await answer)).toEqual({ id: 'c-81', ok: false, error: 'this washer knows no command lamp' })
  })
})

test('a wrong password is told, not tried for ever', async () => {
  await expect(washer(undefined, 'guess').connect()).rejects.toThrow(/Not authorized|Bad username or password/i)
})

test('before it is connected it says so', async () => {
  await expect(washer().report(LEVEL)).rejects.toThrow('not connected yet')
})
