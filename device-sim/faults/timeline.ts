import { faultsIn } from '../scenario/faults.ts'
import { overridden } from '../scenario/overrides.ts'
import type { Scenario } from '../scenario/schema.ts'
import { FaultPlan } from './plan.ts'

/** All that happens to processes and by strangers in a run of this kind, for reports; days with fraction. */
export function timelineOf(scenario: Scenario, kind: 'pure' | 'real'): { day: number; what: string }[] {
  const without = faultsIn(kind, scenario.faults).leftOut
  return new FaultPlan(overridden(scenario, { without })).timeline()
}
