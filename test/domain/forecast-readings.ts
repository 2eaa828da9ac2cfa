import { forecast, type Observation, observe, type SlotFacts } from '../../gateway/domain/forecast.ts'
import type { Usage } from '../../gateway/domain/forecast-model.ts'

export const DAY_MS = 86_400_000
export const START_MS = Date.UTC(2026, 0, 1)
export const SLOT: SlotFacts = { capacity: 1400 }

export const level = (day: number, left: number, refill = false): Observation => ({
  kind: 'level',
  atMs: START_MS + day * DAY_MS,
  left,
  refill,
})
export const cycle = (day: number, dose: number): Observation => ({
  kind: 'cycle',
  atMs: START_MS + day * DAY_MS,
  dose,
})

export function seen(observations: Observation[], slot: SlotFacts = SLOT, from?: Usage): Usage {
  const usage = observations.reduce<Usage | undefined>((known, next) => observe(known, next, slot), from)
  if (usage === undefined) throw new Error('nothing was seen')
  return usage
}
/** A level each evening, `perDay` lower than the day before. */
export const evenings = (days: number, perDay: number, from = 1400) =>
  Array.from({ length: days + 1 }, (_, day) => level(day, from - day * perDay))
export const at = (usage: Usage, day: number) => forecast(usage, START_MS + day * DAY_MS)
