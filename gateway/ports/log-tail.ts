/** A row as it is logged: what it is about, and its sentence. */
export type LoggedRow = {
  /** Ids of home, device, slot, order and transaction, as far as there is one. */
  about: Record<string, string | number>
  text: string
}

export type LogTail = {
  /** What was written since the last call, oldest first: steps of orders, transactions, other entries of the feed. Bounded. */
  next(): Promise<LoggedRow[]>
}
