import type { Appliance, Program } from '../appliance.ts'

/** Doses: grams of kibble. */
const PROGRAMS: readonly Program[] = [
  { name: 'meal', weight: 85, minutes: 1, leastSize: 0.6, doses: [[0, 50]] },
  { name: 'treat', weight: 15, minutes: 1, leastSize: 0.2, doses: [[0, 15]] },
]

/** It feeds on while everybody is away: that is what it is for. */
export const petFeeder: Appliance = {
  maker: 'Demo Pets',
  model: 'Bowl 2',
  firmware: '0.9.18',
  slots: [
    {
      slot: 'kibble',
      unit: 'g',
      capacity: 2700,
      sensor: { noiseShare: 0.004, stepShare: 1 / 2700 },
      grain: 1,
      products: [
        {
          sku: 'KIBBLE-2000',
          gtin: '9521234000129',
          name: 'Dry food, adult cat, 2 kg',
          packSize: 2000,
          contentUnit: 'g',
          priceMinorUnits: 12_900_000,
        },
      ],
      tellsDose: true,
    },
  ],
  programs: PROGRAMS,
  usesPerDay: () => 2.2,
  isRegular: true,
  worksAlone: true,
  week: [1, 1, 1, 1, 1, 1, 1],
  hours: { from: 6, to: 21 },
  faults: [{ code: 'outlet-blocked', perUse: 0.001 }],
  telemetry: ['powerWatts', 'bowlGrams', 'temperatureCelsius'],
  measure(values, program, share, chance) {
    values[0] = program === undefined ? 1 : 12
    values[1] = program === undefined ? chance & 31 : Math.round(50 * share)
    values[2] = 20 + ((chance >>> 8) & 3)
  },
}
