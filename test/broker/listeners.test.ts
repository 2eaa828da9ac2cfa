import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { BrokerLimits } from '../../gateway/broker/limits.ts'
import { issueCertificate, makeAuthority } from '../../gateway/broker/x509.ts'
import { closed, type Door, refusal, startDoor } from './door.ts'
import { HOME, level } from './fixture.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

let door: Door | undefined
afterEach(async () => {
  await door?.stop()
  door = undefined
})

const ca = (it: Door) => readFileSync(join(it.dataFolder, 'tls', 'ca.crt'))
const device = (password: string) => ({ clientId: 'washer-1', username: 'washer-1', password })

/** The HTTP status of a refused upgrade, or the subprotocol of one that was not. */
const upgrade = (url: string, options: object, protocols: string[] = ['mqtt']) =>
  new Promise<number | string>((resolve) => {
    const socket = new WebSocket(url, protocols, options)
    socket.on('error', () => undefined)
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode!)
    })
    socket.on('open', () => {
      socket.terminate()
      resolve(socket.protocol)
    })
  })

describe('every listener', () => {
  it.each(['mqtt', 'mqtts', 'ws', 'wss'])('takes readings by %s', async (scheme) => {
    const tls = scheme === 'mqtts' || scheme === 'wss' ? LOOPBACK : undefined
    const webSocket = scheme.startsWith('ws') ? LOOPBACK : undefined
    door = await startDoor({ tls, webSocket })
    const password = await door.add('washer-1')
    const options = { ...device(password), ...(tls && { ca: ca(door) }) }
    const client = await door.client(door.url(scheme), options)
    await client.publishAsync('adept/v1/washer-1/consumable', level(0, 900), { qos: 1 })
    expect(door.db.prepare('SELECT count(*) AS n FROM readings').get()).toEqual({ n: 1 })
    expect(await refusal(door.client(door.url(scheme), { ...options, password: 'wrong' }))).toBe(4)
  })

  it('tells its addresses, encrypted ones first', async () => {
    door = await startDoor({ tls: LOOPBACK, webSocket: LOOPBACK })
    const { addresses, authorityFingerprint } = door.endpoints()
    expect(addresses.map(({ url, secure }) => [url.replace(/\d+(\/mqtt)?$/, '…'), secure])).toEqual([
      ['mqtts://127.0.0.1:…', true],
      ['wss://127.0.0.1:…', true],
      ['mqtt://127.0.0.1:…', false],
    ])
    expect(authorityFingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  it('says which setting to change when a port is taken, and frees the others', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    try {
      await expect(startDoor({ tls: { host: '127.0.0.1', port } })).rejects.toThrow(
        `The MQTT broker cannot listen on 127.0.0.1:${port} (mqtt.tls.host, mqtt.tls.port): another program uses it: stop that, or set another port.`,
      )
      await expect(startDoor({ host: '192.0.2.250' })).rejects.toThrow(
        /mqtt\.host.*: this machine has no such address\.$/,
      )
    } finally {
      other.close()
    }
  })
})

describe('TLS', () => {
  it('is 1.2 at least, and shows a certificate that the home’s authority signed', async () => {
    door = await startDoor({ tls: LOOPBACK })
    const port = Number(new URL(door.url('mqtts')).port)
    const handshake = async (options: object) => {
      const socket = connectTls({ host: '127.0.0.1', port, ca: ca(door!), ...options })
      try {
        await once(socket, 'secureConnect')
        return socket.getProtocol()
      } catch (error) {
        return (error as NodeJS.ErrnoException).code
      } finally {
        socket.destroy()
      }
    }
    expect(await handshake({})).toBe('TLSv1.3')
    expect(await handshake({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2')
    expect(await handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).toMatch(
      /^ERR_SSL/,
    )
    expect(await handshake({ ca: makeAuthority('other', 86_400_000, Date.now()).certificatePem })).toMatch(
      /^(SELF|UNABLE)/,
    )
  })

  it('drops a connection that does not finish its handshake', async () => {
    door = await startDoor({
      tls: LOOPBACK,
      webSocket: LOOPBACK,
      limits: BrokerLimits.parse({ connectTimeoutMs: 100 }),
    })
    for (const scheme of ['mqtts', 'wss']) {
      const socket = connectTcp(Number(new URL(door.url(scheme)).port), '127.0.0.1')
      socket.on('error', () => undefined).resume()
      await once(socket, 'close')
    }
  })

  it('shows the owner’s own certificate, and gives no authority for it', async () => {
    const authority = makeAuthority('other', 86_400_000, Date.now())
    const issuer = { commonName: 'other', key: createPrivateKey(authority.keyPem) }
    const names = ['home.example', '127.0.0.1']
    const own = issueCertificate(issuer, { commonName: 'home', names, validMs: 86_400_000, nowMs: Date.now() })
    const folder = mkdtempSync(join(tmpdir(), 'own-'))
    const files = { certificateFile: join(folder, 'own.crt'), keyFile: join(folder, 'own.key') }
    writeFileSync(files.certificateFile, own.certificatePem)
    writeFileSync(files.keyFile, own.keyPem)
    door = await startDoor({ tls: { ...LOOPBACK, ...files }, webSocket: LOOPBACK })
    rmSync(folder, { recursive: true })
    const options = { ...device(await door.add('washer-1')), ca: authority.certificatePem }
    await door.client(door.url('mqtts'), options)
    const byName = { ca: authority.certificatePem, headers: { host: 'home.example' } }
    expect(await upgrade(door.url('wss'), byName)).toBe('mqtt')
    expect(door.endpoints().authorityFingerprint).toBeUndefined()
  })
})

describe('a certificate of a device', () => {
  const certified = async (it: Door, deviceId = 'washer-1') => {
    const made = await it.desk.certificate(HOME, deviceId)
    if (!made.ok) throw new Error(made.sentence)
    return { ca: ca(it), cert: made.certificatePem, key: made.keyPem, clientId: 'washer-1' }
  }

  it.each(['mqtts', 'wss'])('stands for its password by %s, for this device alone', async (scheme) => {
    door = await startDoor({ tls: LOOPBACK, webSocket: LOOPBACK })
    await door.add('washer-1')
    await door.add('washer-2')
    const identity = await certified(door)
    const client = await door.client(door.url(scheme), identity)
    await client.publishAsync('adept/v1/washer-1/consumable', level(0, 900), { qos: 1 })
    expect(await refusal(door.client(door.url(scheme), { ...identity, clientId: 'washer-2' }))).toBe(4)
    expect(await refusal(door.client(door.url(scheme), { ...identity, username: 'washer-2' }))).toBe(4)
  })

  it('ends with the next one, with a rotation and with the device, and so does its connection', async () => {
    door = await startDoor({ tls: LOOPBACK })
    await door.add('washer-1')
    const url = door.url('mqtts')
    const first = await certified(door)
    const client = await door.client(url, first)
    const second = await certified(door)
    await closed(client)
    expect(await refusal(door.client(url, first))).toBe(4)
    expect(await refusal(door.client(url, second))).toBe(0)
    await door.desk.rotate(HOME, 'washer-1')
    expect(await refusal(door.client(url, second))).toBe(4)
    const third = await certified(door)
    expect(await refusal(door.client(url, third))).toBe(0)
    await door.desk.remove(HOME, 'washer-1', false)
    expect(await refusal(door.client(url, third))).toBe(4)
  })

  it('is worth nothing from another authority, nor is the certificate of the server', async () => {
    door = await startDoor({ tls: LOOPBACK })
    await door.add('washer-1')
    await certified(door)
    const other = makeAuthority('washer-1', 86_400_000, Date.now())
    const server = readFileSync(join(door.dataFolder, 'tls', 'server.pem'))
    const url = door.url('mqtts')
    const foreign = { ca: ca(door), clientId: 'washer-1', cert: other.certificatePem, key: other.keyPem }
    expect(await refusal(door.client(url, foreign))).toBe(4)
    expect(await refusal(door.client(url, { ...foreign, cert: server, key: server }))).toBe(4)
  })

  it('is not made where nobody could use it', async () => {
    door = await startDoor()
    expect(await door.desk.certificate(HOME, 'washer-1')).toMatchObject({
      ok: false,
      sentence: expect.stringMatching(/Set mqtt\.tls/),
    })
  })
})

describe('WebSocket', () => {
  it('answers only to its own names, its path and its subprotocol', async () => {
    door = await startDoor({ webSocket: LOOPBACK })
    const url = door.url('ws')
    const { port } = new URL(url)
    expect(await upgrade(url, {})).toBe('mqtt')
    expect(await upgrade(url, { origin: 'http://localhost:8787' })).toBe('mqtt')
    expect(await upgrade(url, { headers: { host: `localhost:${port}` } }, ['x', 'mqtt'])).toBe('mqtt')
    for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`, '127.0.0.2', 'x\u00ff']) {
      expect(await upgrade(url, { headers: { host } })).toBeOneOf([400, 403])
    }
    for (const origin of ['https://evil.example', 'null', 'file://', 'http://localhost.evil.example']) {
      expect(await upgrade(url, { origin })).toBe(403)
    }
    expect(await upgrade(url.replace('/mqtt', '/other'), {})).toBe(404)
    expect(await upgrade(url, {}, ['mqttv3.1'])).toBe(400)
    expect((await fetch(url.replace('ws:', 'http:'))).status).toBe(426)
  })

  it('is not to be had with text frames [MQTT-6.0.0-1], nor with frames over the limit', async () => {
    door = await startDoor({ webSocket: LOOPBACK })
    for (const [data, code] of [
      ['text', 1003],
      [Buffer.alloc(70_000), 1009],
    ] as const) {
      const socket = new WebSocket(door.url('ws'), 'mqtt')
      await once(socket, 'open')
      socket.send(data)
      expect((await once(socket, 'close'))[0]).toBe(code)
    }
  })

  it('survives names that no certificate can have', async () => {
    door = await startDoor({ tls: LOOPBACK, webSocket: LOOPBACK })
    for (const host of ['[::1', 'a..b', '%00', '*']) {
      expect(await upgrade(door.url('wss'), { ca: ca(door), headers: { host } })).toBeOneOf([400, 403])
    }
  })
})
