import type { Forecast } from '../domain/forecast.ts'
import type { Usage } from '../domain/forecast-model.ts'
import type { Gtin, OrderId } from '../domain/identifiers.ts'
import type { Level, SlotDescription } from '../domain/level.ts'
import type { LeadTime } from '../domain/need.ts'
import type { NotificationKind } from '../domain/notification.ts'
import type { Mode, Order, OrderState } from '../domain/order.ts'
import type { Quote } from '../domain/quote.ts'
import type { SlotEvent, SlotState } from '../domain/slot-state.ts'
import type { ActionResult } from './orders.ts'

/** A product that a granted mandate names, as far as a decision needs it. */
export type BuyableProduct = {
  gtin: Gtin
  /** Of one pack in the slot's unit; a pack that is measured otherwise counts as one filling. */
  packContent: number
  /** What the mandate's cap per order pays for at its highest price. */
  maxPacks: number
  coolingOffDays: number
  /** As past orders from its seller tell, without the cooling off. */
  leadTime: LeadTime
}
/** All that a decision looks at; a decision is a pure function of this, the rules and the time. */
export type Situation = {
  homeId: string
  /** Of the home, an IANA name. */
  timeZone: string
  deviceId: string
  slot: string
  description: SlotDescription | undefined
  mode: Mode
  suspendedReason: string
  /** The newest level that the rules have read, and what the readings up to it tell of the use. */
  level: Level | undefined
  usage: Usage | undefined
  /** What the device reported since the last decision. */
  events: SlotEvent[]
  /** The open order of this slot. */
  openOrder: { orderId: OrderId; state: OrderState } | undefined
  /** In the slot's unit: delivered or entered by the owner and not yet poured in; and bought, not yet delivered. */
  onHand: number
  inFlight: number
  /** In the order of the device's own list, those that a granted mandate names. */
  products: BuyableProduct[]
  /** The homeowner was told that this slot is low and it has not been refilled since. */
  lowTold: boolean
  /** The homeowner was told that the sensor is silent or stuck, and it has not come back since. */
  blindTold: boolean
  /** When an order of this slot was last dropped, cancelled or reclaimed; and when one was last made. */
  lastEndedWithoutGoodsAtMs: number | undefined
  lastOrderAtMs: number | undefined
  /** Rules that have acted and whose conditions have held since, by name. */
  actedAtMs: Record<string, number>
}
/** What an order must not exceed without a person's yes, from the rule that made it; amounts as text in the home's token. */
export type OrderLimits = {
  rule: string
  priceAtMost: string | undefined
  budget: { name: string; leaves: string } | undefined
}
export type RuleAct =
  | { kind: 'tell'; as: NotificationKind; text: string }
  | { kind: 'command'; name: string; arguments: Record<string, unknown> }
/** What became of a slot. Decisions that do nothing for the same `why` in a row are kept as one. */
export type Decision = {
  why: DecisionWhy
  reasons: string[]
  acts: RuleAct[]
  actedAtMs: Record<string, number>
  /** How the level is known; undefined when it is not. */
  trust: Forecast['trust'] | undefined
  blindTold: boolean
  /** Events that wait for the end of the quiet hours. */
  heldEvents: SlotEvent[]
  evaluateAgainAtMs: number | undefined
} & (
  | { outcome: 'nothing' | 'tell-low' }
  | {
      outcome: 'order'
      order: Pick<Order, 'orderId' | 'gtin' | 'quantity' | 'mode'> & { limits: OrderLimits }
    }
)
export type DecisionWhy =
  | 'unknown'
  | 'doubtful'
  | 'enough'
  | 'on-its-way'
  | 'suspended'
  | 'notify'
  | 'quiet'
  | 'blind'
  | 'resting'
  | 'no-mandate'
  | 'needed'

/** A text of rules that was in force; decisions name its version. */
export type RulesVersion = {
  version: number
  text: string
  source: 'built-in' | 'file'
  /** Of the gateway that read it. */
  program: string
  acceptedAtMs: number
}
export type RulesVersionStore = {
  latest(): Promise<RulesVersion | undefined>
  /** In force from now on: every slot is decided anew, and every home is told the sentence. */
  accept(rules: Omit<RulesVersion, 'version'>, sentence: string | undefined): Promise<RulesVersion>
  /** Something that must be mended, as an entry of every home's feed. */
  refuse(sentence: string, atMs: number): Promise<void>
}

