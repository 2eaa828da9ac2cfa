import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import type { RecordedReading } from '../../device-sim/record/recording.ts'
import { replay } from '../../device-sim/record/replay.ts'
import { play } from '../../device-sim/run/run-scenario.ts'
import { Scenario } from '../../device-sim/scenario/schema.ts'

const DAY_MS = 86_400_000
const signal = new AbortController().signal
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('adept-sim-')).length

test('a few homes live through every fault, and all that must hold holds', { timeout: 240_000 }, async () => {
  const scenario = Scenario.parse({
    about: 'a test',
    population: { homes: 4, fullAtStart: { least: 0.1, most: 0.4 } },
    days: 5,
    tickMinutes: 240,
    faults: {
      flaps: { perDeviceDay: 0.5 },
      cuts: { perDeviceDay: 1 },
      duplicates: { share: 0.2 },
      reordering: { share: 0.2 },
      clockSkew: { share: 0.5 },
      reboots: { perDeviceDay: 0.5 },
      kills: { gateway: 2, chain: 3, shop: 3 },
      reorgs: { everyDays: 3, blocks: 2 },
      sellerOutages: { everyDays: 3, hours: { least: 6, most: 12 } },
      hostile: { devices: 2, everyDays: 1 },
    },
    holds: { orders: { atLeast: 3 } },
  })
  const { broken, verdicts, result } = await play(scenario, { kind: 'real', onProgress: () => undefined, signal })
  expect(broken).toBeUndefined()
  expect(verdicts.filter(({ holds }) => !holds)).toEqual([])
  expect(verdicts).toHaveLength(10)
  const isOfChain = (problem: string) => /^A reorg took back \d of 2 blocks/.test(problem)
  expect(result?.problems.filter((problem) => !isOfChain(problem))).toEqual([])
})

test.each([0, 300, 900, 1_500])('a run that is ended after %i ms leaves nothing', { timeout: 60_000 }, async (ms) => {
  const before = folders()
  const ending = new AbortController()
  const scenario = Scenario.parse({ about: 'a test', population: { homes: 3 }, days: 60 })
  const run = play(scenario, { kind: 'real', onProgress: () => undefined, signal: ending.signal })
  setTimeout(() => ending.abort(new Error('You ended it.')), ms)
  await expect(run).rejects.toThrow('You ended it.')
  expect(folders()).toBe(before)
  // What the run still does stops at the stage, which is over.
  await expect.poll(() => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')).toEqual([])
})

test('a run that was ended before it began begins nothing', async () => {
  const before = folders()
  const ending = AbortSignal.abort(new Error('You ended it.'))
  const scenario = Scenario.parse({ about: 'a test', population: { homes: 1 }, days: 1 })
  await expect(play(scenario, { kind: 'real', onProgress: () => undefined, signal: ending })).rejects.toThrow(
    'ended it',
  )
  expect(folders()).toBe(before)
})

test('a recording is replayed with every reading, restarts included', { timeout: 60_000 }, async () => {
  const before = folders()
  const slot = { slot: 'detergent', unit: 'ml' as const, capacity: 1400, degradationDirection: 'down' as const }
  const levels = [1400, 1200, 1000, 800, 600, 400, 200, 100]
  const readings = levels.flatMap((remaining, day): RecordedReading[] => {
    const common = { device: 0, session: day < 4 ? 0 : 1, receivedMs: day * DAY_MS, measuredMs: day * DAY_MS - 60_000 }
    return [
      { ...common, kind: 'consumable', body: { slot: 'detergent', remaining, unit: 'ml' } },
      { ...common, kind: 'event', body: { type: 'cycle-finished', detail: { doseMl: 38 } } },
    ]
  })
  const devices = [{ maker: 'Recorded', model: 'device-1', slots: [{ ...slot, replacementProducts: [] }] }]
  const replayed = await replay({ devices, readings }, { speed: undefined, onProgress: () => undefined, signal })
  expect(replayed).toMatchObject({ readings: 16, stored: 16, virtualDays: 7 })
  expect(replayed.marks['verified']).toBeGreaterThan(4)
  expect(replayed.told).toEqual(expect.arrayContaining([expect.objectContaining({ device: 'device-1', kind: 'low' })]))
  expect(folders()).toBe(before)
})

test('a replay ends with its last day, and trusts no level that its sender did not', { timeout: 60_000 }, async () => {
  const slot = { slot: 'detergent', unit: 'ml' as const, capacity: 1400, degradationDirection: 'down' as const }
  const readings = [1400, 100, 90].map(
    (remaining, day): RecordedReading => ({
      ...{ device: 0, session: 0, receivedMs: (4 + day) * DAY_MS, kind: 'consumable' },
      body: { slot: 'detergent', remaining, unit: 'ml', unverified: 'Its sender did not trust it.' },
    }),
  )
  const devices = [{ maker: 'Recorded', model: 'device-1', slots: [{ ...slot, replacementProducts: [] }] }]
  const shown: object[] = []
  const onProgress = (progress: object) => void shown.push(progress)
  const replayed = await replay({ devices, readings }, { speed: undefined, onProgress, signal })
  expect(replayed).toMatchObject({ stored: 3, marks: { unverified: 3 } })
  expect(shown.at(-1)).toEqual({ readings: 3, ofReadings: 3, day: 2, ofDays: 2 })
})
