import { describe, expect, it } from 'vitest'
import type { BookedOrder } from '../../../device-sim/run/books.ts'
import { type Evidence, judgePure, judgeReal, withoutSizeBounds } from '../../../device-sim/run/expectations.ts'
import type { RunResult } from '../../../device-sim/run/result.ts'
import { type Holds, Scenario } from '../../../device-sim/scenario/schema.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 2, 2)
const END_MS = START_MS + 60 * DAY_MS
const scenario = (holds: Holds = {}) => Scenario.parse({ about: 'a test', population: { homes: 2 }, days: 60, holds })

const order = (orderId: string, fromDay: number, toDay: number | undefined, more: Partial<BookedOrder> = {}) => ({
  orderId,
  homeId: 'h0',
  deviceId: 'h0-washer',
  slot: 'detergent',
  gtin: '04006381333931',
  fits: true,
  quantity: 1,
  state: toDay === undefined ? 'shipped' : 'completed',
  stateChangedAtMs: START_MS + (toDay ?? fromDay) * DAY_MS,
  createdAtMs: START_MS + fromDay * DAY_MS,
  endedAtMs: toDay === undefined ? undefined : START_MS + toDay * DAY_MS,
  ...more,
})
const paid = (amount: bigint, toSeller = amount) => ({ amount, shipped: 1, ends: [{ name: 'Captured', toSeller }] })

/** Two orders of one slot, one paid and one under way, and a third whose first attempt was declined. */
function sound() {
  return {
    untilMs: END_MS,
    acknowledged: [{ deviceId: 'h0-washer', session: 'a', seqs: 100 }],
    received: new Set(['o1']),
    audits: [{ homeId: 'h0', authorizations: 3, differing: 0, unread: 0, why: undefined as string | undefined }],
    escrow: {
      payments: new Map([
        ['0x1', { authorizationId: '0x1', ...paid(1000n, 900n) }],
        ['0x2', { authorizationId: '0x2', amount: 500n, shipped: 1, ends: [] as { name: string; toSeller: bigint }[] }],
        ['0x3', { authorizationId: '0x3', amount: 70n, shipped: 0, ends: [{ name: 'Declined', toSeller: 0n }] }],
      ]),
      strange: [] as string[],
      paidIn: 1570n,
      paidToSeller: 900n,
      inEscrow: 500n,
    },
    books: {
      orders: [order('o1', 3, 9), order('o2', 50, undefined)],
      payments: [
        { authorizationId: '0x1', orderId: 'o1' },
        { authorizationId: '0x3', orderId: 'o2' },
        { authorizationId: '0x2', orderId: 'o2' },
      ],
      sessions: [
        { deviceId: 'h0-washer', session: 'a', highWater: 99, above: [] as [number, number][] },
        { deviceId: 'hostile-1', session: 'x', highWater: 5, above: [] },
      ],
      arrivals: [
        { orderId: 'o1', kind: 'carrier' },
        { orderId: 'o1', kind: 'owner' },
        { orderId: 'o2', kind: 'carrier' },
      ],
      missing: [{ deviceId: 'hostile-1', session: 'x', rows: 6 }],
      doubled: [] as { deviceId: string; session: string; seq: number; times: number }[],
      notifications: new Map([
        ['h0', 8],
        ['home', 99],
      ]),
      shortDays: [{ deviceId: 'h0-washer', days: 2 }],
      shop: new Set(['0x1', '0x2']),
    },
  } satisfies Evidence
}
const failing = (evidence: Evidence, holds: Holds = {}) =>
  judgeReal(scenario(holds), evidence).flatMap(({ name, holds: isGood, details, saw }) =>
    isGood ? [] : [`${name}: ${details.join(' ') || saw}`],
  )

