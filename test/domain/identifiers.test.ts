import { describe, expect, it } from 'vitest'
import { Address, DeviceId, Gtin, gtin14, Hex32, HexBytes, HomeId, SlotName } from '../../gateway/domain/identifiers.ts'
import { holdsAt } from '../../gateway/domain/mandate.ts'
import { StaleOrderError } from '../../gateway/domain/order.ts'

describe('a GTIN', () => {
  it.each(['4006381333931', '04006381333931', '96385074', '036000291452', '00000000'])('is %s', (gtin) =>
    expect(Gtin.safeParse(gtin).success).toBe(true),
  )
  it.each([
    '4006381333932',
    '4006381333913',
    '963850741',
    '9638507',
    '40063813339310',
    'x4006381333931',
    '4006381333931x',
    '',
  ])('is not %s', (gtin) => expect(Gtin.safeParse(gtin).success).toBe(false))
  it('is the same in all its lengths', () => {
    expect(gtin14('4006381333931')).toBe('04006381333931')
    expect(gtin14('96385074')).toBe('00000096385074')
    expect(gtin14('04006381333931')).toBe('04006381333931')
  })
})

it.each([
  [DeviceId, ['a', 'washer-1', '0x', 'a'.repeat(63)], ['', '-a', 'A', 'a_b', 'a'.repeat(64), 'a/b', ' a', 'a ']],
  [HomeId, ['home', 'h-1'], ['', '-h', 'Home', 'h'.repeat(64), 'h h']],
  [SlotName, ['a', 'detergent', 'softenerTank', 'a-1'], ['', 'A', '1a', '-a', 'a'.repeat(33), 'a_b', 'a ']],
  [
    Address,
    [`0x${'aB'.repeat(20)}`],
    [`0x${'a'.repeat(39)}`, `0x${'a'.repeat(41)}`, 'aa'.repeat(20), `0x${'g'.repeat(40)}`],
  ],
  [Hex32, [`0x${'aB'.repeat(32)}`], [`0x${'a'.repeat(63)}`, `0x${'a'.repeat(65)}`, `x0x${'a'.repeat(64)}`]],
  [HexBytes, ['0x', '0xAb', '0xab12'], ['', '0xa', '0xabg0', 'ab', 'x0xab', '0xab ']],
] as const)('%# takes what it says', (schema, good, bad) => {
  for (const text of good) expect([text, schema.safeParse(text).success]).toEqual([text, true])
  for (const text of bad) expect([text, schema.safeParse(text).success]).toEqual([text, false])
})

it('writes addresses, hashes and bytes in lower case', () => {
  expect(Address.parse(`0x${'AB'.repeat(20)}`)).toBe(`0x${'ab'.repeat(20)}`)
  expect(Hex32.parse(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`)
  expect(HexBytes.parse('0xAB')).toBe('0xab')
})

it('a mandate holds from its start on and no longer at its end', () => {
  const term = { start: 10, end: 20 }
  expect([9, 10, 19, 20].map((seconds) => holdsAt(term, seconds))).toEqual([false, true, true, false])
})

it('a stale order says which and what it no longer is', () => {
  expect(new StaleOrderError('a1', 'needed').message).toBe('Order a1 is no longer needed.')
})
