import { Seed } from '../../gateway/lib/seed.ts'
import type { Range, Scenario } from '../scenario/schema.ts'

/** What a device that was let in does against the rules. */
export const DEEDS = ['foreign topics', 'garbage', 'old seqs', 'flood', 'giant packet'] as const
export type Deed = (typeof DEEDS)[number]

/** `midst`: while the reports of this tick are under way and what follows from them is done. */
type When = 'between' | 'midst'
export type Happening =
  | { kind: 'kill'; victim: 'gateway' | 'chain' | 'shop'; when: When }
  | { kind: 'reorg'; blocks: number; when: When }
  | { kind: 'seller-away' | 'seller-back'; when: When }
  | { kind: 'hostile'; device: number; deed: Deed; when: When }

/** What happens to the reports of one device in one tick. */
export type WireFault =
  /** Out of reach: the device keeps its reports, and they go out first when it is back. */
  | { kind: 'away' }
  | {
      kind: 'bent'
      /** Before these reports: another session, seq from 0. */
      reboot: boolean
      /** Which report goes next, by index; one that comes again is the same packet, `dup` its flag. Seqs go by index. */
      order: { index: number; dup: boolean }[]
      /** The connection breaks after so many of `order`, before their acks are read. */
      cutAfter?: number
    }

const DAY_MINUTES = 1_440
const MINUTE_MS = 60_000

/**
 * Every fault of a scenario, from its seed. Each draw hangs on the names of its time and device only: a shorter span or
 * fewer homes keep the faults of what is left, which is what makes a failing scenario shrink.
 */