describe('a real run', () => {
  it('passes when everything is as it must be, and says what was seen', () => {
    const verdicts = judgeReal(scenario(), sound())
    expect(verdicts.map(({ name, saw }) => `${name}: ${saw}`)).toEqual([
      'A slot has one open order at most: 2 orders of 1 slots',
      'Each order is for a product that its slot takes: 2 orders',
      'No order is lost: 3 on chain, 1 of 2 at their end',
      'No order is paid twice: 1 payments to the seller',
      'Only goods that arrived are paid: 1 payments to the seller',
      'The money adds up to the unit: 1570 minor units paid in, 500 still held',
      '`adept audit` finds no difference: 1 homes',
      'No acknowledged report is lost: 100 reports in 1 sessions',
      'Every report is stored once, and only its own: 2 sessions',
    ])
    expect(failing(sound())).toEqual([])
  })

  const broken: [what: string, breakIt: (it: ReturnType<typeof sound>) => unknown, sentence: string][] = [
    ['two open orders', (it) => it.books.orders.push(order('o3', 55, undefined)), 'has the open orders o2 and o3'],
    ['one that begins too early', (it) => it.books.orders.push(order('o3', 8, 10)), 'has the open orders o1 and o3'],
    [
      'an order that stands still',
      (it) => it.books.orders.push(order('o3', 20, undefined, { slot: 's' })),
      'has been shipped for 40 days',
    ],
    ['money of no order', (it) => it.books.payments.shift(), 'the authorization 0x1, which the gateway does not know'],
    ['a parcel of no order', (it) => it.books.shop.delete('0x2'), '0x2 was shipped, but the shop has no such order'],
    ['an end without a beginning', (it) => it.escrow.strange.push('0x9 was captured but never authorized.'), '0x9'],
    [
      'two payments of an order',
      (it) => it.escrow.payments.set('0x3', { authorizationId: '0x3', ...paid(70n) }),
      'Order o2 is held or paid 2 times: 0x3, 0x2',
    ],
    [
      'two ends of a payment',
      (it) => it.escrow.payments.get('0x1')?.ends.push({ name: 'Reclaimed', toSeller: 0n }),
      '0x1 came to an end 2 times',
    ],
    [
      'an order for something else',
      (it) => it.books.orders.push(order('o3', 51, 52, { slot: 's', fits: false })),
      'Order o3 of h0-washer s is for 04006381333931',
    ],
    [
      'a payment for goods that never came',
      (it) => it.received.delete('o1'),
      '0x1 was paid, but the home has not got its goods',
    ],
    [
      'an audit that looks at nothing',
      (it) => Object.assign(it.audits[0]!, { authorizations: 0 }),
      'h0: 0 of 3 payments were looked at',
    ],
    [
      'a payment for goods that only the carrier saw',
      (it) => it.books.arrivals.splice(1, 1),
      '0x1 was paid, but only carrier speaks for the arrival',
    ],
    [
      'a payment for goods that the home has not seen',
      (it) => Object.assign(it.books.arrivals[1]!, { kind: 'signature' }),
      '0x1 was paid, but only carrier, signature speaks',
    ],
    [
      'a payment for goods that nobody saw',
      (it) => it.books.arrivals.splice(0, 2),
      '0x1 was paid, but nothing speaks for the arrival',
    ],
    [
      'more paid than held',
      (it) => it.escrow.payments.set('0x1', { authorizationId: '0x1', ...paid(1000n, 1001n) }),
      '0x1 paid 1001 of 1000 minor units',
    ],
    [
      'a unit too few in the escrow',
      (it) => Object.assign(it.escrow, { inEscrow: 499n }),
      'The escrow has 499 minor units for 500 of open orders',
    ],
    [
      'a unit too much for the seller',
      (it) => Object.assign(it.escrow, { paidToSeller: 901n }),
      'The seller got 901 minor units for 900',
    ],
    [
      'an unclean audit',
      (it) => it.audits.push({ homeId: 'h0', authorizations: 3, differing: 1, unread: 0, why: 'Because.' }),
      'h0: 1 differ, 0 unread. Because.',
    ],
    [
      'a lost report',
      (it) => Object.assign(it.books.sessions[0]!, { highWater: 98 }),
      'up to 1 of 100 acknowledged reports',
    ],
    [
      'lost rows',
      (it) => it.books.missing.push({ deviceId: 'h0-washer', session: 'a', rows: 3 }),
      'h0-washer: 3 reports of session a are marked as stored, but their rows are missing',
    ],
    ['a lost session', (it) => it.books.sessions.shift(), 'up to 100 of 100 acknowledged reports'],
    [
      'a report that was stored twice',
      (it) => it.books.doubled.push({ deviceId: 'h0-washer', session: 'a', seq: 4, times: 2 }),
      'Report a/4 of h0-washer is stored 2 times',
    ],
    [
      'a report in the name of another',
      (it) => it.books.sessions.push({ deviceId: 'h0-washer', session: 'evil', highWater: 0, above: [] }),
      'session evil up to 0, which it never sent',
    ],
    [
      'a seq that was never sent',
      (it) => it.books.sessions[0]?.above.push([200, 210]),
      'session a up to 210, which it never sent',
    ],
  ]
  it.each(broken)('sees %s', (_what, breakIt, sentence) => {
    const evidence = sound()
    breakIt(evidence)
    expect(failing(evidence).join('\n')).toContain(sentence)
  })

  it('judges what the scenario says', () => {
    const holds = { orders: { atLeast: 2, atMost: 2 }, stockOutDaysPerHomeYear: 6.1, messagesPerHomeMonth: 2 }
    expect(failing(sound(), holds)).toEqual([])
    expect(failing(sound(), { orders: { atLeast: 3 }, stockOutDaysPerHomeYear: 6, messagesPerHomeMonth: 1.9 })).toEqual(
      [
        'There are enough orders, and not too many: 2 orders (at least 3)',
        'Appliances seldom lack what they need: 6.1 days a home and year (at most 6)',
        'A homeowner is seldom disturbed: 2 messages a home in 30 days (at most 1.9)',
      ],
    )
    expect(failing(sound(), { orders: { atMost: 1 } })).toHaveLength(1)
    expect(failing(sound(), { packs: { atLeast: 2, atMost: 2 } })).toEqual([])
    expect(failing(sound(), { paidShareOfArrived: 1 })).toEqual([])
    const unpaid = sound()
    Object.assign(unpaid.books.orders[0]!, { state: 'reclaimed' })
    expect(failing(unpaid, { paidShareOfArrived: 0.5 })).toContain(
      'What arrives is paid: 0 % of 1 orders that arrived and are over (at least 50)',
    )
    const more = sound()
    Object.assign(more.books.orders[0]!, { quantity: 4 })
    expect(failing(more, { packs: { atMost: 4 } })).toEqual([
      'Enough packs are ordered, and not too many: 5 packs (at most 4)',
    ])
  })
})

