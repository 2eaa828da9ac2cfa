import { describe, expect, it } from 'vitest'
import { ReplacementProduct, SlotDescription, Unit } from '../../gateway/domain/level.ts'

const products = (count: number) => Array.from({ length: count }, () => ({ type: 'oem', value: 'B8' }))

describe('the description of a slot', () => {
  it('empties and names no product unless it says so', () => {
    expect(SlotDescription.parse({ slot: 'detergent', unit: 'ml', capacity: 1400 })).toEqual({
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      degradationDirection: 'down',
      replacementProducts: [],
    })
  })

  it.each([
    { degradationDirection: 'up' },
    { degradationDirection: 'down' },
    { capacity: 1e9 },
    { capacity: 0.1 },
    { replacementProducts: products(5) },
  ])('may be of %j', (part) => {
    const description = { slot: 'detergent', unit: 'ml', capacity: 1400, ...part }
    expect(SlotDescription.parse(description)).toMatchObject(part)
  })

  it.each([
    { degradationDirection: 'sideways' },
    { degradationDirection: '' },
    { capacity: 0 },
    { capacity: 1.1e9 },
    { unit: 'l' },
    { replacementProducts: products(6) },
    { colour: 'blue' },
  ])('is not of %j', (part) => {
    expect(SlotDescription.safeParse({ slot: 'detergent', unit: 'ml', capacity: 1400, ...part }).success).toBe(false)
  })

  it.each(['ml', 'g', 'count', 'percent'])('is counted in %s', (unit) => expect(Unit.parse(unit)).toBe(unit))
})

describe('a product that fits', () => {
  it.each([
    ['upc', '036000291452'],
    ['gtin8', '96385074'],
    ['ean', '4006381333931'],
    ['gtin14', '04006381333931'],
    ['oem', 'B'],
    ['oem', 'b'.repeat(20)],
  ])('is %s %s', (type, value) => expect(ReplacementProduct.parse({ type, value })).toEqual({ type, value }))

  it.each([
    ['ean', '4006381333932'],
    ['oem', ''],
    ['oem', 'b'.repeat(21)],
    ['', 'B8'],
  ])('is not %s %s', (type, value) => expect(ReplacementProduct.safeParse({ type, value }).success).toBe(false))
})
