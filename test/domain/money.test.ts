import { expect, it } from 'vitest'
import { formatMoney, MinorUnits, parseMoney } from '../../gateway/domain/money.ts'

const token = { decimals: 6, symbol: 'TUSD' }

it.each([
  [12_490_000n, '12.49 TUSD'],
  [12_000_000n, '12.00 TUSD'],
  [12_500_000n, '12.50 TUSD'],
  [1n, '0.000001 TUSD'],
  [0n, '0.00 TUSD'],
  [-1_500_001n, '-1.500001 TUSD'],
  [-20_000_000n, '-20.00 TUSD'],
  [1_234_567_890_123_456n, '1234567890.123456 TUSD'],
])('writes %s as %s', (amount, text) => expect(formatMoney(amount, token)).toBe(text))

it('writes a token of two decimals', () => expect(formatMoney(5n, { decimals: 2, symbol: 'EUR' })).toBe('0.05 EUR'))

it.each([
  ['12.49', 12_490_000n],
  ['12', 12_000_000n],
  ['0.000001', 1n],
  ['0.0000001', undefined],
  ['1.', undefined],
  ['.5', undefined],
  ['-1', undefined],
  ['1,5', undefined],
  ['x1', undefined],
  ['1x', undefined],
  ['', undefined],
  ['123456789012345678', 123_456_789_012_345_678_000_000n],
  ['1234567890123456789', undefined],
])('reads %s as %s', (text, amount) => expect(parseMoney(text, 6)).toBe(amount))

it('takes amounts as decimal text on every wire', () => {
  expect(MinorUnits.parse('12490000')).toBe(12_490_000n)
  expect(MinorUnits.parse(7n)).toBe(7n)
  for (const wrong of ['-1', '1.5', '', '1e3', 'x', ' 1', '1 ', '9'.repeat(30), -1n, 1]) {
    expect(MinorUnits.safeParse(wrong).success).toBe(false)
  }
})
