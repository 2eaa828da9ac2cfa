import { expect, it } from 'vitest'
import { retentionWorker } from '../../gateway/ingest/retention.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'

it('rests nine times as long as a full slice took, and a minute when nothing is left', async () => {
  const slices = [
    { worked: true, more: true },
    { worked: true, more: false },
    { worked: false, more: false },
  ]
  let asked = 0
  const clock = new ManualClock(0)
  const worker = retentionWorker({
    clock,
    store: {
      async step() {
        const endAtMs = performance.now() + 5
        while (performance.now() < endAtMs);
        return slices[asked++] ?? { worked: true, more: false }
      },
    },
  })
  const beganAtMs = performance.now()
  expect(await worker.step()).toEqual({ worked: true })
  expect(performance.now() - beganAtMs).toBeGreaterThan(45)
  expect(await worker.step()).toEqual({ worked: true })
  expect(await worker.step()).toEqual({ worked: false })
  clock.set(59_999)
  expect(await worker.step()).toEqual({ worked: false })
  expect(asked).toBe(3)
  clock.set(60_000)
  expect(await worker.step()).toEqual({ worked: true })
})
