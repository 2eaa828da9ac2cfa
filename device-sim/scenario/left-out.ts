import { faultsIn } from './faults.ts'
import type { Scenario } from './schema.ts'

/** What the file says and this run neither plays nor judges, as sentences. `scenario` is `whole` with what the command changes. */
export function leftOutOf(whole: Scenario, scenario: Scenario, kind: 'pure' | 'real'): string[] {
  const faults = faultsIn(kind, scenario.faults).leftOut
  const isDeaf = kind === 'pure' && scenario.holds.messagesPerHomeMonth !== undefined
  const isOtherSize = whole.holds.orders !== undefined && scenario.holds.orders === undefined
  return [
    ...(faults.length === 0 ? [] : [`What does not happen in a pure run: ${faults.join(', ')}.`]),
    ...(isDeaf ? ['messagesPerHomeMonth is not judged: nobody is told anything in a pure run.'] : []),
    ...(isOtherSize ? [`The number of orders is not judged: its bounds are for ${sizeText(whole)}.`] : []),
  ]
}

function sizeText({ population: { homes, firstHome }, days }: Scenario): string {
  return `the ${homes} homes from number ${firstHome} on and the ${days} days of the file`
}