export class FaultPlan {
  readonly #scenario: Scenario
  readonly #seed: Seed
  readonly #ticksPerDay: number
  readonly #happenings = new Map<number, Happening[]>()
  /** Device-days on which a device is away, by device; filled as asked for. */
  readonly #away = new Map<string, { day: number; spans: Span[] }>()

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#seed = new Seed(`faults ${scenario.seed}`)
    this.#ticksPerDay = DAY_MINUTES / scenario.tickMinutes
    this.#planProcesses()
  }

  /** What happens to processes and by strangers in this tick, in this order. */
  happeningsAt(tick: number): readonly Happening[] {
    return this.#happenings.get(tick) ?? []
  }

  /** All that happens to processes and by strangers, for reports; days with fraction. */
  timeline(): { day: number; what: string }[] {
    return [...this.#happenings]
      .sort(([a], [b]) => a - b)
      .flatMap(([tick, list]) => list.map((one) => ({ day: tick / this.#ticksPerDay, what: whatOf(one) })))
  }

  /** How far the clock of a device is off; added to every `measuredAtMs`. */
  skewMs(home: number, device: string): number {
    const { clockSkew } = this.#scenario.faults
    if (clockSkew === undefined) return 0
    const seed = this.#seed.fork(`clock ${home} ${device}`)
    return seed.next() < clockSkew.share ? Math.round(between(seed, clockSkew.minutes) * MINUTE_MS) : 0
  }

  /** Whether a device is out of reach in this tick. */
  isAway(home: number, device: string, tick: number): boolean {
    const { flaps } = this.#scenario.faults
    if (flaps === undefined) return false
    const fromMinute = tick * this.#scenario.tickMinutes
    return this.#spansOf(home, device, Math.floor(tick / this.#ticksPerDay), flaps).some(
      (span) => span.fromMinute <= fromMinute && fromMinute < span.toMinute,
    )
  }

  /** For `count` reports that a device made in this tick; undefined: they go out in order, once. */
  wire(home: number, device: string, tick: number, count: number): WireFault | undefined {
    const { cuts, duplicates, reordering, reboots } = this.#scenario.faults
    if (this.isAway(home, device, tick)) return { kind: 'away' }
    if (count === 0 || (cuts ?? duplicates ?? reordering ?? reboots) === undefined) return undefined
    const seed = this.#seed.fork(`wire ${home} ${device} ${tick}`)
    // All are drawn, so that taking one fault away leaves the others as they are.
    const [rebootDraw, cutDraw, cutPlace] = [seed.next(), seed.next(), seed.next()]
    const reboot = rebootDraw < (reboots?.perDeviceDay ?? 0) / this.#ticksPerDay
    const isCut = cutDraw < (cuts?.perDeviceDay ?? 0) / this.#ticksPerDay
    const order = Array.from({ length: count }, (_, index) => ({ index, dup: false }))
    let isBent = reboot || isCut
    for (let place = 0; place < count - 1; place++) {
      const [first, second] = [order[place], order[place + 1]]
      if (seed.next() >= (reordering?.share ?? 0) || first === undefined || second === undefined) continue
      order[place] = second
      order[place + 1] = first
      isBent = true
    }
    for (let index = 0; index < count; index++) {
      const draw = seed.next()
      const dup = seed.next() < 0.5
      if (draw >= (duplicates?.share ?? 0)) continue
      // Somewhere after the first time.
      const place = order.findIndex((one) => one.index === index)
      order.splice(place + 1 + Math.floor(seed.next() * (order.length - place)), 0, { index, dup })
      isBent = true
    }
    if (!isBent) return undefined
    return { kind: 'bent', reboot, order, ...(isCut && { cutAfter: Math.floor(cutPlace * order.length) }) }
  }

  /** A span that began the day before may reach into this one: both days are drawn. */
  #spansOf(home: number, device: string, day: number, flaps: NonNullable<Scenario['faults']['flaps']>): Span[] {
    const name = `${home} ${device}`
    const known = this.#away.get(name)
    if (known?.day === day) return known.spans
    const daysBack = Math.ceil(flaps.minutes.most / DAY_MINUTES)
    const spans: Span[] = []
    for (let drawn = Math.max(0, day - daysBack); drawn <= day; drawn++) {
      const seed = this.#seed.fork(`away ${name} ${drawn}`)
      for (let times = timesOf(seed, flaps.perDeviceDay); times > 0; times--) {
        const fromMinute = drawn * DAY_MINUTES + Math.floor(seed.next() * DAY_MINUTES)
        spans.push({ fromMinute, toMinute: fromMinute + between(seed, flaps.minutes) })
      }
    }
    this.#away.set(name, { day, spans })
    return spans
  }

  #planProcesses(): void {
    const { kills, reorgs, sellerOutages, hostile } = this.#scenario.faults
    const outages = this.#outages(sellerOutages)
    const isAway = (tick: number) => outages.some(({ fromTick, toTick }) => fromTick <= tick && tick <= toTick)
    for (const victim of ['gateway', 'chain', 'shop'] as const) {
      for (const { tick, number } of this.#windows(`kill ${victim}`, kills?.[victim])) {
        // A shop that is closed, or opens or closes in this tick, has no process to kill.
        if (victim === 'shop' && isAway(tick)) continue
        this.#add(tick, { kind: 'kill', victim, when: number % 2 === 0 ? 'midst' : 'between' })
      }
    }
    for (const { tick } of this.#windows('reorg', reorgs?.everyDays)) {
      this.#add(tick, { kind: 'reorg', blocks: reorgs?.blocks ?? 1, when: 'between' })
    }
    for (const { fromTick, toTick } of outages) {
      this.#add(fromTick, { kind: 'seller-away', when: 'between' })
      this.#add(toTick, { kind: 'seller-back', when: 'between' })
    }
    for (const { tick, number, seed } of this.#windows('hostile', hostile?.everyDays)) {
      const device = Math.floor(seed.next() * (hostile?.devices ?? 1))
      const deed = DEEDS[number % DEEDS.length] ?? 'garbage'
      this.#add(tick, { kind: 'hostile', device, deed, when: seed.next() < 0.5 ? 'midst' : 'between' })
    }
  }

  /** When the seller is away, to and with the tick in which it is back; one outage is over before the next begins. */
  #outages(faults: Scenario['faults']['sellerOutages']): { fromTick: number; toTick: number }[] {
    const outages: { fromTick: number; toTick: number }[] = []
    if (faults === undefined) return outages
    for (const { tick, seed } of this.#windows('seller', faults.everyDays)) {
      if (tick < (outages.at(-1)?.toTick ?? 0)) continue
      const ticks = (between(seed, faults.hours) * 60) / this.#scenario.tickMinutes
      const backAt = tick + Math.max(1, Math.ceil(ticks))
      outages.push({ fromTick: tick, toTick: Math.min(backAt, this.#lastTick()) })
    }
    return outages
  }

  /** One tick in each whole window of so many days, after the first day and before the last tick: both are left in peace. */
  *#windows(name: string, everyDays: number | undefined): Generator<{ tick: number; number: number; seed: Seed }> {
    if (everyDays === undefined) return
    const ticks = everyDays * this.#ticksPerDay
    for (let number = 0; number * ticks < this.#lastTick(); number++) {
      const seed = this.#seed.fork(`${name} ${number}`)
      const tick = this.#ticksPerDay + Math.floor((number + seed.next()) * ticks)
      if (tick < this.#lastTick()) yield { tick, number, seed }
    }
  }

  #lastTick(): number {
    return this.#scenario.days * this.#ticksPerDay - 1
  }

  #add(tick: number, happening: Happening): void {
    this.#happenings.set(tick, [...(this.#happenings.get(tick) ?? []), happening])
  }
}

type Span = { fromMinute: number; toMinute: number }

function whatOf(happening: Happening): string {
  switch (happening.kind) {
    case 'kill':
      return `kill -9 ${happening.victim}`
    case 'reorg':
      return `reorg of ${happening.blocks} blocks`
    case 'hostile':
      return `hostile device ${happening.device}: ${happening.deed}`
    case 'seller-away':
      return 'the seller is away'
    case 'seller-back':
      return 'the seller is back'
  }
}

/** A whole number with this mean: the rest of it by chance. */
function timesOf(seed: Seed, mean: number): number {
  return Math.floor(mean + seed.next())
}

function between(seed: Seed, { least, most }: Range): number {
  return seed.between(least, most)
}
