/** What is stored, for whoever watches the gateway; found in bounded time, however much it is. */
export type StoreFigures = {
  /** Ever stored, also what retention took away since. */
  readings: number
  deadLetters: number
  /** Devices that were not removed, by what was last heard of them. */
  devices: { status: 'online' | 'offline'; count: number }[]
  orders: { state: string; count: number }[]
  /** Sent, and without a receipt yet. */
  openTransactions: number
  notificationsDue: number
  /** Up to this block the chain was read; undefined: not yet. */
  readUntilBlock: number | undefined
}

export type HealthStore = {
  figures(nowMs: number): Promise<StoreFigures>
  /** Writes a page as it is. Throws what hinders it: a full disk, a lock, a file that can only be read. */
  write(): Promise<void>
}

/** Where a fault of the storage is told once it can be written again. */
export type StorageLog = Pick<HealthStore, 'write'> & {
  /** An entry in the feed of every home, on disk when it resolves. */
  tell(text: string, atMs: number): Promise<void>
}
