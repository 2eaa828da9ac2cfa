import type { OrderMessage } from '../../gateway/wire/messages.ts'
import type { ReportSink } from '../models/device.ts'
import { eventDetail, HomeModel, type HomePlan } from '../models/home.ts'
import type { DeviceReport } from '../mqtt-device.ts'

/** Less than a carrier needs: news of a parcel is read before the parcel comes. */
const LONGEST_STRIDE_MS = 12 * 3_600_000

export type HomeParts = {
  /** With one device. */
  plan: HomePlan
  /** Virtual time (time-leader.ts). */
  time: { nowMs(): number; settle(): Promise<void>; advanceTo(atMs: number): Promise<void> }
  /** The device's connection (mqtt-device.ts). */
  device: { report(report: DeviceReport): Promise<void>; flush(): Promise<void> }
  homeowner: {
    /** What the label says that is in the parcel of this order; a pack's content in the unit of the slot. */
    label(orderId: string): Promise<{ packs: number; packContent: number }>
    /** Says that the order is here. */
    received(orderId: string): Promise<void>
  }
  onReport(report: DeviceReport): void
  onParcel(content: number): void
}

/** The home of the demo in motion: the model of its appliance joined with time, the broker and its people. */
export class LivingHome {
  readonly #parts: HomeParts
  readonly #model: HomeModel
  readonly #contents = new Map<string, number>()
  #shipped: OrderMessage[] = []

  constructor(parts: HomeParts) {
    this.#parts = parts
    this.#model = new HomeModel(parts.plan, parts.time.nowMs())
  }

  /** The device reports its levels, as at each boot. */
  async switchOn(): Promise<void> {
    await this.#tell((out) => this.#model.switchOn(this.#parts.time.nowMs(), out))
  }

  /** News on the device's `order` topic; it comes again with every connection. */
  onOrder(message: OrderMessage): void {
    if (message.state === 'shipped') this.#shipped.push(message)
  }

  /** Passes time until the next thing that happens here, 12 hours or `limitMs`, and lets the gateway do what follows. */
  async liveOn(limitMs: number): Promise<void> {
    const { time, device } = this.#parts
    const nowMs = time.nowMs()
    const eventAtMs = Math.max(nowMs, this.#model.nextEventAtMs())
    await time.advanceTo(Math.min(eventAtMs, nowMs + LONGEST_STRIDE_MS, limitMs))
    await device.flush()
    await this.#readNews()
    await this.#tell((out) => this.#model.liveUntil(time.nowMs(), out))
  }

  async #readNews(): Promise<void> {
    for (const { orderId, slot, sinceMs } of this.#shipped.splice(0)) {
      if (this.#contents.has(orderId)) continue
      const label = await this.#parts.homeowner.label(orderId)
      this.#contents.set(orderId, label.packs * label.packContent)
      const index = this.#model.devices[0]!.description.slots.findIndex((each) => each.slot === slot)
      this.#model.shipped(0, index, { orderId, ...label }, sinceMs)
    }
  }

  async #tell(live: (out: ReportSink) => void): Promise<void> {
    const { time, device, homeowner, onReport, onParcel } = this.#parts
    const reports: DeviceReport[] = []
    live(this.#collector(reports))
    const parcels = this.#model.takeParcels()
    for (const { orderId } of parcels) onParcel(this.#contents.get(orderId) ?? 0)
    await Promise.all(reports.map((report) => device.report(report)))
    for (const report of reports) onReport(report)
    // Telemetry leads to nothing that could not wait for the next moment, and it is most of what a device says.
    if (reports.every((report) => report.topic === 'telemetry') && parcels.length === 0) return
    await time.settle()
    for (const { orderId } of parcels) await homeowner.received(orderId)
    if (parcels.length > 0) await time.settle()
    await device.flush()
  }

  #collector(reports: DeviceReport[]): ReportSink {
    const [face] = this.#model.devices
    const { description, telemetry } = face!
    return {
      level(_device, slot, measuredAtMs, remaining) {
        const { slot: name, unit } = description.slots[slot]!
        reports.push({ topic: 'consumable', measuredAtMs, slot: name, remaining, unit })
      },
      telemetry(_device, measuredAtMs, values) {
        const named = Object.fromEntries(telemetry.map((name, index) => [name, values[index]!]))
        reports.push({ topic: 'telemetry', measuredAtMs, values: named })
      },
      event(_device, measuredAtMs, event) {
        reports.push({ topic: 'event', measuredAtMs, type: event.type, detail: eventDetail({ description }, event) })
      },
    }
  }
}
