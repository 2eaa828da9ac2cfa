import { expect, it } from 'vitest'
import { leftOutOf } from '../../../device-sim/run/left-out.ts'
import { overridden } from '../../../device-sim/scenario/overrides.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const whole = Scenario.parse({
  about: 'a test',
  population: { homes: 5 },
  days: 40,
  faults: { flaps: { perDeviceDay: 1 }, kills: { gateway: 3 }, duplicates: { share: 0.1 } },
  holds: { orders: { atLeast: 1 }, packs: { atMost: 9 }, messagesPerHomeMonth: 0 },
})

it('says what a pure run does not play or judge', () => {
  expect(leftOutOf(whole, whole, 'real')).toEqual([])
  expect(leftOutOf(whole, whole, 'pure')).toEqual([
    'What does not happen in a pure run: duplicates, kills.',
    'What is not judged in a pure run: messagesPerHomeMonth.',
  ])
  expect(leftOutOf(whole, overridden(whole, { without: ['kills', 'duplicates'] }), 'pure')).toHaveLength(1)
})

it('says which faults do not come up: the first day is left in peace, and the rest may be too short', () => {
  const faults = {
    ...whole.faults,
    kills: { gateway: 3, shop: 900 },
    reorgs: { everyDays: 900, blocks: 3 },
    sellerOutages: { everyDays: 900, hours: { least: 1, most: 2 } },
    hostile: { devices: 1, everyDays: 900 },
  }
  expect(leftOutOf(whole, { ...whole, faults }, 'real')).toEqual([
    'What does not come up within these days: kill -9 shop, reorg, the seller is away, hostile device.',
  ])
  expect(leftOutOf(whole, { ...whole, faults }, 'pure')).toContain(
    'What does not come up within these days: the seller is away.',
  )
})

it('says that bounds on orders are not judged of other homes or days', () => {
  const sentence =
    'The number of orders is not judged: its bounds are for the 5 homes from number 0 on and the 40 days of the file.'
  expect(leftOutOf(whole, overridden(whole, { days: 20 }), 'real')).toEqual([
    sentence,
    sentence.replace('of orders', 'of packs'),
  ])
  expect(leftOutOf(whole, overridden(whole, { seed: 'x' }), 'real')).toEqual([])
})
