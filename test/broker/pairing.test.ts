import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codeDigest, isCode, newPairingCode } from '../../gateway/broker/pairing-code.ts'
import { Credentials } from '../../gateway/wire/messages.ts'
import { closed, type Door, refusal, startDoor } from './door.ts'
import { connectPacket, HOME, level, until } from './fixture.ts'

let door: Door
beforeEach(async () => {
  door = await startDoor({ tls: { host: '127.0.0.1', port: 0 } })
})
afterEach(() => door.stop())

/** A device's side of pairing up to the message; it does not acknowledge by itself when `acknowledge` is false. */
async function pair(deviceId: string, code: string, options: { url?: string; acknowledge?: boolean } = {}) {
  const { url = door.url('mqtt'), acknowledge = true } = options
  const ca = url.startsWith('mqtts') ? { ca: readFileSync(join(door.dataFolder, 'tls', 'ca.crt')) } : {}
  const client = await door.client(url, { clientId: deviceId, username: 'pairing', password: code, ...ca })
  if (!acknowledge) client.handleMessage = () => undefined
  const given = new Promise<Credentials>((resolve) =>
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'publish') resolve(Credentials.parse(JSON.parse(packet.payload.toString())))
    }),
  )
  await client.subscribeAsync(`adept/v1/${deviceId}/credentials`, { qos: 1 })
  return { client, given }
}
const connect = (deviceId: string, password: string): Promise<MqttClient> =>
  door.client(door.url('mqtt'), { clientId: deviceId, username: deviceId, password })

describe('a pairing window', () => {
  it('gives one device its secret, tells the homeowner, and is over', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const { client, given } = await pair('washer-1', code)
    const { secret, ca } = await given
    expect(ca).toBeUndefined()
    await closed(client)
    expect(door.desk.pairing()).toMatchObject({ isOpen: false, joined: ['washer-1'], ended: 'washer-1 has joined.' })
    expect(await door.told()).toEqual([
      'washer-1 has joined. It buys nothing before you confirm its slots and sign a mandate.',
    ])
    const device = await connect('washer-1', secret)
    await device.publishAsync('adept/v1/washer-1/consumable', level(0, 900), { qos: 1 })
    expect(await door.devices.list(HOME)).toMatchObject([{ deviceId: 'washer-1' }])
    expect(await refusal(pair('washer-2', code))).toBe(5)
    expect(door.logged()).not.toContain(code)
    expect(door.logged()).not.toContain(secret)
    expect(door.faults).toEqual([])
  })

  it('gives by TLS the authority’s certificate too', async () => {
    const { code, authorityFingerprint } = door.desk.openPairing(HOME, 5, 1)
    const { given } = await pair('washer-1', code, { url: door.url('mqtts') })
    const { secret, ca } = await given
    expect(ca).toBe(readFileSync(join(door.dataFolder, 'tls', 'ca.crt'), 'utf8'))
    expect(authorityFingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(await refusal(connect('washer-1', secret))).toBe(0)
  })

  it('takes as many devices as it was opened for, in the ways in which people type a code', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 2)
    const first = await pair('washer-1', ` ${code.toLowerCase().replace('-', ' ')} `)
    await first.given
    await closed(first.client)
    expect(door.desk.pairing()).toMatchObject({ isOpen: true, joined: ['washer-1'] })
    const second = await pair('washer-2', code.replace('-', ''))
    await second.given
    await closed(second.client)
    expect(door.desk.pairing()).toMatchObject({ isOpen: false, ended: '2 devices have joined.' })
  })

  it('is for its devices alone while one of them is at it', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const { given } = await pair('washer-1', code, { acknowledge: false })
    await given
    expect(await refusal(pair('washer-2', code))).toBe(5)
    expect(door.desk.pairing()).toMatchObject({ isOpen: true, waitingFor: ['washer-1'], joined: [] })
  })

  it('lets a device that has no PUBACK away connect with its secret, or pair again', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const first = await pair('washer-1', code, { acknowledge: false })
    const lost = await first.given
    first.client.stream.destroy()
    const again = await pair('washer-1', code, { acknowledge: false })
    const { secret } = await again.given
    expect(await refusal(connect('washer-1', lost.secret))).toBe(4)
    expect(await refusal(connect('washer-1', secret))).toBe(0)
    expect(door.desk.pairing()).toMatchObject({ isOpen: false, joined: ['washer-1'] })
    // Its owner's word is used up with that.
    const next = door.desk.openPairing(HOME, 5, 1)
    expect(await refusal(pair('washer-1', next.code))).toBe(5)
  })

  it('lets a device pair in the next window when it never showed its secret in the one before', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const first = await pair('washer-1', code, { acknowledge: false })
    await first.given
    const next = door.desk.openPairing(HOME, 5, 1)
    await closed(first.client)
    const { given } = await pair('washer-1', next.code)
    expect(await refusal(connect('washer-1', (await given).secret))).toBe(0)
  })

  it('never replaces a device of that name before its owner has said so', async () => {
    const password = await door.add('washer-1')
    const device = await connect('washer-1', password)
    const { code } = door.desk.openPairing(HOME, 5, 1)
    for (let attempt = 0; attempt < 2; attempt++) expect(await refusal(pair('washer-1', code))).toBe(5)
    expect(device.connected).toBe(true)
    expect(await door.told()).toEqual([
      expect.stringMatching(/wanted to be paired as washer-1.*adept device rotate washer-1/),
    ])

    await door.desk.rotate(HOME, 'washer-1')
    await closed(device)
    const { given } = await pair('washer-1', code)
    const { secret } = await given
    expect(await refusal(connect('washer-1', password))).toBe(4)
    expect(await refusal(connect('washer-1', secret))).toBe(0)
  })

  it('refuses the name of a removed device whose order is open', async () => {
    await door.add('washer-1')
    door.db
      .prepare(
        `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons)
         VALUES ('o-1', ?, 'washer-1', 'detergent', '4006381333931', 1, 'auto', 'shipped', 1, 1, 1, '[]')`,
      )
      .run(HOME)
    await door.desk.remove(HOME, 'washer-1', true)
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const { client } = await pair('washer-1', code)
    await closed(client)
    expect(await door.told()).toEqual([expect.stringMatching(/as washer-1: it was refused, since an order/)])
    expect(door.desk.pairing()).toMatchObject({ isOpen: true, joined: [], waitingFor: [] })
  })

  it('ends at its time, by its owner, and with another one', async () => {
    const first = door.desk.openPairing(HOME, 5, 1)
    door.clock.set(first.endsAtMs - 1)
    const { client } = await pair('washer-1', first.code, { acknowledge: false })
    door.clock.set(first.endsAtMs)
    expect(await refusal(pair('washer-2', first.code))).toBe(5)
    await closed(client)
    expect(door.desk.pairing()).toMatchObject({ isOpen: false, ended: 'Its time is over.' })

    const second = door.desk.openPairing(HOME, 5, 1)
    const third = door.desk.openPairing(HOME, 5, 1)
    expect(await refusal(pair('washer-2', second.code))).toBe(4)
    door.desk.endPairing()
    expect(await refusal(pair('washer-2', third.code))).toBe(5)
  })

  it('ends after five wrong codes and says so', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    for (let wrong = 0; wrong < 5; wrong++) expect(await refusal(pair('washer-1', newPairingCode()))).toBe(4)
    expect(await refusal(pair('washer-1', code))).toBe(5)
    expect(door.desk.pairing()).toMatchObject({ isOpen: false, ended: '5 wrong codes were tried.' })
    expect(await door.told()).toEqual([expect.stringMatching(/5 wrong codes were tried, the last from 127\.0\.0\.1\./)])
  })
})

