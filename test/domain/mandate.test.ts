import { describe, expect, it } from 'vitest'
import { Mandate, MandateFile, type MandateOffer, offerFor } from '../../gateway/domain/mandate.ts'
import {
  LONGEST_OFFER_SECONDS,
  OFFER_VALID_SECONDS,
  Settlement,
  SettlementOffer,
} from '../../gateway/domain/settlement.ts'

const account = (digit: string) => `0x${digit.repeat(40)}`
const bytes32 = `0x${'5'.repeat(64)}`
const mandate = {
  payer: account('1'),
  deviceKey: account('2'),
  deviceId: '7',
  deviceEpoch: '0',
  arbiter: account('3'),
  token: account('4'),
  allowance: '1000',
  period: 3600,
  start: 0,
  end: 0,
  maxPerOrder: '1000',
  maxOpenOrders: 1,
  coolingOffSeconds: 0,
  offersRoot: bytes32,
  household: (2n ** 64n - 1n).toString(),
  salt: '0',
  extraData: bytes32,
}

describe('a mandate', () => {
  it('is read from text', () => {
    expect(Mandate.parse(mandate)).toMatchObject({ deviceId: 7n, household: 2n ** 64n - 1n, period: 3600 })
    expect(Mandate.parse({ ...mandate, deviceId: 7n, salt: 0n })).toMatchObject({ deviceId: 7n, salt: 0n })
  })

  it('is none with a part out of range', () => {
    const parts = [
      { household: 2n ** 64n },
      { deviceEpoch: (2n ** 64n).toString() },
      { salt: -1n },
      { deviceId: '1'.repeat(79) },
      { deviceId: 'x1' },
      { deviceId: '1x' },
      { period: 3599 },
      { start: -1 },
      { maxOpenOrders: 0 },
      { coolingOffSeconds: -1 },
      { note: 'more' },
    ]
    expect(parts.filter((part) => Mandate.safeParse({ ...mandate, ...part }).success)).toEqual([])
  })

  it('comes with at least one offer and at most 64', () => {
    const offer = { salt: bytes32, seller: account('6'), gtin: '96385074', packSize: 1, maxUnitPrice: '1' }
    const isFile = (offers: number, part = {}) =>
      MandateFile.safeParse({
        mandateHash: bytes32,
        mandate,
        offers: Array.from({ length: offers }, () => ({ ...offer, ...part })),
        readable: '',
      }).success
    expect([isFile(0), isFile(1), isFile(64), isFile(65)]).toEqual([false, true, true, false])
    expect(isFile(1, { packSize: 0 })).toBe(false)
  })
})

describe('the offer for a wanted product', () => {
  const offer = (seller: string, gtin: string) => ({ seller: account(seller), gtin }) as MandateOffer
  const offers = [offer('6', '96385074'), offer('7', '96385074'), offer('7', '4006381333931')]

  it('is of its seller and of its GTIN, in whatever length', () => {
    expect(offerFor({ offers }, offer('7', '04006381333931'))).toBe(offers[2])
    expect(offerFor({ offers }, offer('7', '96385074'))).toBe(offers[1])
  })

  it('is none when another seller or another product is named', () => {
    expect(offerFor({ offers }, offer('8', '96385074'))).toBeUndefined()
    expect(offerFor({ offers }, offer('6', '4006381333931'))).toBeUndefined()
  })
})

describe('a settlement', () => {
  const settlement = { toSeller: '5', validBefore: 2 ** 48 - 1 }

  it('ends in a second that the contract can hold', () => {
    expect(Settlement.parse(settlement)).toEqual({ toSeller: 5n, validBefore: 2 ** 48 - 1 })
    expect(Settlement.parse({ ...settlement, validBefore: 1 }).validBefore).toBe(1)
    for (const validBefore of [0, 2 ** 48, 1.5]) {
      expect(Settlement.safeParse({ ...settlement, validBefore }).success).toBe(false)
    }
  })

  it('is offered with a signature', () => {
    expect(SettlementOffer.parse({ ...settlement, signature: '0xAB' })).toMatchObject({
      toSeller: 5n,
      signature: '0xab',
    })
    expect(SettlementOffer.safeParse(settlement).success).toBe(false)
  })

  it('binds for a week, and nobody for more than 90 days', () => {
    expect(OFFER_VALID_SECONDS).toBe(604_800)
    expect(LONGEST_OFFER_SECONDS).toBe(7_776_000)
  })
})
