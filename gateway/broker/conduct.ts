import type { BrokerLimits } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

type Conduct = { messages: TokenBucket; connects: TokenBucket; bannedUntilMs: number }

/** Below this many devices nobody is forgotten. */
const SWEEP_AT_LEAST = 1_024

/**
 * How devices that were let in behave, beyond one connection: connecting again gives no fresh allowance. Only what proved
 * to know the device's secret gets here, so no stranger can have a device refused, and there are as many entries as devices;
 * those of whom nothing need be remembered are swept out when the table has doubled. Times are of a monotonic clock, in ms.
 */
export class ConductTable {
  readonly #limits: BrokerLimits
  readonly #conducts = new Map<string, Conduct>()
  #sweepAt = SWEEP_AT_LEAST

  constructor(limits: BrokerLimits) {
    this.#limits = limits
  }

  /** One more connect: `flapping` once, when it is one too many; then `banned` until the time is over. */
  connect(deviceId: string, nowMs: number): 'welcome' | 'flapping' | 'banned' {
    const { maxConnectsPerMinute, flappingBanMs } = this.#limits
    const conduct = this.#of(deviceId, nowMs)
    if (nowMs < conduct.bannedUntilMs) return 'banned'
    if (conduct.connects.take(1, nowMs) === 0) return 'welcome'
    conduct.bannedUntilMs = nowMs + flappingBanMs
    conduct.connects = new TokenBucket(maxConnectsPerMinute / 60, maxConnectsPerMinute, conduct.bannedUntilMs)
    return 'flapping'
  }

  /** The allowance of a device for its packets. */
  messages(deviceId: string, nowMs: number): TokenBucket {
    return this.#of(deviceId, nowMs).messages
  }

  get size(): number {
    return this.#conducts.size
  }

  #of(deviceId: string, nowMs: number): Conduct {
    let conduct = this.#conducts.get(deviceId)
    if (conduct === undefined) {
      if (this.#conducts.size >= this.#sweepAt) this.#sweep(nowMs)
      const { messagesPerSecond, burstMessages, maxConnectsPerMinute } = this.#limits
      conduct = {
        messages: new TokenBucket(messagesPerSecond, burstMessages, nowMs),
        connects: new TokenBucket(maxConnectsPerMinute / 60, maxConnectsPerMinute, nowMs),
        bannedUntilMs: 0,
      }
      this.#conducts.set(deviceId, conduct)
    }
    return conduct
  }

  #sweep(nowMs: number): void {
    for (const [deviceId, { messages, connects, bannedUntilMs }] of this.#conducts) {
      if (nowMs >= bannedUntilMs && messages.isFull(nowMs) && connects.isFull(nowMs)) this.#conducts.delete(deviceId)
    }
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.#conducts.size)
  }
}
