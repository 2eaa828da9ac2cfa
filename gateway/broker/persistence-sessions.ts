import type { Clock } from '../ports/clock.ts'
import type { BrokerLimits } from './limits.ts'
import type { ChangeLog } from './persistence-changes.ts'

const DAY_MS = 86_400_000

type Limits = Pick<BrokerLimits, 'maxSessions' | 'sessionExpiryDays'>

/**
 * Which clients have a session that outlives their connections, and since when those are away. One that is away too long, or
 * longest when they are too many, ends: MQTT 3.1.1 leaves that to the server [3.1.2.4].
 */
export class Sessions {
  readonly #changes: ChangeLog
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #onExpired: (clientId: string) => void
  readonly #connected = new Set<string>()
  /** Longest away first. */
  readonly #awaySinceMs = new Map<string, number>()

  constructor(changes: ChangeLog, clock: Clock, limits: Limits, onExpired: (clientId: string) => void) {
    this.#changes = changes
    this.#clock = clock
    this.#limits = limits
    this.#onExpired = onExpired
  }

  restore(clientId: string, awaySinceMs: number | null): void {
    this.#awaySinceMs.set(clientId, awaySinceMs ?? this.#clock.nowMs())
  }

  has(clientId: string): boolean {
    return this.#connected.has(clientId) || this.#awaySinceMs.has(clientId)
  }

  /** The session of a client that connected with clean session off: the one before, or a new one. */
  open(clientId: string): void {
    this.#awaySinceMs.delete(clientId)
    this.#connected.add(clientId)
    this.#changes.add(['session', clientId, null])
    this.expire()
  }

  /** The connection of a session has ended. */
  leave(clientId: string): void {
    if (!this.#connected.delete(clientId)) return
    const nowMs = this.#clock.nowMs()
    this.#awaySinceMs.set(clientId, nowMs)
    this.#changes.add(['session', clientId, nowMs])
    this.expire()
  }

  end(clientId: string): boolean {
    return this.#connected.delete(clientId) || this.#awaySinceMs.delete(clientId)
  }

  expire(): void {
    const { maxSessions, sessionExpiryDays } = this.#limits
    const oldestMs = this.#clock.nowMs() - sessionExpiryDays * DAY_MS
    for (const [clientId, sinceMs] of this.#awaySinceMs) {
      if (sinceMs >= oldestMs && this.#awaySinceMs.size <= maxSessions) return
      this.#onExpired(clientId)
    }
  }
}
