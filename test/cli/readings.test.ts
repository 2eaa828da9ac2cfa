import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { NOW_MS } from '../web/placed-orders.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

vi.setConfig({ testTimeout: 60_000 })

const HOUR_MS = 3_600_000
let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())
const { run: adept, json } = adeptOn(() => gateway.dataFolder)

test('readings are shown hour by hour, as far back as is asked', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const intake = sqliteIntakeStore(gateway.db)
  const agesHours = [200, 3.5, 3.4, 0]
  for (const [seq, hours] of agesHours.entries()) {
    const atMs = NOW_MS - hours * HOUR_MS
    const body = JSON.stringify({ values: { powerWatts: 100 * (seq + 1) } })
    const report = { deviceId: 'washer', session: 's1', seq, kind: 'telemetry', measuredAtMs: atMs, body } as const
    await intake.commit([{ kind: 'report', report }], atMs)
  }
  const { code, out } = await adept('readings', 'washer', '--hourly')
  expect(code).toBe(0)
  const [header, ...lines] = out.trimEnd().split('\n')
  expect(header).toMatch(/^HOUR FROM +KIND +OF +READINGS +FIRST +LAST +LEAST +MOST +MEAN$/)
  expect(lines).toHaveLength(2)
  expect(lines[1]).toMatch(/^\d{4}-\d\d-\d\d \d\d:00 +telemetry +powerWatts +2 +200 +300 +200 +300 +250$/)
  const all = await json('readings', 'washer', '--hourly', '--since', '30d')
  expect(all).toHaveLength(3)
  expect(all).toMatchObject([{ mean: 400 }, { mean: 250, counted: 2 }, { mean: 100 }])
  expect(await json('readings', 'washer', '--hourly', '--limit', '1')).toHaveLength(1)
  expect(await json('readings', 'washer')).toHaveLength(4)

  expect(await adept('readings', 'dryer', '--hourly')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no device dryer'),
  })
  expect(await gateway.call('/v1/devices/washer/hours?sinceSeconds=0')).toMatchObject({ status: 400 })
})
