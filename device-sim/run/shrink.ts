import { FAULT_KINDS, type Overrides, overridden } from '../scenario/overrides.ts'
import type { Scenario } from '../scenario/schema.ts'

/** What one try came to: whether it fails as the whole did. */
export type Try = (candidate: Scenario) => Promise<boolean>
export type ShrinkLimits = { maxTries: number; maxMs: number; nowMs(): number; onTry?(candidate: Scenario): void }
export type Shrunk = { scenario: Scenario; tries: number }

/**
 * The smallest population and span, and the fewest kinds of faults, with which a scenario that fails still fails. Homes,
 * their habits and every fault hang on their index and day only, so what is left stays as it was. Looks at halves of the
 * homes first, because a small population makes all later tries quick. Bounded by tries and real time: then what was found
 * so far is the answer.
 */
export async function shrink(whole: Scenario, fails: Try, limits: ShrinkLimits): Promise<Shrunk> {
  const endAtMs = limits.nowMs() + limits.maxMs
  let smallest = whole
  let changes: Overrides = {}
  let tries = 0
  const isOver = () => tries >= limits.maxTries || limits.nowMs() >= endAtMs
  /** Takes the candidate when it fails too. */
  const attempt: Attempt = async (more) => {
    if (isOver()) return false
    tries += 1
    const changed = { ...changes, ...more, without: [...(changes.without ?? []), ...(more.without ?? [])] }
    const candidate = overridden(whole, changed)
    limits.onTry?.(candidate)
    if (!(await fails(candidate))) return false
    changes = changed
    smallest = candidate
    return true
  }
  for (let before: Scenario | undefined; before !== smallest && !isOver(); ) {
    before = smallest
    await fewerHomes(() => smallest.population, attempt)
    await fewerDays(() => smallest.days, attempt)
    for (const kind of FAULT_KINDS) if (smallest.faults[kind] !== undefined) await attempt({ without: [kind] })
  }
  return { scenario: smallest, tries }
}

type Attempt = (more: Overrides) => Promise<boolean>

/** Halves of what is left are cut off at either end, then quarters and so on. */
async function fewerHomes(population: () => Scenario['population'], attempt: Attempt): Promise<void> {
  let piece = Math.ceil(population().homes / 2)
  while (population().homes > 1) {
    const { homes, firstHome } = population()
    piece = Math.min(piece, Math.ceil(homes / 2))
    const left = homes - piece
    const isCut = (await attempt({ homes: left })) || (await attempt({ homes: left, firstHome: firstHome + piece }))
    if (isCut) continue
    if (piece === 1) return
    piece = Math.ceil(piece / 2)
  }
}

/** The end of the span is cut off, by halves of what may be cut. */
async function fewerDays(days: () => number, attempt: Attempt): Promise<void> {
  let passes = 0
  while (days() - passes > 1) {
    const middle = Math.floor((passes + days()) / 2)
    if (!(await attempt({ days: middle }))) passes = middle
  }
}
