import { isDeepStrictEqual } from 'node:util'
import { homeCalendar } from '../domain/home-calendar.ts'
import type { SlotState } from '../domain/slot-state.ts'
import type { HistoryStore, KeptDecision } from '../ports/rules.ts'
import { evaluate } from './evaluate.ts'
import type { RuleBook } from './outlook.ts'
import { parseRules } from './rules-file.ts'

const DECISIONS_PER_PAGE = 500

export type Replay =
  | { kind: 'progress'; readings: number; ofReadings: number; decisions: number }
  | { kind: 'done'; readings: number; decisions: number; differing: number; first: Difference | undefined }
export type Difference = { decisionId: number; deviceId: string; slot: string; atMs: number; why: string }

/**
 * Makes every kept decision again: reads all readings from the first one on, compares what is known of the slot at each
 * decision with what the decision was made on, and decides it by the rules of its version. Changes nothing.
 */
export async function* replay(store: HistoryStore, program: string): AsyncGenerator<Replay> {
  const known = new Map<string, SlotState>()
  const books = new Map<string, RuleBook | string>()
  let last = { readUntil: -1, decisionId: -1 }
  let decisions = 0
  let differing = 0
  let first: Difference | undefined

  for await (const { readUntil, ofReadings, steps } of withBeginning(store.states())) {
    let next = 0
    for (;;) {
      const page = await store.decisions(last, readUntil, DECISIONS_PER_PAGE)
      for (const decision of page) {
        for (; next < steps.length && steps[next]!.readingId <= decision.readUntil; next++) {
          const { deviceId, slot, state } = steps[next]!
          known.set(`${deviceId}/${slot}`, state)
        }
        const why = await differenceOf(decision, known.get(`${decision.deviceId}/${decision.slot}`))
        decisions += 1
        last = decision
        if (why === undefined) continue
        differing += 1
        const { decisionId, deviceId, slot, atMs } = decision
        first ??= { decisionId, deviceId, slot, atMs, why }
      }
      if (page.length < DECISIONS_PER_PAGE) break
    }
    for (const { deviceId, slot, state } of steps.slice(next)) known.set(`${deviceId}/${slot}`, state)
    yield { kind: 'progress', readings: readUntil, ofReadings, decisions }
    if (readUntil === ofReadings) yield { kind: 'done', readings: ofReadings, decisions, differing, first }
  }

  async function differenceOf(kept: KeptDecision, state: SlotState | undefined): Promise<string | undefined> {
    const { inputs, decision, atMs } = kept
    const seen = asJson({ level: inputs.level, usage: inputs.usage })
    const rebuilt = asJson({ level: state?.level, usage: state?.usage })
    if (!isDeepStrictEqual(seen, rebuilt)) {
      const difference = `It was made on ${JSON.stringify(seen)}; the readings give ${JSON.stringify(rebuilt)}.`
      return difference + (await programNote(kept))
    }
    const book = await bookOf(kept)
    if (typeof book === 'string') return book
    const orderId = decision.outcome === 'order' ? decision.order.orderId : ''
    const again = asJson(evaluate(inputs, book, atMs, () => orderId))
    if (isDeepStrictEqual(again, decision)) return undefined
    return `It was ${JSON.stringify(decision)}; the same inputs now give ${JSON.stringify(again)}.${await programNote(kept)}`
  }

  async function bookOf({ rulesVersion, inputs }: KeptDecision): Promise<RuleBook | string> {
    const key = `${rulesVersion} ${inputs.timeZone}`
    let book = books.get(key)
    if (book === undefined) {
      const version = await store.rules(rulesVersion)
      const read = version && parseRules(version.text)
      book = read?.ok
        ? { rules: read.rules, calendar: homeCalendar(inputs.timeZone) }
        : `The rules of version ${rulesVersion} are ${version === undefined ? 'not kept' : 'no longer understood'}.`
      books.set(key, book)
    }
    return book
  }

  async function programNote({ rulesVersion }: KeptDecision): Promise<string> {
    const decidedBy = (await store.rules(rulesVersion))?.program
    return decidedBy === program ? '' : ` It was made by version ${decidedBy} of the gateway, this is ${program}.`
  }
}

/** Decisions that were made before the first reading come first. */
async function* withBeginning(pages: ReturnType<HistoryStore['states']>): ReturnType<HistoryStore['states']> {
  let isEmpty = true
  for await (const page of pages) {
    if (isEmpty) yield { readUntil: 0, ofReadings: page.ofReadings, steps: [] }
    isEmpty = false
    yield page
  }
  if (isEmpty) yield { readUntil: 0, ofReadings: 0, steps: [] }
}

/** As it would have been kept. */
function asJson(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}
