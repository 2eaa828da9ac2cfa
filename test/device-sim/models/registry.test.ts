import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { washer } from '../../../device-sim/models/appliances/01-washer.ts'
import { dishwasher } from '../../../device-sim/models/appliances/02-dishwasher.ts'
import { printer } from '../../../device-sim/models/appliances/03-printer.ts'
import { coffeeMachine } from '../../../device-sim/models/appliances/04-coffee-machine.ts'
import { waterFilter } from '../../../device-sim/models/appliances/05-water-filter.ts'
import { petFeeder } from '../../../device-sim/models/appliances/06-pet-feeder.ts'
import { APPLIANCES, appliancesIn } from '../../../device-sim/models/registry.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-appliances-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
const taking = (...gtins: string[]) => {
  const of = { sku: 'A', name: 'a product', packSize: 5, contentUnit: 'count', priceMinorUnits: 10_000 }
  const products = JSON.stringify(gtins.map((gtin) => ({ ...of, gtin })))
  return `export const one = {
    maker: 'Demo', model: 'One', firmware: '1.0.0',
    slots: [{ slot: 'pads', unit: 'count', capacity: 5, sensor: { noiseShare: 0, stepShare: 0 }, grain: 1, products: ${products} }],
    programs: [{ name: 'only', weight: 1, minutes: 9, leastSize: 1, doses: [[1, 2]] }],
    usesPerDay: () => 1, isRegular: true, worksAlone: false, week: [1, 1, 1, 1, 1, 1, 1], hours: { from: 8, to: 20 },
    faults: [], telemetry: ['watts'], measure(values) { values[0] = 1 },
  }`
}
const ANOTHER_SLOT =
  "{ slot: 'pads', unit: 'g', capacity: 9, sensor: { noiseShare: 0, stepShare: 0 }, grain: 1, products: [{ sku: 'B', gtin: '9521234000013', name: 'b', packSize: 5, contentUnit: 'g', priceMinorUnits: 10000 }] },"
const broken = (from: string, to: string) => taking('9521234000129').replace(from, to)

it('has all appliances, and keeps their order: the homes of a seed hang on it', () => {
  expect(Object.entries(APPLIANCES).slice(0, 6)).toEqual([
    ['washer', washer],
    ['dishwasher', dishwasher],
    ['printer', printer],
    ['coffee-machine', coffeeMachine],
    ['water-filter', waterFilter],
    ['pet-feeder', petFeeder],
  ])
})

it('finds an appliance by its file alone', async () => {
  write('02-humidifier.ts', taking('9521234000068'))
  write('01-pet-fountain.ts', taking('4006381333931', '9521234000129'))
  write('README.md', 'no appliance')
  expect(Object.keys(await appliancesIn(folder))).toEqual(['pet-fountain', 'humidifier'])
})

it.each([
  [
    'a wrong check digit',
    taking('9521234000069'),
    '02-b.ts: slots[0].products[0].gtin: the check digit of this GTIN is wrong.',
  ],
  [
    'a product of another, even if it is written otherwise',
    taking('09521234000068'),
    '02-b.ts: the GTIN 09521234000068 stands in 01-a.ts already.',
  ],
  [
    'a product that it has twice',
    taking('9521234000112', '9521234000112'),
    '02-b.ts: the GTIN 9521234000112 stands in 02-b.ts already.',
  ],
  ['nothing', 'export {}', '02-b.ts: it exports 0 things.'],
  ['a mistake in its code', 'export const one = {', '02-b.ts: '],
  ['an unknown unit', broken("'count', capacity", "'litre', capacity"), '02-b.ts: slots[0].unit: '],
  ['a name that no slot may have', broken("'pads'", "'the pads'"), '02-b.ts: slots[0].slot: a slot name is 1–32'],
  ['the content in no unit', broken('"count"', '"pads"'), '02-b.ts: slots[0].products[0].contentUnit: '],
  ['no product', taking(), '02-b.ts: slots[0].products: there is at least one.'],
  ['no program', broken('[{ name', '[], other: [{ name'), '02-b.ts: programs: there is at least one.'],
  ['a dose too few', broken('[[1, 2]]', '[]'), '02-b.ts: programs[0].doses: there are 0 doses for 1 slots'],
  [
    'a dose the wrong way round',
    broken('[1, 2]', '[2, 1]'),
    '02-b.ts: programs[0].doses[0]: a use of size 0 takes more',
  ],
  ['six days', broken('[1, 1, 1,', '[1, 1,'), '02-b.ts: week: it has a number for each of seven days'],
  ['hours from behind', broken('from: 8', 'from: 22'), '02-b.ts: hours: they end before they begin.'],
  [
    'a use that fails',
    broken('() => 1', '(people) => people.count.all'),
    '02-b.ts: Cannot read properties of undefined',
  ],
  [
    'more uses than a day has',
    broken('() => 1', '(people) => 8 * people'),
    '02-b.ts: usesPerDay: with 1 people it gives 8: it is 0 to 6.',
  ],
  [
    'days in percent',
    broken('[1, 1, 1, 1, 1, 1, 1]', '[10, 10, 10, 10, 20, 20, 20]'),
    '02-b.ts: week: the mean of its days is 1.',
  ],
  [
    'a price in cents',
    broken('10000', '399'),
    '02-b.ts: slots[0].products[0].priceMinorUnits: it is in millionths of a dollar',
  ],
  ['a grain above its doses', broken('grain: 1', 'grain: 3'), '02-b.ts: slots[0].grain: no use takes more than 2, and'],
  [
    'the same value twice',
    broken("['watts']", "['watts', 'watts']"),
    '02-b.ts: telemetry: two values have the same name.',
  ],
  [
    'uses that are no number',
    broken('() => 1', '() => 0 / 0'),
    '02-b.ts: usesPerDay: with 1 people it gives NaN: it is 0 to 6.',
  ],
  ['a value that it does not measure', broken('values[0] = 1', ''), '02-b.ts: measure: it gives no number for watts.'],
  [
    'a setting that there is not',
    broken('isRegular', 'isSteady: true, isRegular'),
    '02-b.ts: Unrecognized key: "isSteady".',
  ],
  [
    'two slots of one name',
    broken('slots: [', `slots: [${ANOTHER_SLOT}`).replace('[[1, 2]]', '[[0, 1], [1, 2]]'),
    'two slots have the same name',
  ],
])('refuses an appliance with %s, and names its file', async (_what, text, sentence) => {
  write('01-a.ts', taking('9521234000068'))
  write('02-b.ts', text)
  await expect(appliancesIn(folder)).rejects.toThrow(sentence)
})

it.each([
  ['humidifier.ts', 'humidifier.ts: the name of its file is a number of two digits and a name, such as 01-washer.ts.'],
  ['02-a.ts', '02-a.ts: there is another a already.'],
])('refuses the file name %s', async (file, sentence) => {
  write('01-a.ts', taking('9521234000068'))
  write(file, taking('9521234000129'))
  await expect(appliancesIn(folder)).rejects.toThrow(sentence)
})
