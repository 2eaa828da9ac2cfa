/** One home lives with one policy: day by day, the goods arrive, are poured in and used; the sensor reads; it decides. */
import { observe } from '../../../gateway/domain/forecast.ts'
import type { Usage } from '../../../gateway/domain/forecast-model.ts'
import type { SlotDescription } from '../../../gateway/domain/level.ts'
import { onHandAfterLevel } from '../../../gateway/domain/need.ts'
import { assessLevel, historyAfter, type SlotHistory } from '../../../gateway/domain/plausibility.ts'
import { DAYS, type Home, SCORED_DAYS, WARM_UP_DAYS } from './homes.ts'

export const DAY_MS = 86_400_000
/** Day 0 of the bench: a Monday. Levels are read at eight in the evening. */
const START_MS = Date.UTC(2024, 0, 1, 20)
/** The slot holds this many packs: one fits when a quarter is left. */
const CAPACITY_PACKS = 4 / 3
/** Somebody who is asked looks, and says yes when at most this share of the slot is left. */
const YES_BELOW_SHARE = 0.5
/** Rest after a question that was not answered with yes. */
const ASK_AGAIN_DAYS = 3
const NEVER = 255

/** What a policy may know at the end of a day. Amounts in ml. */
export type Evening = {
  day: number
  atMs: number
  /** A verified level, or NaN. */
  levelMl: number
  refill: boolean
  /** What the gateway made of the readings and cycles so far. */
  usage: Usage | undefined
  /** Delivered and not yet seen poured in. */
  onHandMl: number
  /** Its latest delivery. */
  onHandSinceMs: number
  /** An order is on its way, or a question is open. */
  waiting: boolean
}
/** What only a reference may know. Amounts in doses. */
export type Truth = { stock: number; packDoses: number; inFlight: number }
export type Policy = {
  /** Called every evening. */
  evening(evening: Evening, truth: Truth): { packs: number; ask: boolean }
  /** An order arrived after so many days. */
  arrived(leadDays: number): void
}
export type Outcome = {
  /** Scored days on which at least one wanted dose was not there. */
  stockoutDays: number
  /** Mean of start and end of day over the scored days ÷ the mean of the home's wanted doses. */
  stockDays: number
  orders: number
  /** Stock at the end of each day, in doses, when asked for. */
  trace: Float64Array | undefined
  stockoutsByDay: Uint8Array
}

export function packMl(home: Home, labelDoses: number): number {
  return (labelDoses / home.labelShare) * home.doseMl
}

const stockouts = new Uint8Array(DAYS)

/** `labelDoses`: the doses that the pack's label promises. */
export function simulate(home: Home, labelDoses: number, policy: Policy, trace?: Float64Array): Outcome {
  const { people, wanted, doseMl } = home
  const pack = labelDoses / home.labelShare
  const slot = new Slot(home, pack * CAPACITY_PACKS)
  const truth: Truth = { stock: 0, packDoses: pack, inFlight: 0 }
  const evening: Evening = {
    day: 0,
    atMs: 0,
    levelMl: 0,
    refill: false,
    usage: undefined,
    onHandMl: 0,
    onHandSinceMs: 0,
    waiting: false,
  }
  let shelf = 0
  let pourDay = 0
  let ordered: { packs: number; day: number; arrivesDay: number } | undefined
  let askedUntilDay = -1
  let answer: { packs: number; day: number } | undefined
  let [stockSum, wantedSum, stockoutDays, orders] = [0, 0, 0, 0]
  stockouts.fill(0)

  for (let day = 0; day < DAYS; day++) {
    if (ordered?.arrivesDay === day) {
      shelf += ordered.packs * pack
      evening.onHandMl += ordered.packs * pack * doseMl
      evening.onHandSinceMs = START_MS + day * DAY_MS
      policy.arrived(day - ordered.day)
      pourDay = day + people.pourAfterDays[day]!
      ordered = undefined
      truth.inFlight = 0
    }
    const want = wanted[day]!
    const startStock = slot.content + shelf
    while (shelf > 0 && ((day >= pourDay && slot.content + pack <= slot.capacity) || slot.content < want)) {
      slot.content += pack
      shelf = Math.max(0, shelf - pack)
    }
    const got = Math.min(want, Math.floor(slot.content + 1e-9))
    slot.content -= got
    const stock = slot.content + shelf
    const scored = day >= WARM_UP_DAYS && day < WARM_UP_DAYS + SCORED_DAYS
    if (got < want) stockouts[day] = 1
    if (scored) {
      stockSum += (startStock + stock) / 2
      wantedSum += want
      if (got < want) stockoutDays++
    }
    if (trace !== undefined) trace[day] = stock

    slot.read(day, evening)
    keepBooks(home, evening, pack, slot.capacity, got)
    const place = (packs: number) => {
      ordered = { packs, day, arrivesDay: day + home.leadOfDay[day]! }
      truth.inFlight = packs * pack
      if (scored) orders++
    }
    if (answer?.day === day) {
      if (slot.content + shelf <= slot.capacity * YES_BELOW_SHARE) place(answer.packs)
      answer = undefined
    }
    evening.waiting = ordered !== undefined || day < askedUntilDay
    truth.stock = stock
    const decision = policy.evening(evening, truth)
    if (decision.packs > 0 && !evening.waiting) {
      if (!decision.ask) place(decision.packs)
      else {
        const after = people.answerAfterDays[day]!
        askedUntilDay = day + ASK_AGAIN_DAYS
        if (after === 0 && slot.content + shelf <= slot.capacity * YES_BELOW_SHARE) place(decision.packs)
        else if (after > 0 && after !== NEVER) answer = { packs: decision.packs, day: day + after }
      }
    }
  }
  const stockDays = stockSum / Math.max(1, wantedSum)
  return { stockoutDays, stockDays, orders, trace, stockoutsByDay: stockouts }
}

