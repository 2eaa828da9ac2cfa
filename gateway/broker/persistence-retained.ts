import type pino from 'pino'
import type { BrokerLimits } from './limits.ts'
import type { ChangeLog } from './persistence-changes.ts'
import { copyOf, type Message, rowOf } from './persistence-messages.ts'
import { hasWildcard, matches } from './topic-filter.ts'

/** Of all devices together. */
const MAX_RETAINED = 100_000

type Budget = Pick<BrokerLimits, 'maxRetainedMessages' | 'maxRetainedBytes'>

/** The last retained message of each topic, within the budget of each device. */
export class RetainedMessages {
  readonly #changes: ChangeLog
  readonly #budget: Budget
  readonly #log: pino.Logger | undefined
  readonly #byTopic = new Map<string, Message>()
  /** By owner. */
  readonly #used = new Map<string, { messages: number; bytes: number; isRefusalTold?: boolean }>()

  constructor(changes: ChangeLog, budget: Budget, log: pino.Logger | undefined) {
    this.#changes = changes
    this.#budget = budget
    this.#log = log
  }

  /** Takes the place of the topic's message; one without payload only removes it. Over the budget the topic has none. */
  set(message: Message): void {
    const { topic } = message
    const wasThere = this.#remove(topic)
    const copy = copyOf(message)
    if (copy.payload.length > 0 && this.restore(copy)) {
      this.#changes.add(['retained', topic, ...rowOf(copy)])
    } else if (wasThere) this.#changes.add(['not-retained', topic])
  }

  /** False: it is over the budget. */
  restore(message: Message): boolean {
    const owner = ownerOf(message.topic)
    const used = this.#used.get(owner) ?? { messages: 0, bytes: 0 }
    const bytes = used.bytes + Buffer.byteLength(message.payload)
    const { maxRetainedMessages, maxRetainedBytes } = this.#budget
    const isWithin = used.messages < maxRetainedMessages && bytes <= maxRetainedBytes
    if (!isWithin || this.#byTopic.size >= MAX_RETAINED) {
      if (!used.isRefusalTold) this.#log?.warn({ topics: `${owner}/…` }, 'too much is retained: it is sent, not kept')
      this.#used.set(owner, { ...used, isRefusalTold: true })
      return false
    }
    this.#byTopic.set(message.topic, message)
    this.#used.set(owner, { ...used, messages: used.messages + 1, bytes })
    return true
  }

  /** Removes what is below these levels. */
  removeAll(owner: string): void {
    for (const { topic } of [...this.matching(`${owner}/#`)]) {
      this.#remove(topic)
      this.#changes.add(['not-retained', topic])
    }
    this.#used.delete(owner)
  }

  /** The messages that a new subscription with this filter is given. */
  *matching(filter: string): Generator<Message> {
    if (hasWildcard(filter)) {
      for (const [topic, message] of this.#byTopic) if (matches(filter, topic)) yield message
    } else {
      const message = this.#byTopic.get(filter)
      if (message !== undefined) yield message
    }
  }

  #remove(topic: string): boolean {
    const message = this.#byTopic.get(topic)
    if (message === undefined) return false
    this.#byTopic.delete(topic)
    const owner = ownerOf(topic)
    const used = this.#used.get(owner)!
    if (used.messages === 1 && !used.isRefusalTold) this.#used.delete(owner)
    else {
      const bytes = used.bytes - Buffer.byteLength(message.payload)
      this.#used.set(owner, { ...used, messages: used.messages - 1, bytes })
    }
    return true
  }
}

/** Whose budget a message is counted in: the first three levels of our topics are `adept/v1/<deviceId>`. */
function ownerOf(topic: string): string {
  return topic.split('/', 3).join('/')
}
