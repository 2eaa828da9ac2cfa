import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { namesSlot } from '../../gateway/domain/rules.ts'
import { BUILT_IN_RULES } from '../../gateway/rules/in-force.ts'
import { parseRules } from '../../gateway/rules/rules-file.ts'

const WHOLE = `
quietHours: { from: "22:00", to: "07:00" }
budgets:
  - { name: house, period: month, limit: "60.00", slots: ["washer-1/*"] }
rules:
  - name: everything
    slots: [washer-1/detergent, "*/salt"]
    when:
      level: { below: 20 % }
      daysLeft: { below: 5.5 }
      event: cycle-finished
      fault: E21
      timeOfDay: { from: "08:00", to: "20:00", days: [mon, fri] }
      price: { atMost: "12.50" }
      budget: { name: house, leaves: "5" }
    then:
      order: { packs: 2, atLeast: 1, storageLimit: 3000, mode: ask }
      notify: Low.
      service: Come.
      command: { name: lamp, arguments: { on: true } }
`
const mistakes = (text: string) => {
  const read = parseRules(text)
  return read.ok ? [] : read.mistakes.map(({ line, sentence }) => `${line}: ${sentence}`)
}

it('takes a file that says everything', () => {
  expect(parseRules(WHOLE)).toEqual({
    ok: true,
    rules: {
      quietHours: { fromMinute: 1320, toMinute: 420 },
      budgets: [{ name: 'house', period: 'month', limit: '60.00', slots: ['washer-1/*'] }],
      rules: [
        {
          name: 'everything',
          slots: ['washer-1/detergent', '*/salt'],
          when: {
            level: { below: { share: 0.2 } },
            daysLeft: { below: 5.5 },
            event: 'cycle-finished',
            fault: 'E21',
            timeOfDay: { fromMinute: 480, toMinute: 1200, days: ['mon', 'fri'] },
            price: { atMost: '12.50' },
            budget: { name: 'house', leaves: '5' },
          },
          // biome-ignore lint/suspicious/noThenProperty: a rule reads "when … then …"
          then: {
            order: { packs: 2, atLeast: 1, storageLimit: 3000, mode: 'ask' },
            notify: 'Low.',
            service: 'Come.',
            command: { name: 'lamp', arguments: { on: true } },
          },
        },
      ],
    },
  })
})

it('takes the built-in rules', () => {
  expect(mistakes(readFileSync(BUILT_IN_RULES, 'utf8'))).toEqual([])
})

