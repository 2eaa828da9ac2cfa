import { timelineOf } from '../faults/timeline.ts'
import { type Faults, faultsIn } from '../scenario/faults.ts'
import type { Scenario } from '../scenario/schema.ts'

/** In a pure run nobody is told anything, and no evidence is asked for. */
const REAL_HOLDS = ['messagesPerHomeMonth', 'paidShareOfArrived'] as const

/** What the file says and this run neither plays nor judges, as sentences. `scenario` is `whole` with what the command changes. */
export function leftOutOf(whole: Scenario, scenario: Scenario, kind: 'pure' | 'real'): string[] {
  const faults = faultsIn(kind, scenario.faults).leftOut
  const ofReal = kind === 'pure' ? REAL_HOLDS.filter((one) => scenario.holds[one] !== undefined) : []
  const isUnjudged = (one: 'orders' | 'packs') => whole.holds[one] !== undefined && scenario.holds[one] === undefined
  const absent = absentIn(scenario, kind)
  return [
    ...(faults.length === 0 ? [] : [`What does not happen in a pure run: ${faults.join(', ')}.`]),
    ...(absent.length === 0 ? [] : [`What does not come up within these days: ${absent.join(', ')}.`]),
    ...(ofReal.length === 0 ? [] : [`What is not judged in a pure run: ${ofReal.join(', ')}.`]),
    ...(['orders', 'packs'] as const)
      .filter(isUnjudged)
      .map((one) => `The number of ${one} is not judged: its bounds are for ${sizeText(whole)}.`),
  ]
}

/** Faults of processes and strangers that happen in a run of this kind, but at no tick of this one. */
function absentIn(scenario: Scenario, kind: 'pure' | 'real'): string[] {
  const { happening } = faultsIn(kind, scenario.faults)
  const timeline = timelineOf(scenario, kind)
  return happening.flatMap((fault) =>
    wordsFor(fault, scenario.faults).filter((words) => !timeline.some(({ what }) => what.startsWith(words))),
  )
}

/** How the timeline begins to tell of them. */
function wordsFor(fault: keyof Faults, { kills }: Faults): string[] {
  switch (fault) {
    case 'kills':
      return Object.keys(kills ?? {}).map((victim) => `kill -9 ${victim}`)
    case 'reorgs':
      return ['reorg']
    case 'sellerOutages':
      return ['the seller is away']
    case 'hostile':
      return ['hostile device']
    default:
      return []
  }
}

function sizeText({ population: { homes, firstHome }, days }: Scenario): string {
  return `the ${homes} homes from number ${firstHome} on and the ${days} days of the file`
}
