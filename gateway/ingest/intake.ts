import type pino from 'pino'
import type { BrokerChange } from '../ports/broker-state.ts'
import type { Clock } from '../ports/clock.ts'
import type { Intake, Outcome } from '../ports/ingest.ts'
import type { CommandResult } from '../wire/messages.ts'
import type { Answer, Batch, Receipts, WriterPort } from './batch.ts'

/** Sent to the writer without waiting for the end of the turn; also bounds its groups. */
const BATCH_BYTES = 131_072
/** With more than this under way no connection is read, until half of it is on disk: some 100 ms of work, 16 MiB. */
const MAX_WAITING_MESSAGES = 10_000
const MAX_WAITING_BYTES = 16_777_216

/** What was taken together and waits for its answer; `bytes` is 0 for a change of the broker's state. */
type Run = { count: number; bytes: number; settled(outcome: Outcome): void }

/**
 * The main thread's end of the intake. What arrives in one turn of the event loop goes to the writer as one buffer; the
 * writer takes all that waits for it into one commit, and one answer comes back for many messages.
 */
export function createIntake(options: {
  writer: WriterPort
  clock: Clock
  log: pino.Logger
  /** After each commit of messages: wakes the next stage and sends receipts. */
  onCommitted(receipts: Receipts): void
  onCommandResult?(deviceId: string, result: CommandResult): void
  maxWaitingMessages?: number
}): Intake & {
  /** Stores a change of the broker's state, all of it or nothing; resolves when it is on disk, rejects when it is not. */
  keep(changes: readonly BrokerChange[]): Promise<void>
  /** The writer is gone: fails all that waits and all that comes. */
  fail(fault: Error): void
} {
  const { writer, clock, log, maxWaitingMessages = MAX_WAITING_MESSAGES } = options
  const buffer = new Uint8Array(BATCH_BYTES)
  let used = 0
  let buffered = 0
  let scheduled = false
  const runs: Run[] = []
  let waitingMessages = 0
  let waitingBytes = 0
  let readers: (() => void)[] = []
  let drains: (() => void)[] = []
  let broken: Error | undefined

  writer.on('message', answered)

  function send(): void {
    if (buffered === 0) return
    post(buffer.slice(0, used), buffered)
    used = 0
    buffered = 0
  }

  function post(packets: Uint8Array<ArrayBuffer>, count: number): void {
    const batch: Batch = { kind: 'messages', receivedAtMs: clock.nowMs(), count, packets }
    writer.postMessage(batch, [packets.buffer])
  }

  function answered({ count, faults, receipts, commandResults }: Answer): void {
    if (broken !== undefined) return
    if (faults.length > 0) {
      log.error(
        { count: faults.length, reason: faults[0]!.reason },
        'storage fault: these messages are not acknowledged',
      )
    }
    let first = 0
    let settled = 0
    let isNews = false
    while (first < count) {
      const run = runs[settled++]!
      const outcome = outcomeOf(run, first, faults)
      isNews ||= run.bytes > 0 && outcome.stored > 0
      settle(run, outcome)
      first += run.count
    }
    runs.splice(0, settled)
    for (const { deviceId, result } of commandResults) options.onCommandResult?.(deviceId, result)
    if (isNews) options.onCommitted(receipts)
    wake()
  }

  function settle(run: Run, outcome: Outcome): void {
    waitingMessages -= run.count
    waitingBytes -= run.bytes
    run.settled(outcome)
  }

  function hasRoom(): boolean {
    return waitingMessages < maxWaitingMessages && waitingBytes < MAX_WAITING_BYTES
  }

  function wake(): void {
    if (waitingMessages <= maxWaitingMessages / 2 && waitingBytes <= MAX_WAITING_BYTES / 2) {
      // Each may fill it again.
      let woken = 0
      while (woken < readers.length && hasRoom()) readers[woken++]!()
      readers = readers.slice(woken)
    }
    if (runs.length > 0) return
    for (const resolve of drains) resolve()
    drains = []
  }

  return {
    hasRoom,
    take(packets, messages, settled) {
      if (broken !== undefined) {
        setImmediate(settled, { stored: 0, fault: broken } satisfies Outcome)
        return
      }
      runs.push({ count: messages, bytes: packets.length, settled })
      waitingMessages += messages
      waitingBytes += packets.length
      if (used + packets.length > buffer.length) send()
      if (packets.length > buffer.length) {
        post(packets.slice(), messages)
        return
      }
      buffer.set(packets, used)
      used += packets.length
      buffered += messages
      if (scheduled) return
      scheduled = true
      setImmediate(() => {
        scheduled = false
        send()
      })
    },
    whenRoom(callback) {
      readers.push(callback)
    },
    keep(changes) {
      if (broken !== undefined) return Promise.reject(broken)
      // What was taken before is answered before.
      send()
      writer.postMessage({ kind: 'broker-state', receivedAtMs: clock.nowMs(), count: 1, changes } satisfies Batch)
      return new Promise((resolve, reject) => {
        runs.push({ count: 1, bytes: 0, settled: ({ fault }) => (fault === undefined ? resolve() : reject(fault)) })
        waitingMessages++
      })
    },
    drained() {
      if (runs.length === 0) return Promise.resolve()
      return new Promise((resolve) => drains.push(resolve))
    },
    fail(fault) {
      broken = fault
      used = 0
      buffered = 0
      for (const run of runs.splice(0)) settle(run, { stored: 0, fault })
      wake()
    },
  }
}

/** What became of one run, whose first message has the place `first` in the answer. */
function outcomeOf({ count }: Run, first: number, faults: Answer['faults']): Outcome {
  const fault = faults.find(({ at }) => at >= first && at < first + count)
  if (fault === undefined) return { stored: count }
  return { stored: fault.at - first, fault: new Error(`The gateway could not store the message: ${fault.reason}`) }
}
