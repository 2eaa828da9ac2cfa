import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { runPure } from '../../../device-sim/run/pure.ts'
import type { RunResult } from '../../../device-sim/run/result.ts'
import { scenarioOf } from '../models/a-scenario.ts'

/** Everything but how long it took. */
function withoutTimes(result: RunResult): string {
  return JSON.stringify({ ...result, realSeconds: 0, days: result.days.map((day) => ({ ...day, realMs: 0 })) })
}

const blind = { sensors: { stuck: 0.5, dyingCell: 0.5, noise: 2 } }

describe('a pure run', () => {
  test('is equal to the byte for a seed, in this process and in another; another seed is another run', () => {
    const scenario = scenarioOf({ population: { homes: 20 } })
    const once = runPure(scenario)
    expect(withoutTimes(runPure(scenario))).toBe(withoutTimes(once))
    const program = `
      import { runPure } from ${JSON.stringify(import.meta.resolve('../../../device-sim/run/pure.ts'))}
      const result = runPure(${JSON.stringify(scenario)})
      const days = result.days.map((day) => ({ ...day, realMs: 0 }))
      process.stdout.write(JSON.stringify({ ...result, realSeconds: 0, days }))`
    const elsewhere = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(elsewhere).toBe(withoutTimes(once))
    expect(runPure(scenarioOf({ seed: '2', population: { homes: 20 } })).digest).not.toBe(once.digest)
    expect(once.orders.length).toBeGreaterThan(50)
  })

  test.each([
    ['sensors that are well', {}, 60],
    ['blind sensors', blind, 60],
    ['ticks of four hours', {}, 240],
    ['orders that come to nothing', { shop: { wrong: 0.3, stockPacks: 60 }, carrier: { lost: 0.2 } }, 60],
  ])(
    'decides only where it can matter, and the outcome is the same as of deciding always: %s',
    (_name, more, tickMinutes) => {
      const scenario = scenarioOf({ days: 120, tickMinutes, population: { homes: 12, ...more } })
      expect(withoutTimes(runPure(scenario))).toBe(withoutTimes(runPure(scenario, { deciding: 'always' })))
    },
  )

  test('buys what is used up, and stock does not grow without end', () => {
    const population = { homes: 30, household: { habitChangesPerYear: 0 }, shop: { short: 0, wrong: 0 } }
    const { orders, stockOuts, levels, problems } = runPure(scenarioOf({ days: 365, population }))
    expect(problems).toEqual([])
    const bought = (slot: string) => orders.filter((order) => order.slot === slot).length / 30
    // A hopper of 1 kg lasts a home about a month.
    expect(bought('beans')).toBeGreaterThan(6)
    expect(bought('beans')).toBeLessThan(26)
    expect(bought('kibble')).toBeGreaterThan(9)
    expect(bought('kibble')).toBeLessThan(18)
    const emptyDays = stockOuts.reduce((sum, { days }) => sum + days, 0)
    expect(emptyDays / 30).toBeLessThan(6)
    expect(levels).toHaveLength(12)
    expect(levels[0]!.days).toHaveLength(365 * 6)
  })

  test('a device that is out of reach tells it all later; a seller that is away sells nothing', () => {
    const flaps = { perDeviceDay: 0.3, minutes: { least: 60, most: 2880 } }
    const away = runPure(scenarioOf({ days: 30, faults: { flaps } }))
    const here = runPure(scenarioOf({ days: 30 }))
    expect(away.counts.reports).toBeGreaterThan(here.counts.reports * 0.95)
    expect(away.problems).toEqual([])

    const sellerOutages = { everyDays: 30, hours: { least: 720, most: 720 } }
    const outage = runPure(scenarioOf({ days: 60, faults: { sellerOutages } }))
    const open = runPure(scenarioOf({ days: 60 }))
    expect(outage.counts.parcels).toBeLessThan(open.counts.parcels)
  })

  test('an empty shop sells no more than it has', () => {
    const { counts } = runPure(scenarioOf({ population: { homes: 20, shop: { stockPacks: 3 } } }))
    // Ten products of three packs.
    expect(counts.parcels).toBeLessThanOrEqual(30)
    expect(counts.parcels).toBeGreaterThan(10)
  })

  test('tells how far it is', () => {
    const told: number[] = []
    runPure(scenarioOf({ days: 60, population: { homes: 2 } }), { onProgress: ({ day }) => void told.push(day) })
    expect(told.at(-1)).toBe(60)
  })
})
