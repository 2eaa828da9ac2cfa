import type { Description } from '../../gateway/wire/messages.ts'
import type { Appliance, Program } from './appliance.ts'
import { type Delivery, type DeliveryPlan, deliveryOf } from './carrier.ts'
import { throwOf, uniform } from './dice.ts'
import { DAY_MS, type HouseholdPlan } from './household.ts'
import { Slot, type SlotPlan } from './slot.ts'
import { faultOf, MAX_USES_PER_DAY, programOf, sizeOf, usesOfDay } from './uses.ts'

export type DevicePlan = {
  /** Within its home, such as `washer`. */
  name: string
  key: number
  appliance: Appliance
  description: Description
  slots: SlotPlan[]
}

/**
 * What devices say, in the order of time of each device. Devices, slots and values go by index; `values` and `event` are
 * used again: copy what is to be kept.
 */
export type ReportSink = {
  level(device: number, slot: number, atMs: number, remaining: number): void
  telemetry(device: number, atMs: number, values: Float64Array): void
  event(device: number, atMs: number, event: DeviceEvent): void
}
/** Fields that a type has no use for are empty: '', 0, and −1 for a slot. */
export type DeviceEvent = {
  type: 'cycle-started' | 'cycle-finished' | 'dose-short' | 'fault'
  program: string
  /** 0–1. */
  size: number
  slot: number
  dose: number
  wanted: number
  code: string
}
/** As the home opens it; `received` is false when nothing of use was in it. */
export type Parcel = { slot: number; orderId: string; atMs: number; received: boolean }
type UnderWay = { slot: number; orderId: string; packContent: number; delivery: Delivery }

const MINUTE_MS = 60_000
const TELEMETRY_IDLE_MS = 60 * MINUTE_MS
const TELEMETRY_RUNNING_MS = 20 * MINUTE_MS
/** A level that nothing changed is told once a day. */
const LEVEL_EVERY_MS = DAY_MS

/** One appliance in motion: a function of its plan, its household and the news of its orders. */
export class Device {
  readonly plan: DevicePlan
  readonly slots: readonly Slot[]
  /** When something but telemetry happens next; a new day counts. */
  nextEventAtMs: number
  readonly #index: number
  readonly #household: HouseholdPlan
  readonly #deliveries: DeliveryPlan
  readonly #values: Float64Array
  readonly #dosingSlot: number
  /** Uses of the day. */
  readonly #uses = new Float64Array(MAX_USES_PER_DAY)
  #useCount = 0
  #nextUse = 0
  #day = 0
  #dayEndsAtMs: number
  #nextTelemetryAtMs: number
  #levelsAtMs: number
  /** What it does now. */
  #program: Program | undefined
  #fault = ''
  #dose = 0
  #startedAtMs = 0
  #endsAtMs = Number.POSITIVE_INFINITY
  /** By slot: the orders that were shipped. */
  readonly #orders: Set<string>[]
  #underWay: UnderWay[] = []
  #nextParcelAtMs = Number.POSITIVE_INFINITY
  #found: Parcel[] = []
  readonly #event: DeviceEvent = { type: 'cycle-started', program: '', size: 0, slot: -1, dose: 0, wanted: 0, code: '' }

  constructor(
    plan: DevicePlan,
    index: number,
    { household, deliveries }: { household: HouseholdPlan; deliveries: DeliveryPlan },
    startMs: number,
  ) {
    this.plan = plan
    this.#index = index
    this.#household = household
    this.#deliveries = deliveries
    const { slots, telemetry } = plan.appliance
    this.slots = slots.map((kind, slot) => new Slot(kind, plan.slots[slot]!, startMs))
    this.#dosingSlot = slots.findIndex(({ tellsDose }) => tellsDose === true)
    this.#values = new Float64Array(telemetry.length)
    this.#orders = slots.map(() => new Set())
    this.#nextTelemetryAtMs = startMs + Math.ceil(uniform(plan.key, 1) * 60) * MINUTE_MS
    this.#levelsAtMs = startMs + LEVEL_EVERY_MS + Math.floor(uniform(plan.key, 2) * 60) * MINUTE_MS
    this.#dayEndsAtMs = startMs
    this.nextEventAtMs = startMs
  }

