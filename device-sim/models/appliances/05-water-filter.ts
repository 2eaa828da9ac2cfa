import type { Appliance, Program } from '../appliance.ts'

/** Doses: percent of a cartridge that filters 300 litres; a draw of size 1 is 6 litres. */
const PROGRAMS: readonly Program[] = [
  { name: 'drinking', weight: 70, minutes: 4, leastSize: 0.05, doses: [[0, 1]] },
  { name: 'cooking', weight: 30, minutes: 8, leastSize: 0.2, doses: [[0, 2]] },
]

/** It tells how used up its cartridge is: the one slot here that counts up. */
export const waterFilter: Appliance = {
  maker: 'Demo Waters',
  model: 'PureTap',
  firmware: '1.0.3',
  slots: [
    {
      slot: 'cartridge',
      unit: 'percent',
      capacity: 100,
      degradationDirection: 'up',
      // A flow meter.
      sensor: { noiseShare: 0.001, stepShare: 0.005 },
      grain: 0.01,
      products: [
        {
          sku: 'WATER-FILTER-1',
          gtin: '9521234000112',
          name: 'Water filter cartridge, 300 litres',
          packSize: 1,
          contentUnit: 'count',
          priceMinorUnits: 21_500_000,
        },
      ],
      isCartridge: true,
    },
  ],
  programs: PROGRAMS,
  usesPerDay: (people) => 0.8 + 0.4 * people,
  isRegular: false,
  worksAlone: false,
  week: [1.15, 0.95, 0.95, 0.95, 0.95, 0.95, 1.1],
  hours: { from: 6, to: 23 },
  faults: [{ code: 'leak', perUse: 0.0005 }],
  telemetry: ['flowLitresPerMinute', 'pressureBar', 'temperatureCelsius'],
  measure(values, program, _share, chance) {
    values[0] = program === undefined ? 0 : 1.5 + (chance & 15) / 20
    values[1] = 3 + ((chance >>> 8) & 15) / 20
    values[2] = 12 + ((chance >>> 16) & 3)
  },
}
