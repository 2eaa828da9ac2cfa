import { expect, it } from 'vitest'
import { FAULT_KINDS } from '../../../device-sim/scenario/faults.ts'
import { parseScenario, readScenario, shippedScenarios } from '../../../device-sim/scenario/scenario-file.ts'

const SMALL = 'about: one home\npopulation: { homes: 1 }\ndays: 7\n'
const mistakes = (text: string) => {
  const read = parseScenario(text)
  return read.ok ? [] : read.mistakes.map(({ line, sentence }) => `${line}: ${sentence}`)
}

it('ships scenarios that are right', () => {
  const names = shippedScenarios()
  expect(names).toEqual(['ci', 'first-orders', 'fleet', 'pure-large'])
  for (const name of names) expect(readScenario(name)).toMatchObject({ ok: true, name })
})

it('plays at least one of every fault in the scenario of CI', () => {
  const read = readScenario('ci')
  expect(read.ok && Object.values(read.scenario.faults).every((fault) => fault !== undefined)).toBe(true)
  expect(read.ok && Object.keys(read.scenario.faults)).toHaveLength(FAULT_KINDS.length)
})

it('fills in what is not said', () => {
  expect(parseScenario(SMALL)).toMatchObject({
    ok: true,
    scenario: {
      seed: '1',
      tickMinutes: 60,
      start: '2026-03-02',
      faults: {},
      population: { appliances: { washer: 1 }, carrier: { days: { least: 1, most: 3 } }, sensors: { noise: 1 } },
    },
  })
  expect(parseScenario(`${SMALL}seed: 42\nfaults: { flaps: { perDeviceDay: 1 } }`)).toMatchObject({
    scenario: { seed: '42', faults: { flaps: { perDeviceDay: 1, minutes: { least: 30, most: 480 } } } },
  })
})

it.each([
  ['', ['1: about: it is missing.', '1: population: it is missing.', '1: days: it is missing.']],
  [
    `${SMALL}homes: 3`,
    ['4: homes is not known here. There are about, population, run, seed, start, days, tickMinutes, faults, holds.'],
  ],
  [SMALL.replace('homes: 1', 'homes: 0'), ['2: population.homes: there is at least 1 home.']],
  [`${SMALL}tickMinutes: 7`, ['4: tickMinutes: a day must be a whole number of ticks: 5, 10, 15, 30, 60, 120 ….']],
  [`${SMALL}start: tomorrow`, ['4: start: it is a date such as 2026-03-02.']],
  [`${SMALL}start: 2026-02-30`, ['4: start: the calendar has no day 2026-02-30.']],
  [`${SMALL}start: 2026-13-01`, ['4: start: the calendar has no day 2026-13-01.']],
  [`${SMALL}start: 20260302`, ['4: start: it is a date such as 2026-03-02.']],
  [`${SMALL}seed: 1.5`, ['4: seed: it is a text of 1 to 64 characters, or a whole number.']],
  [`${SMALL}seed: ''`, ['4: seed: it is a text of 1 to 64 characters, or a whole number.']],
  [
    '- about: one home',
    ['1: The file: it holds settings by name: about, population, run, seed, start, days, tickMinutes, faults, holds.'],
  ],
  [
    `${SMALL}holds: lots`,
    [
      '4: holds: it holds settings by name: orders, packs, stockOutDaysPerHomeYear, messagesPerHomeMonth, paidShareOfArrived.',
    ],
  ],
  [`${SMALL}holds: { messagesPerHomeMonth: few }`, ['4: holds.messagesPerHomeMonth: it is a number.']],
  [`${SMALL}holds:\n  orders: {}`, ['5: holds.orders: it names `atLeast`, `atMost` or both.']],
  [
    `${SMALL}holds:\n  orders: { atLeast: 10, atMost: 5 }`,
    ['5: holds.orders: `atLeast` is more than `atMost`: exchange them.'],
  ],
  [`${SMALL}faults:\n  kills: {}`, ['5: faults.kills: it names gateway, chain or shop, each with a number of days.']],
  [
    SMALL.replace('homes: 1', 'homes: 1, people: { 12: 2 }'),
    ['2: population.people.12: the number of people is 1 to 9.'],
  ],
  [
    SMALL.replace('homes: 1', 'homes: 1, people: 3'),
    ['2: population.people: it is weights by the number of people, such as { 1: 40, 2: 60 }.'],
  ],
  [
    SMALL.replace('homes: 1', 'homes: 1, shop: { stockPacks: lots }'),
    ['2: population.shop.stockPacks: it is a whole number.'],
  ],
  [
    SMALL.replace('homes: 1', 'homes: 1, fullAtStart: { least: some, most: 1 }'),
    ['2: population.fullAtStart.least: it is 0 to 1.'],
  ],
  [`${SMALL}faults:\n  duplicates: { share: 2 }`, ['5: faults.duplicates.share: it is a share from 0 to 1.']],
  [
    `${SMALL}faults:\n  flaps:\n    perDeviceDay: 1\n    minutes: { least: 9, most: 3 }`,
    ['7: faults.flaps.minutes: `least` is more than `most`: exchange them.'],
  ],
  [
    'about: [',
    ['1: This is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ].'],
  ],
])('says what is wrong, and where: %j', (text, expected) => {
  expect(mistakes(text)).toEqual(expected)
})

it('has a sentence of its own for whatever stands in a wrong place', () => {
  const read = readScenario('ci')
  if (!read.ok) throw new Error('It does not read.')
  const holds = { ...read.scenario.holds, messagesPerHomeMonth: 60, orders: { atLeast: 1, atMost: 9 } }
  const shop = { ...read.scenario.population.shop, stockPacks: 5 }
  const full = { ...read.scenario, holds, population: { ...read.scenario.population, shop } }
  for (const bent of bentOnes(full)) {
    for (const mistake of mistakes(JSON.stringify(bent))) expect(mistake).not.toMatch(/Invalid|Too |expected/)
  }
})

/** The value with another thing in each place of it. */
function bentOnes(value: unknown): unknown[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, one]) => bentOnes(one).map((bent) => ({ ...value, [key]: bent })))
      : []
  return [...inner, null, ['x'], 'x', -7.5, 1e12, {}, '']
}

it('says which appliances there are', () => {
  expect(mistakes(SMALL.replace('homes: 1', 'homes: 1, appliances: { toaster: 1 }'))).toEqual([
    '2: population.appliances.toaster: there is no such appliance. There are washer, dishwasher, printer, coffee-machine, water-filter, pet-feeder.',
  ])
})

it('names the shipped ones when one is not there, and a file by its path', () => {
  expect(readScenario('nothing')).toMatchObject({ ok: false, sentences: [expect.stringContaining('ci, first-orders')] })
  expect(readScenario('./nothing.yaml')).toEqual({ ok: false, sentences: ['There is no file ./nothing.yaml.'] })
  expect(readScenario('./device-sim')).toEqual({
    ok: false,
    sentences: ['./device-sim is a folder. Name a file of it, such as device-sim/mine.yaml.'],
  })
})
