import type { Description } from '../../gateway/wire/messages.ts'
import { type Appliance, descriptionOf } from './appliance.ts'
import { washer } from './appliances/01-washer.ts'

export const DRAWER_CAPACITY_ML = 1400

/** The washer of demo and sandbox: it takes detergent only, in the bottle that the demo shop sells. */
export const demoWasher: Appliance = {
  ...washer,
  slots: [
    {
      ...washer.slots[0]!,
      capacity: DRAWER_CAPACITY_ML,
      products: [
        {
          sku: 'DET-LIQ-1400',
          gtin: '04006381333931',
          name: 'Colour detergent, liquid, 1400 ml (28 washes)',
          packSize: 1400,
          contentUnit: 'ml',
          priceMinorUnits: 12_490_000,
        },
      ],
    },
  ],
  programs: washer.programs.map((program) => ({ ...program, doses: program.doses.slice(0, 1) })),
}

export const DEMO_WASHER_DESCRIPTION: Description = descriptionOf(demoWasher)
