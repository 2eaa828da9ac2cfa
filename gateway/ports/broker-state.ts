/** A message's payload; text when it was given as text, null when it has none. */
export type KeptPayload = Uint8Array | string | null

/**
 * One change of what the broker must still know after a crash: a name and the values of its row. Each may be applied twice,
 * and may name a row that is not there. `header` is a message's fields but its payload, as JSON. Plain values, so that they
 * pass to another thread.
 */
export type BrokerChange =
  | readonly ['session', clientId: string, awaySinceMs: number | null]
  /** Ends a session with its subscriptions and messages. */
  | readonly ['end-session', clientId: string]
  | readonly ['subscription', clientId: string, filter: string, options: string]
  | readonly ['unsubscribed', clientId: string, filter: string]
  | readonly ['queued', place: number, clientId: string, messageId: number | null, header: string, payload: KeptPayload]
  | readonly ['sent', messageId: number, place: number]
  | readonly ['acknowledged', place: number]
  | readonly ['incoming', clientId: string, messageId: number, header: string, payload: KeptPayload]
  | readonly ['released', clientId: string, messageId: number]
  | readonly ['all-released', clientId: string]
  | readonly ['will', clientId: string, header: string, payload: KeptPayload]
  | readonly ['no-will', clientId: string]
  | readonly ['retained', topic: string, header: string, payload: KeptPayload]
  | readonly ['not-retained', topic: string]

export type BrokerStateStore = {
  /**
   * The changes that make the kept state out of nothing, row by row: `session`, `subscription`, `queued` (by place),
   * `incoming`, `will`, `retained`. Before them it notes that everybody is away, since no connection outlives the process.
   */
  load(nowMs: number): Iterable<BrokerChange>
  /** Applies changes in their order, inside the transaction that is open; throws when the storage fails. */
  apply(changes: readonly BrokerChange[]): void
  /** The same in a transaction of its own; resolves when it is on disk, rejects when nothing of it was kept. */
  write(changes: readonly BrokerChange[]): Promise<void>
}
