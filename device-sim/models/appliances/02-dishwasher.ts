import type { Appliance, Program } from '../appliance.ts'

type DishwasherProgram = Program & { celsius: number }

/** Doses: tablets from a magazine, rinse aid. */
const PROGRAMS: readonly DishwasherProgram[] = [
  {
    name: 'eco-50',
    weight: 55,
    minutes: 210,
    celsius: 50,
    leastSize: 0.6,
    doses: [
      [1, 1],
      [2, 4],
    ],
  },
  {
    name: 'intensive-70',
    weight: 15,
    minutes: 150,
    celsius: 70,
    leastSize: 0.8,
    doses: [
      [2, 2],
      [3, 5],
    ],
  },
  {
    name: 'quick-45',
    weight: 30,
    minutes: 35,
    celsius: 45,
    leastSize: 0.4,
    doses: [
      [1, 1],
      [2, 3],
    ],
  },
]

export const dishwasher: Appliance<DishwasherProgram> = {
  maker: 'Demo Kitchens',
  model: 'DW-600',
  firmware: '2.0.7',
  slots: [
    {
      slot: 'tablets',
      unit: 'count',
      capacity: 80,
      // A magazine counts what it drops.
      sensor: { noiseShare: 0, stepShare: 1 / 80 },
      grain: 1,
      products: [
        {
          sku: 'DISH-TAB-60',
          gtin: '9521234000020',
          name: 'Dishwasher tablets, 60 pieces',
          packSize: 60,
          contentUnit: 'count',
          priceMinorUnits: 9_990_000,
        },
      ],
      tellsDose: true,
    },
    {
      slot: 'rinseAid',
      unit: 'ml',
      capacity: 140,
      sensor: { noiseShare: 0.008, stepShare: 0.02 },
      grain: 0.1,
      products: [
        {
          sku: 'RINSE-100',
          gtin: '9521234000075',
          name: 'Rinse aid concentrate, 100 ml',
          packSize: 100,
          contentUnit: 'ml',
          priceMinorUnits: 2_490_000,
        },
      ],
    },
  ],
  programs: PROGRAMS,
  // 280 cycles a year (EU 1059/2010) for a home of about 2.5.
  usesPerDay: (people) => 0.25 + 0.2 * people,
  isRegular: false,
  worksAlone: false,
  week: [1.3, 0.9, 0.9, 0.9, 0.9, 0.9, 1.2],
  hours: { from: 7, to: 22 },
  faults: [{ code: 'water-tap-shut', perUse: 0.002 }],
  telemetry: ['temperatureCelsius', 'powerWatts', 'waterLitres'],
  measure(values, program, share, chance) {
    const isHeating = program !== undefined && (share < 0.25 || (share > 0.7 && share < 0.8))
    values[0] =
      program === undefined ? 20 + (chance & 3) : Math.round(20 + (program.celsius - 20) * (isHeating ? 1 : 0.8))
    values[1] = isHeating ? 2000 + (chance & 31) : program === undefined ? 1 : 70
    values[2] = program === undefined ? 0 : Math.round(95 * share) / 10
  },
}