export type RulesStore = {
  /**
   * Reads on from the cursor over readings (at most 500), then decides up to `limit` slots that changed since their last
   * decision: reads each situation, asks `decide`, and commits state, decisions, orders, notifications, commands and cursor
   * in one transaction. `worked` until nothing is left to do; also tells when a slot falls due by itself.
   */
  step(
    limit: number,
    atMs: number,
    rulesVersion: number,
    decide: (situation: Situation) => Decision,
  ): Promise<{ worked: boolean; decided: number; nextDueAtMs: number | undefined }>
}

/** A slot after one more of its readings. */
export type SlotStep = { deviceId: string; slot: string; readingId: number; receivedAtMs: number; state: SlotState }
/**
 * `begin`: what the readings up to `readUntil`, which are gone, came to; the first page, and again when the retention deleted
 * more while others were read. `ofReadings`: the last page ends there.
 */
export type StatesPage = { readUntil: number; ofReadings: number } & (
  | {
      kind: 'begin'
      /** When the last of those that are gone was received; undefined: none is. */
      goneAtMs: number | undefined
      bases: { deviceId: string; slot: string; state: SlotState }[]
    }
  | { kind: 'read'; steps: SlotStep[] }
)
/** A decision as it was kept; `inputs` and `decision` went through JSON. */
export type KeptDecision = {
  decisionId: number
  deviceId: string
  slot: string
  atMs: number
  /** All readings up to this one were known. */
  readUntil: number
  rulesVersion: number
  inputs: Situation
  decision: Decision
}
/** What is on record, to decide it again; everything in the order in which it was stored. */
export type HistoryStore = {
  /** Every slot of the home as the rules see it now, or the one that is named. */
  situations(homeId: string, atMs: number, only?: { deviceId: string; slot: string }): Promise<Situation[]>
  /** The states of all slots, reading by reading from the first kept one on, in pages. */
  states(): AsyncIterable<StatesPage>
  /** Kept decisions after this one whose readings go up to `readUntil`. */
  decisions(after: { readUntil: number; decisionId: number }, readUntil: number, limit: number): Promise<KeptDecision[]>
  rules(version: number): Promise<RulesVersion | undefined>
  lastDecision(
    deviceId: string,
    slot: string,
  ): Promise<(KeptDecision & { firstAtMs: number; times: number }) | undefined>
  ordersSince(homeId: string, sinceMs: number): Promise<Order[]>
}

/** What a person asks about the rules; the objects are answers for the wire. */
export type RulesDesk = {
  inForce(): Promise<{ version: number; source: string; problem: string | undefined; text: string }>
  explain(homeId: string, deviceId: string, slot: string): Promise<object | undefined>
  /** What these rules would have done, with progress; or the mistakes in them. */
  tryOut(
    homeId: string,
    text: string,
    sinceMs: number,
  ): AsyncIterable<object> | { mistakes: { line: number; sentence: string }[] }
  /** Every kept decision made again, with progress. */
  replay(): AsyncIterable<object>
  /** The owner's word on the stock beside a slot, as a sentence of what is noted. */
  setStock(homeId: string, deviceId: string, slot: string, amount: number): Promise<ActionResult>
}

/** What limits on spending look at. */
export type SpendingStore = {
  limitsOf(orderId: OrderId): Promise<OrderLimits | undefined>
  /** Totals of orders of this home that were quoted since then and have not ended without goods, except this order. */
  spentSince(order: Order, sinceMs: number): Promise<{ deviceId: string; slot: string; totalMinorUnits: bigint }[]>
}
/** The rules' say on a price; consulted before anything is authorized without a person's yes. */
export type SpendingLimits = {
  /** Why this price needs a person's yes; undefined when it does not. */
  exceeded(order: Order, quote: Quote, nowMs: number): Promise<string | undefined>
}

/** The owner's word on the stock beside a slot. */
export type StockStore = {
  /** `undefined`: there is no such slot. Amount in its unit. */
  set(
    homeId: string,
    deviceId: string,
    slot: string,
    amount: number,
    atMs: number,
  ): Promise<{ unit: string } | undefined>
}

/** A command that is told to its device until it answers. */
export type DeviceCommand = {
  commandId: number
  deviceId: string
  name: string
  arguments: Record<string, unknown>
  attempts: number
}
export type CommandStore = {
  due(nowMs: number, limit: number): Promise<DeviceCommand[]>
  nextDueAtMs(): Promise<number | undefined>
  /** Told again then; given up (`undefined`), which the homeowner is told. */
  told(command: DeviceCommand, nextAtMs: number | undefined, atMs: number): Promise<void>
  /** The device's answer; a late or repeated one changes nothing. */
  answered(deviceId: string, commandId: number, error: string | undefined, atMs: number): Promise<void>
}