it('keeps of what fails what a smaller scenario can show too', () => {
  const holds = { orders: { atMost: 1 }, packs: { atMost: 1 }, messagesPerHomeMonth: 1.9 }
  const verdicts = judgeReal(scenario(holds), sound()).filter(({ holds: isGood }) => !isGood)
  expect(verdicts).toHaveLength(3)
  expect(withoutSizeBounds({ verdicts }).verdicts).toEqual([
    expect.objectContaining({ name: 'A homeowner is seldom disturbed' }),
  ])
})

it('judges a pure run by its own ledger', () => {
  const result = {
    orders: [{ quantity: 1 }, { quantity: 2 }, { quantity: 1 }],
    shortDays: 3,
    problems: [] as string[],
    counts: { deviceDays: 120 },
  } as unknown as RunResult
  const names = (holds: Holds) => judgePure(scenario(holds), result).flatMap((it) => (it.holds ? [] : [it.name]))
  expect(names({ orders: { atLeast: 3 }, stockOutDaysPerHomeYear: 9.2 })).toEqual([])
  expect(names({ orders: { atLeast: 4 }, packs: { atLeast: 5 }, stockOutDaysPerHomeYear: 9 })).toHaveLength(3)
  result.problems.push('Two open orders.')
  expect(names({})).toEqual(['The run is without a contradiction'])
})
