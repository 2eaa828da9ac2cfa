import type { Appliance, Program } from '../appliance.ts'

/** Doses: grams of beans, percent of the descaler's charge. A use is a round of one (size 0) to four cups. */
const PROGRAMS: readonly Program[] = [
  {
    name: 'espresso',
    weight: 35,
    minutes: 3,
    leastSize: 0,
    doses: [
      [8, 32],
      [0.2, 0.8],
    ],
  },
  {
    name: 'coffee',
    weight: 50,
    minutes: 5,
    leastSize: 0,
    doses: [
      [10, 40],
      [0.6, 2.4],
    ],
  },
  {
    name: 'cappuccino',
    weight: 15,
    minutes: 6,
    leastSize: 0,
    doses: [
      [9, 36],
      [0.5, 2],
    ],
  },
]

export const coffeeMachine: Appliance = {
  maker: 'Demo Kitchens',
  model: 'Barista 3',
  firmware: '3.2.0',
  slots: [
    {
      slot: 'beans',
      unit: 'g',
      capacity: 1400,
      // A load cell under the hopper; beans lie unevenly.
      sensor: { noiseShare: 0.006, stepShare: 0 },
      grain: 0.1,
      products: [
        {
          sku: 'COFFEE-1000',
          gtin: '9521234000044',
          name: 'Coffee beans, medium roast, 1000 g',
          packSize: 1000,
          contentUnit: 'g',
          priceMinorUnits: 17_900_000,
        },
      ],
      tellsDose: true,
    },
    {
      slot: 'descaler',
      unit: 'percent',
      capacity: 100,
      sensor: { noiseShare: 0, stepShare: 0.01 },
      grain: 0.1,
      products: [
        {
          sku: 'DESCALE-1',
          gtin: '9521234000105',
          name: 'Descaler, one charge',
          packSize: 1,
          contentUnit: 'count',
          priceMinorUnits: 7_490_000,
        },
      ],
      isCartridge: true,
    },
  ],
  programs: PROGRAMS,
  usesPerDay: (people) => 1.2 + 0.4 * people,
  isRegular: false,
  worksAlone: false,
  week: [1.2, 0.9, 0.9, 0.9, 0.9, 1, 1.2],
  hours: { from: 6, to: 20 },
  faults: [{ code: 'grounds-container-full', perUse: 0.004 }],
  telemetry: ['temperatureCelsius', 'powerWatts', 'pressureBar'],
  measure(values, program, share, chance) {
    values[0] = program === undefined ? 24 + (chance & 3) : 88 + (chance & 7)
    values[1] = program === undefined ? 2 : share < 0.3 ? 1450 : 60
    values[2] = program === undefined || share < 0.3 ? 0 : 9 + ((chance >>> 8) & 3) / 4
  },
}
