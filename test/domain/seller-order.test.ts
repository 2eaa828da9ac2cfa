import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderMessage, Sscc, ssccCheckDigit } from '../../gateway/domain/seller-order.ts'

describe('an SSCC', () => {
  it('has the check digit that its seventeen digits give', () => {
    expect(ssccCheckDigit('37610425002123456')).toBe('9')
    expect(Sscc.parse('376104250021234569')).toBe('376104250021234569')
  })

  const body = fc.stringMatching(/^[0-9]{17}$/)

  it('has weighted digits that sum to a multiple of ten', () => {
    fc.assert(
      fc.property(body, (digits) => {
        const sscc = Sscc.parse(digits + ssccCheckDigit(digits))
        const weighted = [...sscc].reduce((sum, digit, at) => sum + Number(digit) * [3, 1][at % 2]!, 0)
        expect(weighted % 10).toBe(0)
      }),
    )
  })

  it('is refused with one digit wrong, missing or too many', () => {
    fc.assert(
      fc.property(body, fc.nat(17), fc.integer({ min: 1, max: 9 }), (digits, at, by) => {
        const sscc = digits + ssccCheckDigit(digits)
        const wrong = sscc.slice(0, at) + String((Number(sscc[at]) + by) % 10) + sscc.slice(at + 1)
        expect(Sscc.safeParse(wrong).error?.issues[0]?.message).toBe('the check digit of this SSCC is wrong')
        for (const other of [sscc.slice(1), `0${sscc}`, `${sscc}0`, `x${sscc.slice(1)}`]) {
          expect(Sscc.safeParse(other).error?.issues[0]?.message).toBe('an SSCC has 18 digits')
        }
      }),
    )
  })
})

it('an order message without its quote is none', () => {
  expect(OrderMessage.safeParse({}).success).toBe(false)
})
