/** What came of one thing that must hold. */
export type Verdict = {
  /** As a sentence without its full stop: what must hold. */
  name: string
  holds: boolean
  /** What was seen, with the figures. */
  saw: string
  /** The first of what is wrong, as sentences. */
  details: string[]
}

const TOLD_DETAILS = 8

/** Holds when nothing is wrong; `saw` says what was looked at. */
export function verdictOf(name: string, wrong: string[], saw: string): Verdict {
  const more = wrong.length > TOLD_DETAILS ? [`… and ${wrong.length - TOLD_DETAILS} more`] : []
  const details = [...wrong.slice(0, TOLD_DETAILS), ...more]
  return { name, holds: wrong.length === 0, saw: wrong.length === 0 ? saw : `${wrong.length} wrong: ${saw}`, details }
}

/** Holds within the bounds, both included; absent is no bound. */
export function within(
  name: string,
  value: number,
  { atLeast, atMost }: { atLeast?: number | undefined; atMost?: number | undefined },
  unit: string,
): Verdict {
  const isEnough = atLeast === undefined || value >= atLeast
  const isNotTooMuch = atMost === undefined || value <= atMost
  const bounds = [
    ...(atLeast === undefined ? [] : [`at least ${tenth(atLeast)}`]),
    ...(atMost === undefined ? [] : [`at most ${tenth(atMost)}`]),
  ]
  return { name, holds: isEnough && isNotTooMuch, saw: `${tenth(value)} ${unit} (${bounds.join(', ')})`, details: [] }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
