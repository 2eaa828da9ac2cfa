import { leftOf } from '../../gateway/domain/slot-state.ts'
import { packContentOf } from '../models/appliance.ts'
import type { DeviceEvent, ReportSink } from '../models/device.ts'
import { HomeModel, type HomePlan } from '../models/home.ts'
import { LeadTimes } from './lead-times.ts'
import { COOLING_OFF_DAYS, PureOrder } from './pure-order.ts'
import type { PureShop } from './pure-shop.ts'
import type { RunCounts } from './result.ts'
import { type Deciding, SlotBook, type Wish } from './slot-book.ts'
import type { Tally } from './tally.ts'

const DAY_MS = 86_400_000

type HomeSlot = {
  device: number
  slot: number
  name: string
  book: SlotBook
  order: PureOrder | undefined
  made: number
  emptySinceMs: number | undefined
}

/** One home of a pure run with all that gateway, shop and chain would do for it, tick by tick. */
export class PureHome implements ReportSink {
  readonly model: HomeModel
  readonly plan: HomePlan
  /** How many of its slots stand empty. */
  emptySlots = 0
  readonly #tally: Tally
  readonly #counts: RunCounts
  readonly #startMs: number
  readonly #slots: HomeSlot[]
  readonly #slotsOf: HomeSlot[][]
  readonly #skewMs: number[]
  readonly #leads = new LeadTimes()
  /** By device. */
  readonly #digests: Int32Array
  #openOrders = 0
  #hasNews = true
  #dueAtMs = Number.POSITIVE_INFINITY
  #nowMs: number

