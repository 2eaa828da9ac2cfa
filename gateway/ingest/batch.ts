import type { MessagePort } from 'node:worker_threads'
import type { CommandResult } from '../wire/messages.ts'

/** Messages of one turn of the main thread's loop, on their way to the writer. */
export type Batch = {
  receivedAtMs: number
  messages: number
  /** PUBLISH packets, one after the other. */
  packets: Uint8Array
}

/** What became of the next `messages` that were sent to the writer, in the order of their sending. */
export type Answer = {
  messages: number
  /** Places among them, ascending: kept as dead letters. */
  deadLetters: number[]
  /** Places among them, ascending: not on disk, with the reason. */
  faults: { at: number; reason: string }[]
  receipts: Receipts
  commandResults: { deviceId: string; result: CommandResult }[]
}

export type Receipts = { deviceId: string; session: string; seq: number }[]

/** The two ends of one channel: `Batch` goes in at the first, `Answer` comes out of it. */
export type WriterPort = MessagePort
