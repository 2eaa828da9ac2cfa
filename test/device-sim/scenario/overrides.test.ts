import { expect, it } from 'vitest'
import { mistakesOf, overridden } from '../../../device-sim/scenario/overrides.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const whole = Scenario.parse({ about: 'a test', population: { homes: 5 }, days: 40, holds: { orders: { atLeast: 1 } } })

it('holds a changed scenario to what a file is held to', () => {
  expect(mistakesOf(overridden(whole, { homes: 100_000, days: 3_650, firstHome: 1e6, seed: '7' }))).toEqual([])
  expect(mistakesOf(overridden(whole, { homes: 100_001, days: 100_000, firstHome: 1e6 + 1 }))).toEqual([
    '--homes 100001: it is at most 100000.',
    '--first-home 1000001: it is at most 1000000.',
    '--days 100000: it is at most 3650.',
  ])
})
