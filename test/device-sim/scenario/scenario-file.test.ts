import { expect, it } from 'vitest'
import { parseScenario, readScenario, shippedScenarios } from '../../../device-sim/scenario/scenario-file.ts'
import { Faults } from '../../../device-sim/scenario/schema.ts'

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
  expect(read.ok && Object.keys(read.scenario.faults)).toHaveLength(Object.keys(Faults.shape).length)
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

it('says which appliances there are', () => {
  expect(mistakes(SMALL.replace('homes: 1', 'homes: 1, appliances: { toaster: 1 }'))).toEqual([
    expect.stringMatching(/^2: population\.appliances.*toaster/),
  ])
})

it('names the shipped ones when one is not there, and a file by its path', () => {
  expect(readScenario('nothing')).toMatchObject({ ok: false, sentences: [expect.stringContaining('ci, first-orders')] })
  expect(readScenario('./nothing.yaml')).toEqual({ ok: false, sentences: ['There is no file ./nothing.yaml.'] })
})
