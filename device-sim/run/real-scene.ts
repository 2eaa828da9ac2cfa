import type { FaultPlan, Happening } from '../faults/plan.ts'
import type { Struck } from '../faults/strike.ts'
import type { Scene } from '../stage.ts'
import type { Acknowledged } from './readings-stored.ts'
import type { RunProgress } from './result.ts'

export type RealOptions = {
  plan: FaultPlan
  strike(happening: Happening, scene: RealScene): Promise<void>
  /** All ticks are over and settled, and everything still runs. */
  atEnd(scene: RealScene): Promise<void>
  onProgress(progress: RunProgress): void
  signal: AbortSignal
}
/** What a real run consists of, while it runs. */
export type RealScene = Struck & {
  gatewayData: string
  merchantData: string
  seller: Scene['seller']
  time: Scene['time']
  homeIdOf(home: number): string
  acknowledged(): Iterable<Acknowledged>
  received(): ReadonlySet<string>
}
