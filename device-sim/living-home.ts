import type { OrderMessage } from '../gateway/wire/messages.ts'
import {
  type Household,
  type HouseholdAction,
  type HouseholdInput,
  type HouseholdState,
  newHousehold,
  nextHouseholdEventAtMs,
  stepHousehold,
} from './household.ts'
import type { WasherReport } from './washer.ts'

/** Less than a carrier needs: news of a parcel is read before the parcel comes. */
const LONGEST_STRIDE_MS = 12 * 3_600_000

export type HomeParts = {
  household: Household
  /** Virtual time (time-leader.ts). */
  time: { nowMs(): number; settle(): Promise<void>; advanceTo(atMs: number): Promise<void> }
  /** The washer's connection (mqtt-device.ts). */
  device: { report(report: WasherReport): Promise<void>; flush(): Promise<void> }
  homeowner: {
    /** What is in the parcel of this order, in ml. */
    open(orderId: string): Promise<number>
    /** Says that the order is here. */
    received(orderId: string): Promise<void>
  }
  onReport(report: WasherReport): void
  onParcel(contentMl: number): void
}

/** A household in motion: the pure steps of household.ts joined with time, the washer's connection and its people. */
export class LivingHome {
  readonly #parts: HomeParts
  #state: HouseholdState

  constructor(parts: HomeParts) {
    this.#parts = parts
    this.#state = newHousehold(parts.household, parts.time.nowMs())
  }

  /** The washer reports its level, as at each boot. */
  async switchOn(): Promise<void> {
    await this.#live({ type: 'boot' })
  }

  /** News on the washer's `order` topic. */
  onOrder(message: OrderMessage): void {
    this.#state = this.#step({ type: 'order', message }).state
  }

  /** Passes time until the next thing that happens here, 12 hours or `limitMs`, and lets the gateway do what follows. */
  async liveOn(limitMs: number): Promise<void> {
    const { time, device } = this.#parts
    const nowMs = time.nowMs()
    const eventAtMs = Math.max(nowMs, nextHouseholdEventAtMs(this.#state))
    await time.advanceTo(Math.min(eventAtMs, nowMs + LONGEST_STRIDE_MS, limitMs))
    await device.flush()
    await this.#live({ type: 'time' })
  }

  async #live(input: HouseholdInput): Promise<void> {
    const { time, device } = this.#parts
    const { state, actions } = this.#step(input)
    this.#state = state
    for (const action of actions) await this.#act(action)
    // Telemetry leads to nothing that could not wait for the next moment, and it is most of what a washer says.
    if (actions.every((action) => action.type === 'report' && action.report.topic === 'telemetry')) return
    await time.settle()
    await device.flush()
  }

  #step(input: HouseholdInput) {
    return stepHousehold(this.#state, input, this.#parts.time.nowMs(), this.#parts.household)
  }

  async #act(action: HouseholdAction): Promise<void> {
    const { time, device, homeowner, onReport, onParcel } = this.#parts
    if (action.type === 'report') {
      await device.report(action.report)
      onReport(action.report)
      return
    }
    const contentMl = await homeowner.open(action.orderId)
    onParcel(contentMl)
    await this.#live({ type: 'pour', ml: contentMl })
    await homeowner.received(action.orderId)
    await time.settle()
  }
}
