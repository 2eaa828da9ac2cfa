import type { HomeModel, HomePlan } from '../models/home.ts'
import type { LevelSeries, StockOut } from './result.ts'

/** Slots that are drawn in the report. */
const SAMPLED_SLOTS = 12
const SAMPLE_EVERY_MS = 4 * 3_600_000
const DAY_MS = 86_400_000

type Watched = { home: number; device: number; slot: number; emptySinceMs: number | undefined }

/** Watches the true levels of all slots: for plots, and for the days on which a home did without. */
export class Recorder {
  readonly levels: LevelSeries[] = []
  readonly stockOuts: StockOut[] = []
  readonly #plans: readonly HomePlan[]
  readonly #models: readonly HomeModel[]
  readonly #startMs: number
  readonly #slots: Watched[]
  readonly #sampled: readonly Watched[]
  #sampledAtMs = Number.NEGATIVE_INFINITY

  constructor(plans: readonly HomePlan[], models: readonly HomeModel[], startMs: number) {
    this.#plans = plans
    this.#models = models
    this.#startMs = startMs
    this.#slots = models.flatMap(({ devices }, home) =>
      devices.flatMap(({ description }, device) =>
        description.slots.map((_, slot) => ({ home, device, slot, emptySinceMs: undefined })),
      ),
    )
    const step = Math.max(1, Math.floor(this.#slots.length / SAMPLED_SLOTS))
    this.#sampled = this.#slots.filter((_, index) => index % step === 0).slice(0, SAMPLED_SLOTS)
    for (const { home, device, slot } of this.#sampled) {
      const { name, description } = models[home]!.devices[device]!
      const { slot: slotName, unit, capacity } = description.slots[slot]!
      const of = { home: plans[home]!.index, device: name, slot: slotName, unit, capacity }
      this.levels.push({ ...of, days: [], trueLevels: [], seenLevels: [] })
    }
  }

  /** Slots that are empty now. */
  get empty(): number {
    return this.#slots.filter(({ emptySinceMs }) => emptySinceMs !== undefined).length
  }

  /** Looks at the end of a tick; `seenOf` is what a slot's sensor said last, NaN before it said anything. */
  look(atMs: number, seenOf: (home: number, device: number, slot: number) => number): void {
    for (const watched of this.#slots) {
      const { home, device, slot, emptySinceMs } = watched
      if (this.#models[home]!.isEmpty(device, slot)) watched.emptySinceMs ??= atMs
      else if (emptySinceMs !== undefined) this.#endSpell(watched, emptySinceMs, atMs)
    }
    if (atMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return
    this.#sampledAtMs = atMs
    for (const [index, { home, device, slot }] of this.#sampled.entries()) {
      const { days, trueLevels, seenLevels } = this.levels[index]!
      days.push((atMs - this.#startMs) / DAY_MS)
      trueLevels.push(this.#models[home]!.trueLevel(device, slot))
      seenLevels.push(seenOf(home, device, slot))
    }
  }

  /** The run is over: what is empty now was so to the end. */
  end(atMs: number): void {
    for (const watched of this.#slots) {
      if (watched.emptySinceMs !== undefined) this.#endSpell(watched, watched.emptySinceMs, atMs)
    }
  }

  #endSpell(watched: Watched, fromMs: number, toMs: number): void {
    watched.emptySinceMs = undefined
    const { name, description } = this.#models[watched.home]!.devices[watched.device]!
    this.stockOuts.push({
      home: this.#plans[watched.home]!.index,
      device: name,
      slot: description.slots[watched.slot]!.slot,
      fromDay: (fromMs - this.#startMs) / DAY_MS,
      days: (toMs - fromMs) / DAY_MS,
    })
  }
}
