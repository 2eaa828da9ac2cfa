import type { BrokerChange } from '../ports/broker-state.ts'

/** While this many changes wait for a slow or failing disk, what would add more is refused, new connections too. */
const MAX_WAITING_CHANGES = 50_000
/** From a failed write to the next: a full disk must not keep the writer busy with failing. */
const RETRY_MS = 250

type Waiting = { resolve(): void; reject(error: Error): void }

/**
 * Changes on their way to the disk: those of one turn of the loop in one write, one write at a time.
 * Those of a write that failed go first in the next one, so that the disk always is an earlier state of the memory, and
 * `committed` never resolves over a gap.
 */
export class ChangeLog {
  readonly #write: ((changes: readonly BrokerChange[]) => Promise<void>) | undefined
  #changes: BrokerChange[] = []
  #waiting: Waiting[] = []
  #isScheduled = false
  #isWriting = false
  #isBehind = false

  /** Without `write` nothing is kept. */
  constructor(write?: (changes: readonly BrokerChange[]) => Promise<void>) {
    this.#write = write
  }

  /** Whether the last write failed: what is in memory may not be on disk. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  refuseWhenFull(): void {
    if (this.#changes.length < MAX_WAITING_CHANGES) return
    throw new Error('The broker is overloaded: its state waits for the disk.')
  }

  add(change: BrokerChange): void {
    if (this.#write === undefined) return
    this.#changes.push(change)
    this.#schedule()
  }

  /** Resolves when every change until now is on disk; rejects when a write with them failed. */
  committed(): Promise<void> {
    if (this.#changes.length === 0 && !this.#isWriting) return Promise.resolve()
    this.#schedule()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isWriting) return
    this.#isScheduled = true
    const write = () => {
      this.#isScheduled = false
      void this.#flush()
    }
    if (this.#isBehind) setTimeout(write, RETRY_MS)
    else setImmediate(write)
  }

  async #flush(): Promise<void> {
    const changes = this.#changes
    const waiting = this.#waiting
    this.#changes = []
    this.#waiting = []
    this.#isWriting = true
    try {
      if (changes.length > 0) await this.#write?.(changes)
      this.#isBehind = false
      for (const { resolve } of waiting) resolve()
    } catch (cause) {
      this.#isBehind = true
      this.#changes = [...changes, ...this.#changes]
      for (const { reject } of waiting) reject(new Error('The broker could not write its state.', { cause }))
    }
    this.#isWriting = false
    // A failed write is not repeated by itself: the next change or the next who waits does.
    if (this.#waiting.length > 0 || (!this.#isBehind && this.#changes.length > 0)) this.#schedule()
  }
}
