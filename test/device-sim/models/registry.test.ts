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
const taking = (...gtins: string[]) =>
  `export const one = { slots: [{ products: ${JSON.stringify(gtins.map((gtin) => ({ gtin })))} }] }`

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
    '02-b.ts: GTIN 9521234000069: the check digit of this GTIN is wrong.',
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
