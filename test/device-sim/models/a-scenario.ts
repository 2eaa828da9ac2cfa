import { Scenario } from '../../../device-sim/scenario/schema.ts'

export const ALL_APPLIANCES = {
  washer: 1,
  dishwasher: 1,
  printer: 1,
  'coffee-machine': 1,
  'water-filter': 1,
  'pet-feeder': 1,
}

/** Homes with everything; what a test says goes before. */
export function scenarioOf(
  more: { days?: number; seed?: string; tickMinutes?: number; population?: object; faults?: object } = {},
) {
  return Scenario.parse({
    about: 'a test',
    days: 60,
    ...more,
    population: { homes: 10, appliances: ALL_APPLIANCES, ...more.population },
  })
}
