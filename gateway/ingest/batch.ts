import type { MessagePort } from 'node:worker_threads'
import type { StorageProblem } from '../lib/storage-problem.ts'
import type { BrokerChange } from '../ports/broker-state.ts'
import type { CommandResult } from '../wire/messages.ts'

/** What goes to the writer; it stores all of one, in order. */
export type Batch =
  /** Messages of one turn of the main thread's loop: so many PUBLISH packets, one after the other. */
  | { kind: 'messages'; receivedAtMs: number; count: number; packets: Uint8Array }
  | { kind: 'broker-state'; receivedAtMs: number; count: 1; changes: readonly BrokerChange[] }

/** What became of the next `count` messages (and batches of the broker's state) that were sent, in their order. */
export type Answer = {
  count: number
  /** Places among them, ascending: not on disk, with the reason, and `problem` when it is the storage's. */
  faults: { at: number; reason: string; problem?: StorageProblem | undefined }[]
  receipts: Receipts
  commandResults: { deviceId: string; result: CommandResult }[]
}

export type Receipts = { deviceId: string; session: string; seq: number }[]

/** The two ends of one channel: `Batch` goes in at the first, `Answer` comes out of it. */
export type WriterPort = MessagePort
