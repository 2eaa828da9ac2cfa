import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())

const sentence = (pattern: RegExp) => ({ error: expect.stringMatching(pattern) })

test('a pairing window tells its code once, within bounds', async () => {
  expect(await gateway.call('/v1/pairing')).toEqual({ status: 200, body: {} })
  const opened = await gateway.call('/v1/pairing', { minutes: 2, devices: 3 })
  expect(opened).toMatchObject({ status: 201, body: { isOpen: true, devices: 3, code: expect.stringMatching(/-/) } })
  const { code } = opened.body as { code: string }
  expect(JSON.stringify((await gateway.call('/v1/pairing')).body)).not.toContain(code)
  for (const body of [{ minutes: 0 }, { minutes: 61 }, { devices: 51 }, { devices: 1.5 }, { code: 'mine' }]) {
    expect(await gateway.call('/v1/pairing', body)).toMatchObject({ status: 400 })
  }
  expect((await gateway.call('/v1/pairing/end', {})).body).toMatchObject({ pairing: { isOpen: false } })
  expect(await gateway.call('/v1/pairing', {}, { authorization: '' })).toMatchObject({ status: 401 })
})

test('a removed device takes its mandate with it', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const limits = { allowance: '1', periodSeconds: 86_400, maxPerOrder: '1', coolingOffSeconds: 0, days: 1 }
  const drafted = await gateway.call('/v1/mandates/draft', { deviceId: 'washer', ...limits })
  const { draft } = drafted.body as { draft: { file: { mandateHash: string } } }
  await gateway.call('/v1/mandates', { draft, useGatewayWallet: true })
  expect(await gateway.call('/v1/devices/washer/remove', {})).toEqual({
    status: 200,
    body: { deviceId: 'washer', sentence: expect.stringMatching(/^washer is removed .* The revocation was sent\.$/) },
  })
  expect(gateway.asked).toContainEqual({ verb: 'revoke', mandateHash: draft.file.mandateHash })
  expect((await gateway.call('/v1/devices')).body).toEqual({ devices: [] })

  // With a new key nothing can be ordered under the old mandate, whatever the chain says.
  expect(await gateway.call('/v1/devices', { deviceId: 'washer' })).toMatchObject({ status: 201 })
  expect(gateway.db.prepare('SELECT state FROM mandates').all()).toEqual([{ state: 'revoked' }])
})

test.each(['rotate', 'certificate', 'remove'])(
  '%s knows its devices and takes nothing that it does not know',
  async (verb) => {
    expect(await gateway.call(`/v1/devices/dryer/${verb}`, {})).toEqual({
      status: 409,
      body: sentence(/no device dryer/),
    })
    expect(await gateway.call(`/v1/devices/Not%20An%20Id/${verb}`, {})).toMatchObject({ status: 400 })
    expect(await gateway.call(`/v1/devices/dryer/${verb}`, { more: 1 })).toMatchObject({ status: 400 })
  },
)