  /** As at each boot: every slot's level. */
  switchOn(atMs: number, out: ReportSink): void {
    for (let slot = 0; slot < this.slots.length; slot++) this.#tellLevel(slot, atMs, out)
  }

  /** Everything that happens up to then, that moment included. */
  liveUntil(untilMs: number, out: ReportSink): void {
    for (;;) {
      const atMs = this.nextEventAtMs
      this.#tellTelemetry(Math.min(atMs, untilMs), out)
      if (atMs > untilMs) return
      if (atMs === this.#dayEndsAtMs) this.#beginDay(atMs)
      else if (atMs === this.#endsAtMs) this.#endCycle(atMs, out)
      else if (atMs === this.#nextParcelAtMs) this.#findParcels(atMs, out)
      else if (atMs === this.#levelsAtMs) this.#tellOldLevels(atMs, out)
      else this.#beginCycle(atMs, out)
      const useAtMs = this.#nextUseAtMs()
      this.nextEventAtMs = Math.min(this.#levelsAtMs, this.#dayEndsAtMs, useAtMs, this.#endsAtMs, this.#nextParcelAtMs)
    }
  }

  /** The shop shipped an order; the same one again changes nothing. */
  shipped(slot: number, order: { orderId: string; packs: number; packContent: number }, sinceMs: number): void {
    const { orderId, packs, packContent } = order
    const orders = this.#orders[slot]!
    if (orders.has(orderId)) return
    orders.add(orderId)
    const delivery = deliveryOf(this.#deliveries, this.plan.slots[slot]!.key, orders.size, packs, sinceMs)
    this.#underWay.push({ slot, orderId, packContent, delivery })
    this.#nextParcelAtMs = Math.min(this.#nextParcelAtMs, delivery.atMs)
    this.nextEventAtMs = Math.min(this.nextEventAtMs, delivery.atMs)
  }

  /** Parcels found since the last call. */
  takeParcels(): Parcel[] {
    const found = this.#found
    if (found.length > 0) this.#found = []
    return found
  }

  #beginDay(atMs: number): void {
    this.#day = Math.floor(atMs / DAY_MS)
    this.#dayEndsAtMs = (this.#day + 1) * DAY_MS
    this.#useCount = usesOfDay(this.plan, this.#household, this.#day, this.#uses)
    this.#nextUse = 0
    // A model that begins in the middle of a day leaves out what was before, and what waited for a cycle over midnight.
    while (this.#nextUse < this.#useCount && this.#uses[this.#nextUse]! <= atMs) this.#nextUse += 1
  }

  #beginCycle(atMs: number, out: ReportSink): void {
    const { plan } = this
    const use = this.#nextUse++
    const program = programOf(plan, this.#day, use)
    const size = sizeOf(plan.key, program, this.#day, use)
    this.#program = program
    this.#fault = faultOf(plan, this.#day, use)
    this.#startedAtMs = atMs
    this.#endsAtMs = atMs + Math.ceil(program.minutes * (this.#fault === '' ? 1 : 0.5)) * MINUTE_MS
    this.#nextTelemetryAtMs = Math.min(this.#nextTelemetryAtMs, atMs + TELEMETRY_RUNNING_MS)
    this.#tell('cycle-started', atMs, out, size)
    this.#dose = 0
    for (let index = 0; index < this.slots.length; index++) {
      const slot = this.slots[index]!
      // Whoever uses it fills it first, when there is something to fill in.
      if (slot.fill(atMs)) this.#tellLevel(index, atMs, out)
      const wanted = slot.wanted(program.doses[index]!, size)
      const dose = slot.take(wanted)
      if (index === this.#dosingSlot) this.#dose = dose
      if (dose < wanted) this.#tell('dose-short', atMs, out, 0, index, dose, wanted)
    }
  }

  #endCycle(atMs: number, out: ReportSink): void {
    const { doses } = this.#program!
    if (this.#fault === '') this.#tell('cycle-finished', atMs, out, 0, this.#dosingSlot, this.#dose)
    else this.#tell('fault', atMs, out)
    this.#program = undefined
    this.#endsAtMs = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < this.slots.length; slot++) {
      if (doses[slot]![1] > 0 && this.slots[slot]!.plan.isUsed) this.#tellLevel(slot, atMs, out)
    }
    // Who waited for the drum begins now.
    for (let use = this.#nextUse; use < this.#useCount; use++) this.#uses[use] = Math.max(this.#uses[use]!, atMs)
  }

  #findParcels(atMs: number, out: ReportSink): void {
    const here = this.#underWay.filter(({ delivery }) => delivery.atMs <= atMs)
    this.#underWay = this.#underWay.filter(({ delivery }) => delivery.atMs > atMs)
    this.#nextParcelAtMs = Math.min(...this.#underWay.map(({ delivery }) => delivery.atMs))
    for (const { slot, orderId, packContent, delivery } of here) {
      this.#found.push({ slot, orderId, atMs, received: delivery.packs > 0 })
      this.slots[slot]!.store(delivery.packs, packContent, atMs)
      if (this.slots[slot]!.fill(atMs)) this.#tellLevel(slot, atMs, out)
    }
  }

  #tellOldLevels(atMs: number, out: ReportSink): void {
    this.#levelsAtMs = atMs + LEVEL_EVERY_MS
    for (let slot = 0; slot < this.slots.length; slot++) {
      const { plan, readAtMs } = this.slots[slot]!
      // Of a compartment that nobody uses it says once that it is empty.
      if (plan.isUsed && atMs - readAtMs >= LEVEL_EVERY_MS) this.#tellLevel(slot, atMs, out)
    }
  }

  #tellLevel(slot: number, atMs: number, out: ReportSink): void {
    const remaining = this.slots[slot]!.read(atMs)
    if (!Number.isNaN(remaining)) out.level(this.#index, slot, atMs, remaining)
  }

  /** All of it up to then. */
  #tellTelemetry(untilMs: number, out: ReportSink): void {
    if (this.#nextTelemetryAtMs > untilMs) return
    const { appliance, key } = this.plan
    const program = this.#program
    const everyMs = program === undefined ? TELEMETRY_IDLE_MS : TELEMETRY_RUNNING_MS
    const wholeMs = program === undefined ? 1 : program.minutes * MINUTE_MS
    const values = this.#values
    let atMs = this.#nextTelemetryAtMs
    for (; atMs <= untilMs; atMs += everyMs) {
      const share = program === undefined ? 0 : (atMs - this.#startedAtMs) / wholeMs
      appliance.measure(values, program, share, throwOf(key, atMs / 1000))
      out.telemetry(this.#index, atMs, values)
    }
    this.#nextTelemetryAtMs = atMs
  }

  /** While it runs, the next use waits for its end. */
  #nextUseAtMs(): number {
    return this.#program === undefined && this.#nextUse < this.#useCount
      ? this.#uses[this.#nextUse]!
      : Number.POSITIVE_INFINITY
  }

  #tell(type: DeviceEvent['type'], atMs: number, out: ReportSink, size = 0, slot = -1, dose = 0, wanted = 0): void {
    const event = this.#event
    event.type = type
    event.program = this.#program!.name
    event.size = size
    event.slot = slot
    event.dose = dose
    event.wanted = wanted
    event.code = type === 'fault' ? this.#fault : ''
    out.event(this.#index, atMs, event)
  }
}
