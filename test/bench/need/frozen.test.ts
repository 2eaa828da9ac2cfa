import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { makeHome, type Scenario } from './homes.ts'
import { clairvoyantPolicy, knownByRate, oraclePolicy, WaitingTable } from './references.ts'
import { simulate } from './simulate.ts'

const SCENARIOS: Scenario[] = ['plain', 'no-spells', 'doubles', 'halves']

function digest(value: unknown): string {
  // Nine digits: another build of the engine may differ in the last.
  const text = JSON.stringify(value, (_, each) => (typeof each === 'number' ? Number(each.toPrecision(9)) : each))
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

test('the homes are those that were frozen (ASSUMPTIONS.md)', () => {
  const homes = SCENARIOS.flatMap((scenario) => [1, 2, 3, 77, 500].map((seed) => makeHome(seed, scenario)))
  expect(digest(homes)).toBe('299172960f81d1e1')
})

// The homes, the simulator and these two references are those of the seeds 300001–301000 and before.
test('the simulator and the references are those that were frozen', () => {
  const outcomes = [1, 4, 9].flatMap((seed) => {
    const home = makeHome(seed)
    const tables = home.regimes.map((regime) => new WaitingTable(home, regime))
    return [24, 40, 80].flatMap((doses) =>
      [clairvoyantPolicy(home), oraclePolicy(home, tables, 2000)].map((policy) => {
        const { stockoutDays, stockDays, orders } = simulate(home, doses, policy)
        return { stockoutDays, stockDays, orders }
      }),
    )
  })
  expect(digest(outcomes)).toBe('f9306e09b024d1cb')
})

test('the oracle that knows the rate is the one that was frozen', () => {
  const outcomes = [1, 4, 9].flatMap((seed) => {
    const home = makeHome(seed)
    const seen = knownByRate(home)
    const tables = seen.regimes.map((regime) => new WaitingTable(seen, regime))
    return [24, 40, 80].map((doses) => {
      const { stockoutDays, stockDays, orders } = simulate(home, doses, oraclePolicy(seen, tables, 2000))
      return { stockoutDays, stockDays, orders }
    })
  })
  expect(digest(outcomes)).toBe('42cb4fa0a951270c')
})