describe('a connection that pairs', () => {
  /** A connection that pairs, up to its CONNACK. */
  const rawPair = async (deviceId: string) => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const peer = await door.raw()
    peer.send(connectPacket(deviceId, code, { username: 'pairing' }))
    await until(() => peer.packets.length === 1)
    const subscribe = (messageId: number, topic: string) => {
      peer.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 1 }] })
      return until(() => peer.packets.some((packet) => packet.cmd === 'suback' && packet.messageId === messageId))
    }
    return { ...peer, subscribe }
  }
  const credentials = 'adept/v1/washer-1/credentials'

  it('may read its credentials and nothing else', async () => {
    const { packets, subscribe, send, end } = await rawPair('washer-1')
    const topics = ['adept/v1/washer-1/command', 'adept/v1/washer-2/credentials', 'adept/v1/+/credentials', '#']
    for (const [index, topic] of topics.entries()) await subscribe(index + 1, topic)
    const granted = packets.flatMap((packet) => (packet.cmd === 'suback' ? packet.granted : []))
    expect(granted).toEqual([128, 128, 128, 128])
    const payload = level(0, 5)
    send({ cmd: 'publish', topic: 'adept/v1/washer-1/consumable', payload, qos: 0, dup: false, retain: false })
    await end
    expect(door.db.prepare('SELECT count(*) AS n FROM readings').get()).toEqual({ n: 0 })
  })

  it('keeps no session and has no will, so that its secret is written nowhere', async () => {
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const identity = { clientId: 'washer-1', username: 'pairing', password: code }
    const will = { topic: 'adept/v1/washer-1/status', payload: Buffer.from('offline'), qos: 1 as const, retain: true }
    expect(await refusal(door.client(door.url('mqtt'), { ...identity, clean: false }))).toBe(5)
    expect(await refusal(door.client(door.url('mqtt'), { ...identity, will }))).toBe(5)
    expect(await refusal(door.client(door.url('mqtt'), { ...identity, clientId: 'Not An Id' }))).toBe(2)
    expect(door.desk.pairing()).toMatchObject({ isOpen: true, wrongCodes: 0 })
  })

  it('gets one secret, however often it subscribes', async () => {
    const { packets, subscribe } = await rawPair('washer-1')
    for (let messageId = 1; messageId <= 3; messageId++) await subscribe(messageId, credentials)
    await until(() => packets.some(({ cmd }) => cmd === 'publish'))
    await subscribe(4, credentials)
    const given = packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet] : []))
    expect(given).toHaveLength(1)
    const { secret } = Credentials.parse(JSON.parse(given[0]!.payload.toString()))
    expect(await refusal(connect('washer-1', secret))).toBe(0)
  })

  it('is what an ordinary device cannot listen to', async () => {
    const device = await connect('washer-1', await door.add('washer-1'))
    const granted = await device.subscribeAsync('adept/v1/washer-1/credentials').catch(() => [{ qos: 128 }])
    expect(granted).toMatchObject([{ qos: 128 }])
  })
})

describe('a pairing code', () => {
  it('has 50 bits in two groups, none of which people confuse', () => {
    const codes = Array.from({ length: 200 }, newPairingCode)
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/)
    expect(new Set(codes).size).toBe(200)
    expect(new Set(codes.join('')).size).toBe(33)
  })
  it('is the same with O for 0, and I or L for 1', () => {
    const digest = codeDigest('A0B1C-1D0EF')
    expect(isCode(Buffer.from('aobic-ldoef'), digest)).toBe(true)
    expect(isCode(Buffer.from('A0B1C-1D0EE'), digest)).toBe(false)
    expect(isCode(undefined, digest)).toBe(false)
  })
})
