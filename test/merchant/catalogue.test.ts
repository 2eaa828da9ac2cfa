import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Sscc } from '../../gateway/domain/seller-order.ts'
import { DEMO_CATALOGUE, findProduct, readCatalogue } from '../../gateway/merchant/catalogue.ts'
import { ssccOf } from '../../gateway/merchant/warehouse.ts'

const folder = mkdtempSync(join(tmpdir(), 'catalogue-'))
afterAll(() => rmSync(folder, { recursive: true }))

function written(text: string): string {
  const file = join(folder, 'catalogue.yaml')
  writeFileSync(file, text)
  return file
}
const product = { sku: 'A', gtin: "'4006381333931'", name: 'Detergent', packSize: 1400, contentUnit: 'ml' }
function yaml(changes: Record<string, string | number> = {}): string {
  const fields = { ...product, priceMinorUnits: "'12490000'", ...changes }
  return `name: Shop\nproducts:\n  - ${Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n    ')}\n`
}

test('the demo shop sells the detergent of the documents, found by a GTIN of any length', () => {
  const demo = readCatalogue(DEMO_CATALOGUE)
  expect(findProduct(demo, '04006381333931')).toMatchObject({ packSize: 1400, contentUnit: 'ml' })
  expect(findProduct(demo, '4006381333931')).toBe(findProduct(demo, '04006381333931'))
  expect(demo.products.length).toBeGreaterThanOrEqual(4)
})

test.each([
  ['a wrong check digit', { gtin: "'4006381333932'" }, 'check digit'],
  ['a GTIN without quotes', { gtin: 4006381333931 }, 'put it in quotes'],
  ['a price without quotes', { priceMinorUnits: 12490000 }, 'in quotes'],
  ['a price of nothing', { priceMinorUnits: "'0'" }, 'minor units'],
  ['a misspelt field', { stok: 3 }, 'stok'],
  ['half a pack', { packSize: 0.5 }, 'packSize'],
])('says what is wrong: %s', (_name, changes, says) => {
  const file = written(yaml(changes))
  expect(() => readCatalogue(file)).toThrow(says)
  expect(() => readCatalogue(file)).toThrow(file)
})

test('one product is not sold at two prices', () => {
  const file = written(`${yaml()}${yaml({ gtin: "'04006381333931'" }).replace(/^.*\n.*\n/, '')}`)
  expect(() => readCatalogue(file)).toThrow('twice')
})

test('a missing file and no YAML are sentences', () => {
  expect(() => readCatalogue(join(folder, 'nowhere.yaml'))).toThrow('cannot be read')
  expect(() => readCatalogue(written('a: [1'))).toThrow('is not YAML')
})

test('labels carry an SSCC with its check digit', () => {
  // Example of GS1's check digit calculator: 37610425002123456 → 9.
  expect(Sscc.safeParse('376104250021234569').success).toBe(true)
  expect(Sscc.safeParse('376104250021234568').success).toBe(false)
  for (const serial of [1, 2, 42, 999_999_999]) expect(Sscc.parse(ssccOf(serial))).toHaveLength(18)
  expect(() => ssccOf(1_000_000_000)).toThrow('serial number')
})
