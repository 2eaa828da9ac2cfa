import { expect, test } from 'vitest'
import { type Appliance, descriptionOf } from '../../../device-sim/models/appliance.ts'
import { HomeModel, planHomes } from '../../../device-sim/models/home.ts'
import { Description } from '../../../gateway/wire/messages.ts'
import { scenarioOf } from './a-scenario.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 2, 2)

/** All that a new kind of appliance takes; in the product it is a file of models/appliances/. */
const humidifier: Appliance = {
  maker: 'A maker',
  model: 'H-1',
  firmware: '1.0.0',
  slots: [
    {
      slot: 'tank',
      unit: 'ml',
      capacity: 3000,
      sensor: { noiseShare: 0.01, stepShare: 0 },
      grain: 1,
      products: [
        {
          sku: 'SCENT-2000',
          gtin: '9521234000068',
          name: 'Scented water, 2 litres',
          packSize: 2000,
          contentUnit: 'ml',
          priceMinorUnits: 5_000_000,
        },
      ],
      tellsDose: true,
    },
  ],
  programs: [{ name: 'evening', weight: 1, minutes: 180, leastSize: 0.5, doses: [[100, 300]] }],
  usesPerDay: () => 1,
  isRegular: true,
  worksAlone: false,
  week: [1, 1, 1, 1, 1, 1, 1],
  hours: { from: 18, to: 20 },
  faults: [],
  telemetry: ['humidityPercent'],
  measure(values, program) {
    values[0] = program === undefined ? 40 : 55
  },
}

test('a new appliance is its data and two functions: it is used, runs low, is filled, and reports all of it', () => {
  const [home] = planHomes(scenarioOf({ population: { household: { holidaysPerYear: 0 } } }))
  const slots = [
    {
      key: 5,
      isUsed: true,
      fullAtStart: 0.3,
      sensor: { key: 6, ...humidifier.slots[0]!.sensor, driftShare: 0, isStuck: false, isDying: false },
    },
  ]
  const description = descriptionOf(humidifier)
  const device = { name: 'humidifier', key: 4, appliance: humidifier, description, slots }
  const model = new HomeModel({ ...home!, devices: [device] }, START_MS)
  const events: Record<string, number> = {}
  const levels: number[] = []
  const sink = {
    level: (_device: number, _slot: number, _atMs: number, remaining: number) => void levels.push(remaining),
    telemetry: (_device: number, _atMs: number, values: Float64Array) => expect([40, 55]).toContain(values[0]),
    event: (_device: number, _atMs: number, { type }: { type: string }) => {
      events[type] = (events[type] ?? 0) + 1
    },
  }
  expect(Description.parse(description)).toEqual(description)
  model.liveUntil(START_MS + 20 * DAY_MS, sink)
  expect(events['cycle-finished']).toBeGreaterThan(14)
  expect(model.isEmpty(0, 0)).toBe(true)
  expect(events['dose-short']).toBeGreaterThan(5)

  model.shipped(0, 0, { orderId: 'a', packs: 1, packContent: 2000 }, START_MS + 20 * DAY_MS)
  model.liveUntil(START_MS + 27 * DAY_MS, sink)
  expect(model.isEmpty(0, 0)).toBe(false)
  expect(Math.max(...levels)).toBeGreaterThan(1500)
})
