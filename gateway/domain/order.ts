import type { Gtin, HomeId, OrderId, SlotName } from './identifiers.ts'

/**
 * Every legal arrow of an order (DOMAIN.md, "Order, authorization, evidence"). `authorized` is also the time of cooling
 * off. A reorg is no arrow: the watcher puts an order back to the state before its orphaned step.
 */
export const ORDER_TRANSITIONS = {
  needed: ['quoted', 'dropped'],
  quoted: ['awaiting-consent', 'authorized', 'needed', 'dropped'],
  'awaiting-consent': ['quoted', 'dropped'],
  authorized: ['due', 'needed', 'cancelled', 'shipped', 'settled'],
  due: ['shipped', 'needed', 'cancelled', 'settled'],
  shipped: ['delivered', 'reclaimed', 'completed', 'disputed', 'settled'],
  delivered: ['completed', 'reclaimed', 'disputed', 'settled'],
  disputed: ['settled', 'decided', 'reclaimed'],
  completed: ['refunded'],
  refunded: [],
  settled: [],
  decided: [],
  dropped: [],
  cancelled: [],
  reclaimed: [],
} as const satisfies Record<string, readonly string[]>

export type OrderState = keyof typeof ORDER_TRANSITIONS
export type NextState<S extends OrderState> = (typeof ORDER_TRANSITIONS)[S][number]

/** States in which a slot may get its next order. */
export const ENDED_STATES = [
  'completed',
  'refunded',
  'settled',
  'decided',
  'dropped',
  'cancelled',
  'reclaimed',
] as const satisfies OrderState[]

/** What a slot does when it runs low: tell only, ask a person, or buy within the mandate. */
export const MODES = ['notify', 'ask', 'auto'] as const
export type Mode = (typeof MODES)[number]

/** What the home wants: one product for one slot of one device. */
export type Order = {
  orderId: OrderId
  homeId: HomeId
  deviceId: string
  slot: SlotName
  gtin: Gtin
  /** Packs. */
  quantity: number
  mode: Exclude<Mode, 'notify'>
  state: OrderState
  stateChangedAtMs: number
  /** Rises with every quote asked for; each attempt has at most one quote and one authorization. */
  attempt: number
  createdAtMs: number
  /** The sentences that led to it, for the person who asks why. */
  reasons: string[]
}

/** An order was moved by someone else between the look and the move; whoever asked looks again. */
export class StaleOrderError extends Error {
  constructor(orderId: string, from: string) {
    super(`Order ${orderId} is no longer ${from}.`)
  }
}
