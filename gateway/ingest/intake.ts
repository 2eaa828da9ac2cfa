import type pino from 'pino'
import type { Clock } from '../ports/clock.ts'
import type { Incoming, IntakeStore } from '../ports/ingest.ts'
import type { CommandResult } from '../wire/messages.ts'
import { parseMessage } from './parse.ts'

/** A group is committed at this size without waiting for the loop to be idle. */
const GROUP_SIZE = 1_000
/** With more than this waiting for a slow store, what comes is refused without an ack: the device sends it again. */
const MAX_WAITING = 10_000

export type Receipts = { deviceId: string; session: string; seq: number }[]

/** Told once the message is on disk, or with the fault because of which it is not. */
type Stored = (error?: Error) => void

type Waiting = { incoming: Incoming; stored: Stored }

export type Intake = {
  /** Parses and queues one message of a device; returns what it was. `stored` is called exactly once, always later. */
  add(topic: string, payload: Uint8Array, stored: Stored): 'accepted' | 'dead-letter'
  /** Resolves when all that was added before is committed or refused. */
  drained(): Promise<void>
}

/**
 * Group commit: what arrives in one turn of the event loop is committed together when the loop is idle, without a timer,
 * so that a lone message waits for nobody (p50 2 ms at 2,000 messages/s, where a 5 ms timer takes 5 ms).
 * One commit at a time; a group that fails is tried again one by one, so that a message which the store cannot take does
 * not keep the acks of the others.
 */
export function createIntake(options: {
  store: IntakeStore
  clock: Clock
  log: pino.Logger
  /** After each commit: wakes the next stage and sends receipts. */
  onCommitted(receipts: Receipts): void
  onCommandResult?(deviceId: string, result: CommandResult): void
}): Intake {
  const { store, clock, log } = options
  let waiting: Waiting[] = []
  let scheduled = false
  let committing: Promise<void> | undefined

  function schedule(): void {
    if (waiting.length >= GROUP_SIZE) {
      flush()
      return
    }
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      flush()
    })
  }

  function flush(): void {
    if (committing !== undefined || waiting.length === 0) return
    const group = waiting
    waiting = []
    committing = commit(group).finally(() => {
      committing = undefined
      if (waiting.length > 0) schedule()
    })
  }

  async function commit(group: Waiting[]): Promise<void> {
    let receipts: Receipts
    try {
      const incoming = group.map((item) => item.incoming)
      receipts = (await store.commit(incoming, clock.nowMs())).receipts
    } catch (error) {
      log.error({ err: error, messages: group.length }, 'storage fault: these messages are not acknowledged')
      if (group.length > 1) return oneByOne(group)
      return group[0]!.stored(new Error('The gateway could not store the message.', { cause: error }))
    }
    for (const item of group) item.stored()
    options.onCommitted(receipts)
  }

  async function oneByOne(group: Waiting[]): Promise<void> {
    for (const item of group) await commit([item])
  }

  return {
    add(topic, payload, stored) {
      const parsed = parseMessage(topic, payload)
      if (parsed.kind === 'command-result') {
        options.onCommandResult?.(parsed.deviceId, parsed.result)
        setImmediate(stored)
        return 'accepted'
      }
      if (waiting.length >= MAX_WAITING) {
        setImmediate(stored, new Error('The gateway is overloaded: send it again later.'))
        return 'accepted'
      }
      if (parsed.kind === 'dead-letter') log.debug({ topic, reason: parsed.reason }, 'a message could not be read')
      waiting.push({ incoming: parsed, stored })
      schedule()
      return parsed.kind === 'dead-letter' ? 'dead-letter' : 'accepted'
    },
    async drained() {
      while (waiting.length > 0 || committing !== undefined) {
        flush()
        await committing
      }
    },
  }
}
