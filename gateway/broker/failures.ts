/** After this many within the time, the next are refused unseen. */
const MAX_FAILURES = 10
const WITHIN_MS = 60_000
const REFUSED_FOR_MS = 60_000
/** Names or addresses remembered, about 100 bytes each; then the oldest is forgotten. */
const MAX_REMEMBERED = 10_000

/** Counts failed attempts of addresses or devices, for a bounded number of them. */
export class Failures {
  readonly #byKey = new Map<string, { count: number; sinceMs: number; refusedUntilMs: number }>()

  isRefused(key: string, nowMs: number): boolean {
    return (this.#byKey.get(key)?.refusedUntilMs ?? 0) > nowMs
  }

  /** True when this failure is the one that was too many. */
  add(key: string, nowMs: number): boolean {
    let entry = this.#byKey.get(key)
    if (entry === undefined || nowMs - entry.sinceMs >= WITHIN_MS) {
      entry = { count: 0, sinceMs: nowMs, refusedUntilMs: 0 }
      this.#byKey.delete(key)
      remember(this.#byKey, key, entry)
    }
    entry.count++
    if (entry.count !== MAX_FAILURES) return false
    entry.refusedUntilMs = nowMs + REFUSED_FOR_MS
    // From then on it is counted anew.
    entry.sinceMs = nowMs - WITHIN_MS
    return true
  }

  forget(key: string): void {
    this.#byKey.delete(key)
  }
}

/** Sets an entry of a bounded map; the oldest gives way. */
export function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value!)
}
