import { expect, it } from 'vitest'
import { shrink } from '../../../device-sim/run/shrink.ts'
import { FAULT_KINDS, optionsFor, overridden } from '../../../device-sim/scenario/overrides.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const WHOLE = Scenario.parse({
  about: 'a test',
  seed: 'it’s 7',
  population: { homes: 200 },
  days: 60,
  faults: { cuts: { perDeviceDay: 1 }, kills: { gateway: 10 }, reorgs: { everyDays: 9 } },
  holds: { orders: { atLeast: 100, atMost: 900 } },
})
const limits = { maxTries: 200, maxMs: 60_000, nowMs: () => 0 }
const has = ({ population: { firstHome, homes } }: Scenario, home: number) =>
  firstHome <= home && home < firstHome + homes

it('finds the home, the day and the fault that it takes', async () => {
  const needs = async (it: Scenario) => has(it, 137) && it.days >= 23 && it.faults.kills !== undefined
  const { scenario, tries } = await shrink(WHOLE, needs, limits)
  expect(scenario.population).toMatchObject({ firstHome: 137, homes: 1 })
  expect(scenario.days).toBe(23)
  expect(Object.keys(scenario.faults)).toEqual(['kills'])
  expect(tries).toBeLessThan(80)
  expect(optionsFor(WHOLE, scenario)).toEqual([
    `--seed 'it’s 7'`,
    '--homes 1',
    '--first-home 137',
    '--days 23',
    '--without cuts,reorgs',
  ])
  // What the options make is just this scenario.
  expect(overridden(WHOLE, { homes: 1, firstHome: 137, days: 23, without: ['cuts', 'reorgs'] })).toEqual(scenario)
})

it('keeps two homes that only fail together', async () => {
  const { scenario } = await shrink(WHOLE, async (it) => has(it, 40) && has(it, 44), limits)
  expect(scenario.population).toMatchObject({ firstHome: 40, homes: 5 })
  expect(scenario.days).toBe(1)
})

it('gives what it has found when its tries or its time are over', async () => {
  const fails = async (it: Scenario) => has(it, 137)
  expect(await shrink(WHOLE, fails, { ...limits, maxTries: 3 })).toMatchObject({
    tries: 3,
    scenario: { days: 60, population: { firstHome: 100, homes: 50 } },
  })
  let ms = 0
  const slowly = async (it: Scenario) => {
    ms += 400
    return has(it, 137)
  }
  const slow = { ...limits, maxMs: 1000, nowMs: () => ms }
  const { tries } = await shrink(WHOLE, slowly, slow)
  expect(tries).toBe(3)
})

it('stays whole when nothing smaller fails', async () => {
  expect(await shrink(WHOLE, async () => false, limits)).toMatchObject({ scenario: WHOLE })
})

it('takes bounds on orders for the homes and days of the file alone', () => {
  for (const other of [{ homes: 20 }, { days: 30 }, { days: 90 }, { firstHome: 1 }]) {
    expect(overridden(WHOLE, other).holds).toEqual({ orders: undefined })
  }
  expect(overridden(WHOLE, { homes: 200, days: 60, firstHome: 0 })).toEqual(WHOLE)
  expect(overridden(WHOLE, { seed: 'x', without: FAULT_KINDS })).toMatchObject({
    seed: 'x',
    faults: {},
    holds: WHOLE.holds,
  })
})
