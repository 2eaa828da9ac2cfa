import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newDeviceSecret } from '../../gateway/lib/device-secret.ts'
import { HOME, NOW_MS, temporaryStore, WASHER } from '../broker/fixture.ts'

let store: ReturnType<typeof temporaryStore>
beforeEach(() => {
  store = temporaryStore()
})
afterEach(() => store.close())

it('adds a device once and gives its credentials back', async () => {
  const secret = await store.add('washer-1')
  expect(Buffer.from((await store.devices.credentialsOf('washer-1'))!.secretSha256)).toEqual(
    createHash('sha256').update(secret).digest(),
  )
  expect(Buffer.from((await store.devices.sealedKeyOf('washer-1'))!).toString()).toBe('sealed')
  const again = {
    homeId: HOME,
    secretSha256: Buffer.alloc(32),
    keyAddress: '0x00' as const,
    keySealed: Buffer.alloc(0),
  }
  expect(await store.devices.add({ deviceId: 'washer-1', ...again }, NOW_MS)).toBe('exists')
  expect(Buffer.from((await store.devices.sealedKeyOf('washer-1'))!).toString()).toBe('sealed')
  expect(await store.devices.credentialsOf('washer-2')).toBeUndefined()
})

it('makes secrets of 192 bits, each another', () => {
  const secrets = new Set(Array.from({ length: 100 }, () => newDeviceSecret().secret))
  expect(secrets.size).toBe(100)
  for (const secret of secrets) expect(Buffer.from(secret, 'base64url')).toHaveLength(24)
})

it('shows the devices of one home only', async () => {
  await store.add('washer-1')
  await store.intake.commit([{ kind: 'description', deviceId: 'washer-1', description: WASHER, body: '' }], NOW_MS)
  expect(await store.devices.list(HOME)).toMatchObject([
    { deviceId: 'washer-1', maker: 'Samsung', model: 'W9000', status: 'offline', slots: [{ slot: 'detergent' }] },
  ])
  expect(await store.devices.list('other')).toEqual([])
  expect(await store.devices.get('other', 'washer-1')).toBeUndefined()
  expect(await store.devices.confirm('other', 'washer-1', undefined, 'auto', NOW_MS)).toEqual([])
  expect(await store.devices.readings('other', 'washer-1', 10)).toEqual([])
})

it('tells the newest decision of a slot while it is less than half full', async () => {
  await store.add('washer-1')
  await store.intake.commit([{ kind: 'description', deviceId: 'washer-1', description: WASHER, body: '' }], NOW_MS)
  const { capacity } = WASHER.slots[0]!
  const decide = (reasons: string, remaining: number) => {
    store.db.prepare('UPDATE slots SET remaining = ?, unit = ?, measured_at_ms = 1').run(remaining, 'ml')
    store.db
      .prepare(
        `INSERT INTO decisions (device_id, slot, at_ms, outcome, reasons) VALUES ('washer-1', 'detergent', 1, 'nothing', ?)`,
      )
      .run(reasons)
  }
  const told = async () => (await store.devices.get(HOME, 'washer-1'))!.slots[0]!.lastDecision
  expect(await told()).toBeUndefined()
  decide('["Low.","First."]', 1)
  decide('["Low.","Then."]', 1)
  expect(await told()).toBe('Low. Then.')
  decide('["Enough."]', capacity / 2)
  expect(await told()).toBeUndefined()
})

it('shows the newest readings first, telemetry and events too', async () => {
  await store.add('washer-1')
  const report = { deviceId: 'washer-1', session: 's1', measuredAtMs: NOW_MS - 1 }
  await store.intake.commit(
    [
      { kind: 'report', report: { ...report, seq: 0, kind: 'telemetry', body: '{"values":{"powerWatts":5}}' } },
      { kind: 'report', report: { ...report, seq: 1, kind: 'event', body: '{"type":"cycle-finished"}' } },
    ],
    NOW_MS,
  )
  expect(await store.devices.readings(HOME, 'washer-1', 1)).toEqual([
    {
      readingId: 2,
      deviceId: 'washer-1',
      session: 's1',
      seq: 1,
      kind: 'event',
      measuredAtMs: NOW_MS - 1,
      gatewayTime: false,
      receivedAtMs: NOW_MS,
      mark: undefined,
      markReason: undefined,
      body: { type: 'cycle-finished' },
    },
  ])
  expect((await store.devices.readings(HOME, 'washer-1', 10)).map(({ kind }) => kind)).toEqual(['event', 'telemetry'])
})
