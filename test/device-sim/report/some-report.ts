import type { Report } from '../../../device-sim/report/report.ts'
import type { RunResult } from '../../../device-sim/run/result.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const DAYS = 60
const scenario = Scenario.parse({
  about: 'Homes & <faults>, for a test',
  seed: '7',
  population: { homes: 20 },
  days: DAYS,
  faults: { kills: { gateway: 20 }, duplicates: { share: 0.1 } },
})
const eachDay = <Row>(row: (day: number) => Row) => Array.from({ length: DAYS }, (_, day) => row(day))
const levels = eachDay((day) => 1400 - ((day * 53) % 1400))
const result: RunResult = {
  kind: 'real',
  seed: '7',
  virtualDays: DAYS,
  realSeconds: 12.3456,
  homes: 20,
  devices: 26,
  orders: eachDay((day) => ({
    home: day % 20,
    device: 'washer',
    slot: 'detergent',
    gtin: '04006381333931',
    quantity: 1,
    day,
  })),
  levels: [0, 1, 2].map((home) => ({
    home,
    device: 'washer',
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    days: eachDay((day) => day),
    trueLevels: levels,
    seenLevels: levels.map((level, day) => Math.max(0, level + ((day * 37) % 60) - 30)),
  })),
  stockOuts: [{ home: 3, device: 'washer', slot: 'detergent', fromDay: 12.5, days: 0.5 }],
  days: eachDay((day) => ({
    day,
    reports: 600 + ((day * 71) % 90),
    orders: (day * 7) % 5,
    emptySlots: day % 9 === 0 ? 2 : 0,
    realMs: 200 + ((day * 31) % 50),
  })),
  counts: { reports: 38_000, cycles: 700, deviceDays: 1560, orders: 60, parcels: 51 },
  problems: [],
}

/** A report as a run would make it; `bad`: one expectation fails, and a smaller scenario was found. */
export function someReport(bad: boolean): Report {
  return {
    name: 'ci',
    kind: 'real',
    scenario,
    result,
    verdicts: [
      { name: 'A slot has one open order at most', holds: true, saw: '60 orders of 26 slots', details: [] },
      {
        name: 'No order is paid twice',
        holds: !bad,
        saw: '51 payments to the seller',
        details: bad ? ['Order "o2" is held or paid 2 times: 0x3 & 0x2.'] : [],
      },
    ],
    broken: undefined,
    leftOut: [],
    faults: [
      { day: 3.5, what: 'kill -9 gateway' },
      { day: 21.25, what: 'reorg of 3 blocks' },
      { day: 40, what: 'the seller is away' },
    ],
    command: 'adept sim run ci --real --seed 7',
    smallest: bad
      ? { command: 'adept sim run ci --real --seed 7 --homes 1', tries: 9, homes: 1, days: 4, faults: ['kills'] }
      : undefined,
    madeAtMs: Date.UTC(2026, 2, 2, 6, 30),
  }
}