describe('a mistake is told with its line and what to do', () => {
  const rule = (when: string, then: string) => `rules:\n  - name: x\n    when: { ${when} }\n    then: { ${then} }\n`
  const order = 'order: {}'
  it.each([
    [
      'rules: [',
      ['1: This is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ].'],
    ],
    ['', ['1: rules: it is missing.']],
    ['- a', ['1: The file: it must hold settings such as "rules:".']],
    ['rules: []', ['1: rules: there must be at least one rule; without a file the built-in ones hold.']],
    ['x: &a 1\ny: *a', ['2: Anchors and aliases (& and *) are not taken: write it out.']],
    ['rules: 1\nrules: 2', ['2: This is no YAML: Map keys must be unique.']],
    [
      `quiet: 1\n${rule('level: { below: 1 }', order)}`,
      ['1: quiet is not known here. There are quietHours, budgets, rules.'],
    ],
    [
      rule('lvel: { below: 1 }', order),
      ['3: rules[1].when.lvel is not known here. There are level, daysLeft, event, fault, timeOfDay, price, budget.'],
    ],
    [
      rule('level: { below: 1 }', 'oder: {}'),
      ['4: rules[1].then.oder is not known here. There are order, notify, service, command.'],
    ],
    [
      rule('level: { below: 0 }', order),
      ['3: rules[1].when.level.below: give a number above 0 in the slot’s unit, or a share such as "20 %".'],
    ],
    [
      rule('level: { below: "101 %" }', order),
      ['3: rules[1].when.level.below: a share is above 0 % and at most 100 %.'],
    ],
    [rule('level: { below: "0 %" }', order), ['3: rules[1].when.level.below: a share is above 0 % and at most 100 %.']],
    [
      rule('daysLeft: { below: soon }', order),
      ['3: rules[1].when.daysLeft.below: give a number of days, or forecast.'],
    ],
    [
      rule('timeOfDay: { from: 800, to: "20:00" }', 'notify: x'),
      ['3: rules[1].when.timeOfDay.from: a time of day is text: put it in quotes, such as "07:30".'],
    ],
    [
      rule('timeOfDay: { from: "8:00", to: "24:00" }', 'notify: x'),
      [
        '3: rules[1].when.timeOfDay.from: a time of day is "HH:MM", from "00:00" to "23:59".',
        '3: rules[1].when.timeOfDay.to: a time of day is "HH:MM", from "00:00" to "23:59".',
      ],
    ],
    [
      rule('timeOfDay: { from: "08:00", to: "08:00" }', 'notify: x'),
      ['3: rules[1].when.timeOfDay: from and to are the same: leave it out if it is always so.'],
    ],
    [
      rule('level: { below: 1 }, price: { atMost: 12.5 }', order),
      ['3: rules[1].when.price.atMost: an amount is text: put it in quotes, such as "15.00".'],
    ],
    [
      rule('level: { below: 1 }, price: { atMost: "12,5" }', order),
      ['3: rules[1].when.price.atMost: an amount is digits and a point, such as "15.00".'],
    ],
    [
      rule('event: x, price: { atMost: "1" }', 'notify: x'),
      ['3: rules[1].when.price: only a rule that orders has a price: take it away, or add order.'],
    ],
    [
      rule('price: { atMost: "1" }', order),
      ['3: rules[1].when: it would always order: add one of level, daysLeft, event, fault.'],
    ],
    [
      rule('level: { below: 1 }, budget: { name: b, leaves: "1" }', order),
      ['3: rules[1].when.budget.name: there is no budget with this name under budgets.'],
    ],
    [
      rule('', 'notify: x'),
      ['3: rules[1].when: it says no condition: there are level, daysLeft, event, fault, timeOfDay, price, budget.'],
    ],
    [rule('event: x', ''), ['4: rules[1].then: it does nothing: there are order, notify, service, command.']],
    [
      `${rule('event: x', 'notify: x')}${rule('event: x', 'notify: x').replace('rules:\n', '')}`,
      ['5: rules[2].name: there are two rules with this name: give each its own.'],
    ],
    [
      `budgets:\n  - { name: b, period: month, limit: "1" }\n  - { name: b, period: day, limit: "1" }\n${rule('event: x', 'notify: x')}`,
      ['3: budgets[2].name: there are two budgets with this name: give each its own.'],
    ],
    [
      'rules:\n  - name: x\n    slots: [washer]\n    when: { event: x }\n    then: { notify: x }',
      ['3: rules[1].slots[1]: a slot is written device/slot, with * for any, such as washer-1/detergent or */salt.'],
    ],
    ['rules:\n  - name: x\n    when: { event: x }', ['2: rules[1].then: it is missing.']],
    [`# ${'x'.repeat(48 * 1024)}`, ['1: It is longer than 48 KiB: are these your rules?']],
  ] as [string, string[]][])('%j', (text, sentences) => expect(mistakes(text)).toEqual(sentences))

  it('all of them at once, in the order of the lines', () => {
    const text = WHOLE.replace('20 %', '200 %').replace('"22:00"', 'late').replace('mode: ask', 'mode: auto')
    expect(mistakes(text).map((mistake) => mistake.split(':')[0])).toEqual(['2', '9', '17'])
  })
})

it('names slots by device, slot, both or neither', () => {
  const names = (...patterns: string[]) => namesSlot(patterns, 'washer-1', 'detergent')
  expect([names('*/*'), names('washer-1/*'), names('*/detergent'), names('washer-1/detergent')]).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect([names(), names('washer-2/*'), names('*/salt'), names('washer-1/salt'), names('washer-2/detergent')]).toEqual([
    false,
    false,
    false,
    false,
    false,
  ])
  expect(names('*/salt', '*/detergent')).toBe(true)
})
