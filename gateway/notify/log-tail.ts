import type { Worker } from '../lib/scheduler.ts'
import type { LogTail } from '../ports/log-tail.ts'

/** Logs what the stages committed, with the ids of device, order and transaction: one line for each row, wherever it was made. */
export function logTailWorker(tail: LogTail, log: (about: object, text: string) => void): Worker {
  return {
    name: 'log',
    async step() {
      const rows = await tail.next()
      for (const { about, text } of rows) log(about, text)
      return { worked: rows.length > 0 }
    },
  }
}
