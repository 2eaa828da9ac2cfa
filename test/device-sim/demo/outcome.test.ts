import { expect, test } from 'vitest'
import { type Outcome, whatIsMissing } from '../../../device-sim/demo/outcome.ts'

const GOOD: Outcome = {
  order: { orderId: '0193', state: 'completed', totalMinorUnits: 12_490_000n, lastReason: 'paid' },
  levelBeforeMl: 240,
  levelAfterMl: 1400,
  before: { payer: 1_000_000_000n, escrow: 0n, seller: 0n },
  after: { payer: 987_510_000n, escrow: 0n, seller: 12_490_000n },
}

test('a whole purchase lacks nothing', () => {
  expect(whatIsMissing(GOOD)).toEqual([])
})

test.each<[string, Outcome, string]>([
  ['no order', { ...GOOD, order: undefined }, 'Nothing was ordered.'],
  [
    'an order under way',
    { ...GOOD, order: { ...GOOD.order!, state: 'shipped', lastReason: 'Sent.' } },
    'not completed but shipped: Sent.',
  ],
  ['one unit too much', { ...GOOD, after: { ...GOOD.after, payer: 987_509_999n } }, 'The payer paid 12490001'],
  ['one unit too little', { ...GOOD, after: { ...GOOD.after, seller: 12_489_999n } }, 'The seller gained 12489999'],
  ['a unit in escrow', { ...GOOD, after: { ...GOOD.after, escrow: 1n } }, 'The escrow still holds 1 '],
  ['an empty drawer', { ...GOOD, levelAfterMl: 1329 }, 'The drawer is not full again: 1329 ml.'],
  ['an unknown level', { ...GOOD, levelAfterMl: undefined }, 'an unknown number of ml'],
])('%s is told', (_, outcome, sentence) => {
  expect(whatIsMissing(outcome)).toEqual([expect.stringContaining(sentence)])
})

test('an order without a price is no free purchase', () => {
  const order = { ...GOOD.order!, totalMinorUnits: undefined }
  expect(whatIsMissing({ ...GOOD, order, after: GOOD.before })).toEqual(['The order never got a price.'])
})
