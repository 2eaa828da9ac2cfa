import type { Appliance, Program } from '../appliance.ts'

type WasherProgram = Program & { celsius: number; spinRpm: number }

const TAP_CELSIUS = 14
const HEATING_SHARE = 0.2
const SPIN_SHARE = 0.9

/** Doses: detergent (half for the water, half for the load, medium hardness), softener. A load is at least 40 % of a full one. */
const PROGRAMS: readonly WasherProgram[] = [
  {
    name: 'cotton-40',
    weight: 40,
    minutes: 155,
    celsius: 40,
    spinRpm: 1400,
    leastSize: 0.4,
    doses: [
      [31, 62],
      [20, 35],
    ],
  },
  {
    name: 'cotton-60',
    weight: 15,
    minutes: 175,
    celsius: 60,
    spinRpm: 1400,
    leastSize: 0.4,
    doses: [
      [35, 70],
      [20, 35],
    ],
  },
  {
    name: 'synthetics',
    weight: 20,
    minutes: 120,
    celsius: 40,
    spinRpm: 1000,
    leastSize: 0.4,
    doses: [
      [24, 48],
      [15, 30],
    ],
  },
  {
    name: 'delicates',
    weight: 10,
    minutes: 50,
    celsius: 30,
    spinRpm: 600,
    leastSize: 0.4,
    doses: [
      [15, 30],
      [0, 0],
    ],
  },
  {
    name: 'quick',
    weight: 15,
    minutes: 39,
    celsius: 30,
    spinRpm: 1200,
    leastSize: 0.4,
    doses: [
      [17, 34],
      [10, 20],
    ],
  },
]

/** The Samsung W9000 that bought its own detergent in ADEPT (2015). It always washes: an empty drawer only shortens the dose. */
export const washer: Appliance<WasherProgram> = {
  maker: 'Samsung',
  model: 'W9000',
  firmware: '1.4.2',
  slots: [
    {
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      // A float, read in steps of 5 ml.
      sensor: { noiseShare: 4 / 1400, stepShare: 5 / 1400 },
      grain: 1,
      products: [
        {
          sku: 'DET-LIQ-1000',
          gtin: '9521234000068',
          name: 'Colour detergent, liquid, 1000 ml (20 washes)',
          packSize: 1000,
          contentUnit: 'ml',
          priceMinorUnits: 8_990_000,
        },
      ],
      tellsDose: true,
    },
    {
      slot: 'softener',
      unit: 'ml',
      capacity: 1300,
      sensor: { noiseShare: 4 / 1300, stepShare: 5 / 1300 },
      grain: 1,
      products: [
        {
          sku: 'SOFT-1000',
          gtin: '9521234000013',
          name: 'Fabric softener, fresh linen, 1000 ml',
          packSize: 1000,
          contentUnit: 'ml',
          priceMinorUnits: 4_290_000,
        },
      ],
      usedByShare: 0.4,
    },
  ],
  programs: PROGRAMS,
  // One person washes about 4 times a week, each further one adds 1.6.
  usesPerDay: (people) => (2.4 + 1.6 * people) / 7,
  isRegular: true,
  worksAlone: false,
  week: [1.4, 0.84, 0.56, 0.84, 0.7, 0.7, 1.96],
  hours: { from: 8, to: 20 },
  faults: [
    { code: 'door-open', perUse: 0.002 },
    { code: 'drain-blocked', perUse: 0.001 },
  ],
  telemetry: ['temperatureCelsius', 'powerWatts', 'drumRpm', 'remainingMinutes'],
  /** Heats for a fifth of the time, washes and rinses, spins for the last tenth. */
  measure(values, program, share, chance) {
    if (program === undefined) {
      values[0] = TAP_CELSIUS + (chance & 7)
      values[1] = 1 + (chance >>> 31)
      values[2] = 0
      values[3] = 0
      return
    }
    const isHeating = share < HEATING_SHARE
    const isSpinning = share >= SPIN_SHARE
    const warmth = isHeating ? share / HEATING_SHARE : 1 - (share - HEATING_SHARE) / (1 - HEATING_SHARE)
    values[0] = Math.round(TAP_CELSIUS + (program.celsius - TAP_CELSIUS) * warmth)
    values[1] = (isHeating ? 1850 : isSpinning ? 420 : 130) + (chance & 15)
    values[2] = isSpinning ? program.spinRpm : 45
    values[3] = Math.round((1 - share) * program.minutes)
  },
}
