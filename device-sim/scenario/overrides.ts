import { FAULT_KINDS, type FaultKind, type Faults } from './faults.ts'
import { Scenario } from './schema.ts'

export { FAULT_KINDS }

/** What a command changes of a scenario; what is undefined stays. */
export type Overrides = {
  seed?: string | undefined
  homes?: number | undefined
  firstHome?: number | undefined
  days?: number | undefined
  /** Kinds of faults that are taken away. */
  without?: readonly FaultKind[] | undefined
}

/** By the place in the scenario that they change. */
const OPTIONS: Record<string, string> = {
  seed: '--seed',
  'population.homes': '--homes',
  'population.firstHome': '--first-home',
  days: '--days',
}

/** The scenario with these changes. Bounds on orders and packs are for its own population and span: else they go. */
export function overridden(scenario: Scenario, { seed, homes, firstHome, days, without = [] }: Overrides): Scenario {
  const population = { ...scenario.population }
  population.homes = homes ?? population.homes
  population.firstHome = firstHome ?? population.firstHome
  const changed = { ...scenario, seed: seed ?? scenario.seed, days: days ?? scenario.days, population }
  const holds = isSameSize(scenario, changed)
    ? scenario.holds
    : { ...scenario.holds, orders: undefined, packs: undefined }
  return { ...changed, faults: fewerFaults(scenario.faults, without), holds }
}

/** What is wrong with a scenario that a command changed, as sentences such as `--days 9999: it is at most 3650.` */
export function mistakesOf(changed: Scenario): string[] {
  const { error } = Scenario.safeParse(changed, { reportInput: true })
  return (error?.issues ?? []).map(({ path, input, message }) => {
    const place = path.join('.')
    return `${OPTIONS[place] ?? place} ${input}: ${message}.`
  })
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

function isSameSize(one: Scenario, other: Scenario): boolean {
  const [a, b] = [one.population, other.population]
  return one.days === other.days && a.homes === b.homes && a.firstHome === b.firstHome
}

function fewerFaults(faults: Faults, without: readonly FaultKind[]): Faults {
  return Object.fromEntries(Object.entries(faults).filter(([kind]) => !without.includes(kind as FaultKind)))
}

/** As a shell takes it. */
export function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
