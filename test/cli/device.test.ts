import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

// Each test starts several processes, at 0.2 s of a free core each.
vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
let folder: string
beforeEach(async () => {
  gateway = await runGateway()
  folder = mkdtempSync(join(tmpdir(), 'adept-device-'))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await gateway.stop()
})
const { run: adept, json, start } = adeptOn(() => gateway.dataFolder)

test('a pairing window is shown with its code, and ends with Ctrl-C', async () => {
  const window = start('device', 'pair', '--minutes', '2')
  let out = ''
  window.stdout.on('data', (chunk) => {
    out += chunk
  })
  await expect.poll(() => out, { timeout: 10_000 }).toMatch(/Ctrl-C ends it/)
  expect(out).toMatch(/█▀▀?/)
  expect(out).toMatch(/Address +mqtt:\/\/127\.0\.0\.1:1883\nCode +[0-9A-Z]{5}-[0-9A-Z]{5}\n/)
  expect(out).toMatch(/user name "pairing".*\n.*adept\/v1\/<its id>\/credentials/)
  expect(out).toMatch(/Only programs on this machine .*mqtt\.tls\.host/)
  expect((await gateway.call('/v1/pairing')).body).toMatchObject({ pairing: { isOpen: true, devices: 1 } })
  window.kill('SIGINT')
  expect(await new Promise((resolve) => window.on('close', resolve))).toBe(0)
  expect(out).toMatch(/The window is closed\. You ended it\.\n$/)
})

test('a window that a script opens stays open until it is ended', async () => {
  expect((await adept('device', 'pair', '--end')).out).toBe('No window was open.\n')
  expect(await json('device', 'pair', '--devices', '3')).toMatchObject({
    isOpen: true,
    devices: 3,
    code: expect.anything(),
  })
  const { body } = await gateway.call('/v1/pairing')
  expect(body).toMatchObject({ pairing: { isOpen: true } })
  expect(JSON.stringify(body)).not.toContain('code"')
  expect((await adept('device', 'pair', '--end')).out).toBe('The window is closed. You ended it.\n')
  expect(await adept('device', 'pair', '--minutes', '61')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/minutes/),
  })
})

test('a device gets a new password, a certificate, and leaves', async () => {
  await json('device', 'add', 'washer')
  const rotated = await adept('device', 'rotate', 'washer')
  expect(rotated.out).toMatch(/The old password of washer has ended\. .*\n\n {2}[\w-]{32}\n\n/)
  expect(await adept('device', 'rotate', 'dryer')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no device dryer/),
  })

  const made = await adept('device', 'certificate', 'washer', '--out', join(folder, 'new'))
  expect(made).toMatchObject({ code: 0, err: '' })
  const certificate = new X509Certificate(readFileSync(join(folder, 'new', 'washer.crt')))
  expect(certificate.verify(new X509Certificate(readFileSync(join(folder, 'new', 'ca.crt'))).publicKey)).toBe(true)
  expect(statSync(join(folder, 'new', 'washer.key')).mode & 0o777).toBe(0o600)
  expect((await adept('device', 'certificate', 'washer', '--out', join(folder, 'new'))).err).toMatch(
    /washer\.crt is there already: name another folder with --out\.\n$/,
  )
  expect(await json('device', 'certificate', 'washer')).toMatchObject({ keyPem: expect.stringMatching(/PRIVATE KEY/) })

  expect((await adept('device', 'remove', 'washer')).out).toBe(
    'washer is removed and may not connect any more; its history stays.\n',
  )
  expect((await adept('devices')).out).toMatch(/^No device yet/)
  expect(await adept('device', 'remove', 'washer')).toMatchObject({ code: 1 })
  const disconnected = gateway.asked.filter((it) => (it as { verb?: string }).verb === 'disconnect')
  expect(disconnected).toHaveLength(4)
})

test('a device is tied to the registry by its number there, or by one that the wallet makes', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const [made, known, wrong] = await Promise.all([
    adept('device', 'register', 'washer'),
    json('device', 'register', 'washer', '--registry-id', '0x1F'),
    adept('device', 'register', 'washer', '--registry-id', 'W9000'),
  ])
  expect(made).toEqual({ code: 0, err: '', out: 'washer is registered.\n' })
  expect(known).toEqual({ deviceId: 'washer', sentence: 'washer is registered.' })
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('as decimal or 0x and hex digits') })
  const asked = gateway.asked.filter((it) => (it as { verb?: string }).verb === 'register')
  expect(asked).toHaveLength(2)
  expect(asked).toContainEqual({ verb: 'register', deviceId: 'washer', registryId: undefined })
  expect(asked).toContainEqual({ verb: 'register', deviceId: 'washer', registryId: 31n })
})