/** The gateway's own books, the same for every policy: what was seen of the slot, and what should be on the shelf. */
function keepBooks(home: Home, evening: Evening, pack: number, capacity: number, cycles: number): void {
  const { doseMl, sensor } = home
  const packSize = pack * doseMl
  const facts = { capacity: capacity * doseMl }
  const { atMs, levelMl, refill } = evening
  if (sensor.reportsCycles && sensor.spellOfDay[evening.day] !== 2) {
    const dose = doseMl * sensor.reportedDose[evening.day]!
    for (let cycle = 0; cycle < cycles; cycle++)
      evening.usage = observe(evening.usage, { kind: 'cycle', atMs, dose }, facts)
  }
  if (Number.isNaN(levelMl)) return
  evening.usage = observe(evening.usage, { kind: 'level', atMs, left: levelMl, refill }, facts)
  if (evening.usage === undefined) return
  evening.refill = evening.usage.refill?.atMs === atMs
  const { onHandMl: onHand, onHandSinceMs: sinceMs } = evening
  if (onHand > 0) evening.onHandMl = onHandAfterLevel({ onHand, sinceMs, packSize }, evening.usage)
}

/** The content of the slot and what its sensor makes of it, judged as the gateway judges a level. */
class Slot {
  content: number
  readonly capacity: number
  private readonly home: Home
  private readonly description: SlotDescription
  private history: SlotHistory = { latest: undefined, verified: undefined, lowest: undefined }
  private lastShown = Number.NaN

  constructor(home: Home, capacity: number) {
    this.home = home
    this.capacity = capacity
    this.content = capacity * 0.7
    this.description = {
      slot: 'detergent',
      unit: 'ml',
      capacity: capacity * home.doseMl,
      degradationDirection: 'down',
      replacementProducts: [],
    }
  }

  read(day: number, evening: Evening): void {
    const { sensor } = this.home
    evening.day = day
    evening.atMs = START_MS + day * DAY_MS
    evening.levelMl = Number.NaN
    evening.refill = false
    const spell = sensor.spellOfDay[day]!
    if (sensor.reads[day] === 0 || spell === 1 || spell === 2) return
    const shown = spell === 3 && !Number.isNaN(this.lastShown) ? this.lastShown : this.show(day)
    this.lastShown = shown
    const report = { remaining: shown, unit: 'ml' as const, measuredAtMs: evening.atMs }
    const assessment = assessLevel(this.history, report, this.description, evening.atMs)
    this.history = historyAfter(this.history, report, assessment, this.description)
    if (assessment.mark !== 'verified') return
    evening.levelMl = shown
    evening.refill = assessment.refill
  }

  private show(day: number): number {
    const { noiseShare, quantumShare, noise } = this.home.sensor
    const share = Math.min(1.05, Math.max(0, this.content / this.capacity + noiseShare * noise[day]!))
    const seen = quantumShare === 0 ? share : Math.round(share / quantumShare) * quantumShare
    return seen * this.description.capacity
  }
}
