import { afterEach, expect, it } from 'vitest'
import { notifyWorker } from '../../gateway/notify/worker.ts'
import { sqliteDeliveryStore } from '../../gateway/store/feed.ts'
import { notifier } from '../../gateway/store/notifications.ts'
import { type HomeRecord, openRecord } from '../rules/record.ts'
import { HOUR_MS } from '../rules/situation.ts'

let home: HomeRecord
afterEach(() => home.close())

it('holds what it tells until the quiet hours end, but for a fault', async () => {
  home = await openRecord()
  const delivered: string[] = []
  const endMs = home.clock.nowMs() + HOUR_MS
  const worker = notifyWorker({
    store: sqliteDeliveryStore(home.db),
    notifier: { deliver: async ({ text }) => void delivered.push(text) },
    tellDevice: async () => undefined,
    quietUntil: async (_homeId, nowMs) => (nowMs < endMs ? endMs : undefined),
    clock: home.clock,
  })
  const tell = notifier(home.db, ['webhook'])
  const { homeId, kind } = { homeId: 'home', kind: 'update' as const }
  for (let entry = 0; entry < 60; entry++) tell({ homeId, kind, text: `update ${entry}` }, home.clock.nowMs())
  tell({ homeId, kind: 'fault', text: 'fault' }, home.clock.nowMs())
  await worker.step()
  expect(await worker.step()).toEqual({ worked: true, nextDueAtMs: endMs })
  expect(delivered).toEqual(['fault'])
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: endMs })
  home.clock.set(endMs)
  await worker.step()
  await worker.step()
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: undefined })
  expect(delivered).toHaveLength(61)
})
