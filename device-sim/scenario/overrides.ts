import { Faults, type Scenario } from './schema.ts'

/** What a command changes of a scenario; what is undefined stays. */
export type Overrides = {
  seed?: string | undefined
  homes?: number | undefined
  firstHome?: number | undefined
  days?: number | undefined
  /** Kinds of faults that are taken away. */
  without?: readonly FaultKind[] | undefined
}
export type FaultKind = keyof Faults
export const FAULT_KINDS = Object.keys(Faults.shape) as FaultKind[]

/** The scenario with these changes. Bounds on counts shrink and grow with homes × days, so that they still mean the same. */
export function overridden(scenario: Scenario, { seed, homes, firstHome, days, without = [] }: Overrides): Scenario {
  const population = { ...scenario.population }
  population.homes = homes ?? population.homes
  population.firstHome = firstHome ?? population.firstHome
  const changed = { ...scenario, seed: seed ?? scenario.seed, days: days ?? scenario.days, population }
  const factor = (population.homes * changed.days) / (scenario.population.homes * scenario.days)
  return { ...changed, faults: fewerFaults(scenario.faults, without), holds: scaled(scenario.holds, factor) }
}

/** The options of `adept sim run` that make `to` of `from`. */
export function optionsFor(from: Scenario, to: Scenario): string[] {
  const gone = FAULT_KINDS.filter((kind) => from.faults[kind] !== undefined && to.faults[kind] === undefined)
  const options: [name: string, value: string | number, isChanged: boolean][] = [
    ['--seed', quoted(to.seed), true],
    ['--homes', to.population.homes, to.population.homes !== from.population.homes],
    ['--first-home', to.population.firstHome, to.population.firstHome !== from.population.firstHome],
    ['--days', to.days, to.days !== from.days],
    ['--without', gone.join(','), gone.length > 0],
  ]
  return options.flatMap(([name, value, isChanged]) => (isChanged ? [`${name} ${value}`] : []))
}

function fewerFaults(faults: Faults, without: readonly FaultKind[]): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([kind]) => !without.includes(kind as FaultKind)))
}

function scaled(holds: Scenario['holds'], factor: number): Scenario['holds'] {
  if (holds.orders === undefined || factor === 1) return holds
  const { atLeast, atMost } = holds.orders
  return {
    ...holds,
    orders: {
      ...(atLeast !== undefined && { atLeast: Math.floor(atLeast * factor) }),
      ...(atMost !== undefined && { atMost: Math.ceil(atMost * factor) }),
    },
  }
}

/** As a shell takes it. */
export function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