  constructor(
    plan: HomePlan,
    { shop, tally, skewMs, deciding }: { shop: PureShop; tally: Tally; skewMs: number[]; deciding: Deciding },
    startMs: number,
  ) {
    this.plan = plan
    this.model = new HomeModel(plan, startMs)
    this.#tally = tally
    this.#counts = tally.counts
    this.#skewMs = skewMs
    this.#startMs = startMs
    this.#nowMs = startMs
    this.#slotsOf = plan.devices.map(({ appliance, description }, device) =>
      appliance.slots.map((kind, slot): HomeSlot => {
        const product = kind.products[0]!
        const { value: gtin } = description.slots[slot]!.replacementProducts[0]!
        const buyable = {
          gtin,
          packContent: packContentOf(kind, product),
          maxPacks: shop.maxPacks(product.gtin),
          coolingOffDays: COOLING_OFF_DAYS,
        }
        const book = new SlotBook(description.slots[slot]!, buyable, deciding)
        return { device, slot, name: product.gtin, book, order: undefined, made: 0, emptySinceMs: undefined }
      }),
    )
    this.#slots = this.#slotsOf.flat()
    this.#digests = new Int32Array(plan.devices.length)
  }

  /** Lives until then; a device for which `isAway` says so only catches up when it is back. */
  live(nowMs: number, isAway: ((device: string) => boolean) | undefined): void {
    this.#nowMs = nowMs
    if (isAway === undefined) this.model.liveUntil(nowMs, this)
    else {
      for (const [device, { name }] of this.plan.devices.entries()) {
        if (!isAway(name)) this.model.device(device).liveUntil(nowMs, this)
      }
    }
  }

  /** Nothing but telemetry happens before. */
  nextAtMs(): number {
    let atMs = Math.min(this.model.nextEventAtMs(), this.#dueAtMs)
    if (this.#openOrders === 0) return atMs
    for (const { order } of this.#slots) if (order !== undefined) atMs = Math.min(atMs, order.nextAtMs())
    return atMs
  }

  level(device: number, slot: number, atMs: number, remaining: number): void {
    this.#counts.reports += 1
    this.#note(device, remaining)
    this.#hasNews = true
    const known = this.#slotsOf[device]![slot]!
    const measuredAtMs = atMs + this.#skewMs[device]!
    const isRefill = known.book.takeLevel(measuredAtMs, remaining, this.#nowMs)
    const { order } = known
    if (isRefill && order?.state === 'shipped' && order.sinceMs < measuredAtMs) order.refilledAtMs ??= measuredAtMs
  }

  telemetry(device: number, _atMs: number, values: Float64Array): void {
    this.#counts.reports += 1
    let digest = this.#digests[device]!
    for (let index = 0; index < values.length; index++) digest = mixed(digest, values[index]! * 100)
    this.#digests[device] = digest
  }

  event(device: number, atMs: number, event: DeviceEvent): void {
    this.#counts.reports += 1
    this.#note(device, event.dose)
    this.#hasNews = true
    const { type, slot, dose } = event
    const slots = this.#slotsOf[device]!
    if (type === 'cycle-finished') {
      this.#counts.cycles += 1
      if (slot >= 0 && dose > 0) slots[slot]!.book.takeDose(atMs + this.#skewMs[device]!, dose)
    } else if (type === 'dose-short') {
      this.#tally.shortOn(Math.floor(atMs / DAY_MS), this.plan.index, device)
      if (slots[slot]!.emptySinceMs === undefined) this.emptySlots += 1
      slots[slot]!.emptySinceMs ??= atMs
    }
    for (let index = 0; index < slots.length; index++) slots[index]!.book.takeEvent(this.#nowMs)
  }

  /** What gateway, shop and chain do at this moment. */
  settle(nowMs: number, shop: PureShop): void {
    this.#nowMs = nowMs
    if (this.#openOrders > 0) {
      this.#openParcels(nowMs)
      for (const slot of this.#slots) if (slot.order !== undefined) this.#advance(slot, slot.order, nowMs, shop)
    }
    if (!this.#hasNews && nowMs < this.#dueAtMs) return
    this.#hasNews = false
    this.#dueAtMs = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#slots.length; index++) {
      const slot = this.#slots[index]!
      const { book } = slot
      if (slot.emptySinceMs !== undefined && !this.model.isEmpty(slot.device, slot.slot)) this.#refilled(slot)
      if (book.mustDecide(nowMs, this.#leads.now)) {
        const wish = book.decide(nowMs, this.#leads.now, slot.order !== undefined)
        if (wish !== undefined) this.#order(slot, wish, nowMs, shop)
      }
      this.#dueAtMs = Math.min(this.#dueAtMs, book.dueAtMs)
    }
  }

  /** Slots that stand empty at the end of the run are counted too. */
  end(nowMs: number): void {
    this.#nowMs = nowMs
    for (const digest of this.#digests) this.#tally.digest = mixed(this.#tally.digest, digest)
    for (const slot of this.#slots) if (slot.emptySinceMs !== undefined) this.#refilled(slot)
  }

  /** Content by the newest level that came; undefined before the first. */
  seen(device: number, slot: number): number | undefined {
    const { state } = this.#slotsOf[device]![slot]!.book
    return state.level && leftOf(state.level.remaining, state.measure)
  }

  #order(slot: HomeSlot, { packs, asks }: Wish, nowMs: number, shop: PureShop): void {
    const { device, book } = slot
    const { gtin } = book.product
    if (slot.order !== undefined) {
      this.#tally.problem(`Home ${this.plan.index} ordered ${gtin} again while order ${slot.order.orderId} was open.`)
      return
    }
    slot.made += 1
    this.#openOrders += 1
    this.#counts.orders += 1
    const name = book.description.slot
    this.#tally.orders.push({
      home: this.plan.index,
      device: this.plan.devices[device]!.name,
      slot: name,
      gtin,
      quantity: packs,
      day: Math.floor((nowMs - this.#startMs) / DAY_MS),
    })
    const orderId = `${this.plan.index}/${device}/${name}/${slot.made}`
    slot.order = new PureOrder(orderId, slot.name, packs, nowMs, book.lastOrderAtMs)
    book.ordered(packs, nowMs)
    if (asks && !this.model.agrees(device, slot.slot)) this.#endWithoutGoods(slot, slot.order, nowMs)
    else this.#advance(slot, slot.order, nowMs, shop)
  }

  /** The next arrows of its order, when it is time. */
  #advance(slot: HomeSlot, order: PureOrder, nowMs: number, shop: PureShop): void {
    const { book, device } = slot
    switch (order.step(nowMs, shop)) {
      case 'shipped': {
        const { orderId, packs } = order
        book.shipped()
        this.model.shipped(device, slot.slot, { orderId, packs, packContent: book.product.packContent }, nowMs)
        return
      }
      case 'completed':
        slot.order = undefined
        this.#openOrders -= 1
        this.#hasNews = true
        book.completed(nowMs)
        this.#leads.add(order.createdAtMs, order.leadDays())
        return
      case 'without-goods':
        this.#endWithoutGoods(slot, order, nowMs)
    }
  }

  /** The homeowner says which orders are here. */
  #openParcels(nowMs: number): void {
    for (const { device, slot, orderId, received } of this.model.takeParcels()) {
      this.#counts.parcels += 1
      const { order } = this.#slotsOf[device]![slot]!
      if (received && order?.orderId === orderId) order.receivedAtMs = nowMs
    }
  }

  #endWithoutGoods(slot: HomeSlot, order: PureOrder, nowMs: number): void {
    slot.order = undefined
    this.#openOrders -= 1
    this.#hasNews = true
    slot.book.endedWithoutGoods(nowMs, order.lastOrderAtMs)
  }

  #refilled(slot: HomeSlot): void {
    const { device, emptySinceMs = this.#nowMs } = slot
    this.emptySlots -= 1
    slot.emptySinceMs = undefined
    this.#tally.stockOuts.push({
      home: this.plan.index,
      device: this.plan.devices[device]!.name,
      slot: slot.book.description.slot,
      fromDay: (emptySinceMs - this.#startMs) / DAY_MS,
      days: (this.#nowMs - emptySinceMs) / DAY_MS,
    })
  }

  /** A number that a device reported, to two decimals. */
  #note(device: number, value: number): void {
    this.#digests[device] = mixed(this.#digests[device]!, value * 100)
  }
}

/** A step of the checksum FNV-1a, by 32 bits at once. */
function mixed(digest: number, value: number): number {
  return Math.imul(digest ^ value, 0x01000193)
}
