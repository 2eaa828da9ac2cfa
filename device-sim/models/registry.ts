import type { Appliance } from './appliance.ts'
import { coffeeMachine } from './coffee-machine.ts'
import { dishwasher } from './dishwasher.ts'
import { petFeeder } from './pet-feeder.ts'
import { printer } from './printer.ts'
import { washer } from './washer.ts'
import { waterFilter } from './water-filter.ts'

/** Every appliance that a home may have, by the name that scenarios and device ids use. */
export const APPLIANCES = {
  washer,
  dishwasher,
  printer,
  'coffee-machine': coffeeMachine,
  'water-filter': waterFilter,
  'pet-feeder': petFeeder,
} as const satisfies Record<string, Appliance>
export type ApplianceName = keyof typeof APPLIANCES

export const APPLIANCE_NAMES = Object.keys(APPLIANCES) as [ApplianceName, ...ApplianceName[]]
