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
  | {
      kind: 'done'
      readings: number
      decisions: number
      /** Of these the readings are gone: they were made again from their own inputs alone. */
      fromInputs: number
      /** When the last reading that is gone was received. */
      goneAtMs: number | undefined
      differing: number
      first: Difference | undefined
    }
export type Difference = { decisionId: number; deviceId: string; slot: string; atMs: number; why: string }

/**
 * Makes every kept decision again: reads all kept readings, compares what is known of the slot at each decision with what the
 * decision was made on, and decides it by the rules of its version. Where the readings are gone, only the latter. Changes
 * nothing.
 */
export async function* replay(store: HistoryStore, program: string): AsyncGenerator<Replay> {
  const known = new Map<string, SlotState>()
  const books = new Map<string, RuleBook | string>()
  let last = { readUntil: -1, decisionId: -1 }
  let decisions = 0
  let fromInputs = 0
  let differing = 0
  let first: Difference | undefined
  let goneUntil = 0
  let firstGoneUntil: number | undefined
  let goneAtMs: number | undefined

  for await (const page of store.states()) {
    const { readUntil, ofReadings } = page
    const steps = page.kind === 'read' ? page.steps : []
    if (page.kind === 'begin') {
      goneUntil = readUntil
      firstGoneUntil ??= readUntil
      goneAtMs = page.goneAtMs
      known.clear()
      for (const { deviceId, slot, state } of page.bases) known.set(`${deviceId}/${slot}`, state)
    }
    let next = 0
    for (;;) {
      const page = await store.decisions(last, readUntil, DECISIONS_PER_PAGE)
      for (const decision of page) {
        for (; next < steps.length && steps[next]!.readingId <= decision.readUntil; next++) {
          const { deviceId, slot, state } = steps[next]!
          known.set(`${deviceId}/${slot}`, state)
        }
        const isGone = decision.readUntil < goneUntil
        const why =
          (isGone ? undefined : await otherState(decision, known.get(`${decision.deviceId}/${decision.slot}`))) ??
          (await otherDecision(decision))
        decisions += 1
        if (isGone) fromInputs += 1
        last = decision
        if (why === undefined) continue
        differing += 1
        const { decisionId, deviceId, slot, atMs } = decision
        first ??= { decisionId, deviceId, slot, atMs, why }
      }
      if (page.length < DECISIONS_PER_PAGE) break
    }
    for (const { deviceId, slot, state } of steps.slice(next)) known.set(`${deviceId}/${slot}`, state)
    const readings = ofReadings - (firstGoneUntil ?? 0)
    yield { kind: 'progress', readings: readings - (ofReadings - readUntil), ofReadings: readings, decisions }
    if (readUntil < ofReadings) continue
    yield { kind: 'done', readings, decisions, fromInputs, goneAtMs, differing, first }
  }

  async function otherState(kept: KeptDecision, state: SlotState | undefined): Promise<string | undefined> {
    const { inputs } = kept
    const seen = asJson({ level: inputs.level, usage: inputs.usage })
    const rebuilt = asJson({ level: state?.level, usage: state?.usage })
    if (isDeepStrictEqual(seen, rebuilt)) return undefined
    const difference = `It was made on ${JSON.stringify(seen)}; the readings give ${JSON.stringify(rebuilt)}.`
    return difference + (await programNote(kept))
  }

  async function otherDecision(kept: KeptDecision): Promise<string | undefined> {
    const { inputs, decision, atMs } = kept
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

/** As it would have been kept. */
function asJson(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}
