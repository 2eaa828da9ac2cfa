import type { Appliance, Program } from '../appliance.ts'

/** Doses: percent of the black and of the colour cartridge, which print 2,400 and 1,200 pages; a job of size 1 has 25. */
const PROGRAMS: readonly Program[] = [
  {
    name: 'text',
    weight: 60,
    minutes: 2,
    leastSize: 0.05,
    doses: [
      [0, 1.2],
      [0, 0],
    ],
  },
  {
    name: 'mixed',
    weight: 35,
    minutes: 3,
    leastSize: 0.05,
    doses: [
      [0, 0.9],
      [0, 1.5],
    ],
  },
  {
    name: 'photo',
    weight: 5,
    minutes: 6,
    leastSize: 0.1,
    doses: [
      [0, 0.8],
      [0, 6],
    ],
  },
]

export const printer: Appliance = {
  maker: 'Demo Office',
  model: 'LP-20',
  firmware: '5.11',
  slots: [
    {
      slot: 'black',
      unit: 'percent',
      capacity: 100,
      // A percent field that counts dots, as printers have it.
      sensor: { noiseShare: 0, stepShare: 0.01 },
      grain: 0.01,
      products: [
        {
          sku: 'TONER-K',
          gtin: '9521234000082',
          name: 'Toner cartridge, black',
          packSize: 1,
          contentUnit: 'count',
          priceMinorUnits: 39_900_000,
        },
      ],
      isCartridge: true,
    },
    {
      slot: 'colour',
      unit: 'percent',
      capacity: 100,
      sensor: { noiseShare: 0, stepShare: 0.01 },
      grain: 0.01,
      products: [
        {
          sku: 'TONER-CMY',
          gtin: '9521234000099',
          name: 'Toner cartridge, colour',
          packSize: 1,
          contentUnit: 'count',
          priceMinorUnits: 54_900_000,
        },
      ],
      isCartridge: true,
    },
  ],
  programs: PROGRAMS,
  usesPerDay: (people) => 0.6 + 0.3 * people,
  isRegular: false,
  worksAlone: false,
  week: [0.4, 1.3, 1.3, 1.3, 1.3, 1, 0.4],
  hours: { from: 8, to: 22 },
  faults: [{ code: 'paper-jam', perUse: 0.01 }],
  telemetry: ['temperatureCelsius', 'powerWatts', 'pagesPerMinute'],
  measure(values, program, share, chance) {
    values[0] = program === undefined ? 25 + (chance & 3) : 180 + (chance & 7)
    values[1] = program === undefined ? 3 : 480 + (chance & 63)
    values[2] = program === undefined || share < 0.2 ? 0 : 20
  },
}
