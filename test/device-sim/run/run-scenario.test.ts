import { expect, it } from 'vitest'
import { isGood } from '../../../device-sim/report/report.ts'
import {
  commandFor,
  failsAlike,
  type Played,
  play,
  reportOf,
  shrinkFailure,
} from '../../../device-sim/run/run-scenario.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const scenario = (more: object = {}) =>
  Scenario.parse({ about: 'a test', population: { homes: 8 }, days: 20, tickMinutes: 240, ...more })
const signal = new AbortController().signal
const pure = { kind: 'pure', signal, onProgress: () => undefined } as const
const playedWith = (verdicts: [name: string, holds: boolean][], broken?: string): Played => ({
  result: undefined,
  verdicts: verdicts.map(([name, holds]) => ({ name, holds, saw: '', details: [] })),
  broken,
})

it('plays a pure scenario, tells how far it is, and says what holds', async () => {
  const days: number[] = []
  const whole = scenario({ holds: { orders: { atLeast: 1 } } })
  const played = await play(whole, { ...pure, onProgress: ({ day }) => days.push(day) })
  const report = reportOf('test', 'test', whole, whole, 'pure', played, 0)
  expect(isGood(report)).toBe(true)
  expect(report.command).toBe('adept sim run test --pure --seed 1')
  expect(days.length).toBeGreaterThan(0)
  expect(report.result?.homes).toBe(8)
})

it('shrinks what fails to something small that fails for the same reason', async () => {
  // Whoever is without detergent once is enough.
  const whole = scenario({
    population: { homes: 8, fullAtStart: { least: 0, most: 0.1 } },
    holds: { stockOutDaysPerHomeYear: 0 },
    faults: { flaps: { perDeviceDay: 0.1 } },
  })
  const first = await play(whole, pure)
  expect(first.verdicts.filter(({ holds }) => !holds).map(({ name }) => name)).toEqual([
    'Appliances seldom lack what they need',
  ])
  const tried: number[] = []
  const shrunk = await shrinkFailure(whole, first, {
    kind: 'pure',
    signal,
    nowMs: () => 0,
    onTry: ({ population }) => tried.push(population.homes),
  })
  expect(shrunk.scenario.population.homes).toBe(1)
  expect(shrunk.scenario.days).toBeLessThan(20)
  expect(shrunk.scenario.faults).toEqual({})
  expect(shrunk.tries).toBe(tried.length)
  // The command plays a scenario that fails.
  expect((await play(shrunk.scenario, pure)).verdicts.some(({ holds }) => !holds)).toBe(true)
  expect(commandFor('test', whole, shrunk.scenario, 'pure')).toMatch(
    /^adept sim run test --pure --seed 1 --homes 1 .*--without flaps$/,
  )
})

it('takes only the same trouble for the same', () => {
  const first = playedWith([
    ['a', false],
    ['b', true],
  ])
  expect(failsAlike(first, playedWith([['a', false]]))).toBe(true)
  expect(failsAlike(first, playedWith([['b', false]]))).toBe(false)
  expect(failsAlike(first, playedWith([], 'It broke.'))).toBe(false)
  expect(failsAlike(playedWith([], 'It broke.'), playedWith([], 'Otherwise.'))).toBe(true)
})
