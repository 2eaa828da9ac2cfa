import type { Worker } from '../lib/scheduler.ts'
import type { ChainWatch, WatchStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'

/** A chain that cannot be read for so long is told to the homeowner, once, and its return too. */
const AWAY_TOLD_AFTER_MS = 10 * 60_000
/** Nodes behind one address lag by seconds; blocks that are missing for longer are lost. */
const BEHIND_PATIENCE_MS = 60_000

/** Reads the escrow's logs past the cursor and commits what they say of orders and mandates; a reorg rewinds. */
export function watchWorker(parts: {
  store: WatchStore
  chain: ChainWatch
  clock: Clock
  /** Called after orders were moved, or put back: speed only. */
  onMoved(): void
}): Worker {
  let awaySinceMs: number | undefined
  let isTold = false
  let behindSinceMs: number | undefined
  return {
    name: 'watch',
    async step() {
      const found = await parts.chain.after(await parts.store.known()).catch(away)
      const nowMs = parts.clock.nowMs()
      awaySinceMs = undefined
      if (isTold) {
        await parts.store.tellHomes('The chain can be read again; what happened meanwhile is caught up on.', nowMs)
        isTold = false
      }
      behindSinceMs = found.kind === 'behind' ? (behindSinceMs ?? nowMs) : undefined
      if (behindSinceMs !== undefined && nowMs - behindSinceMs < BEHIND_PATIENCE_MS) return { worked: false }
      if (found.kind !== 'events') {
        behindSinceMs = undefined
        await parts.store.rewind(found.lastGood, nowMs)
        parts.onMoved()
        return { worked: true }
      }
      if (found.upTo === undefined) return { worked: false }
      await parts.store.apply(found.events, found.upTo, nowMs)
      if (found.events.length > 0) parts.onMoved()
      return { worked: true }
    },
  }

  async function away(error: unknown): Promise<never> {
    const nowMs = parts.clock.nowMs()
    awaySinceMs ??= nowMs
    if (!isTold && nowMs - awaySinceMs >= AWAY_TOLD_AFTER_MS) {
      const sentence = error instanceof Error ? error.message : String(error)
      const minutes = Math.round((nowMs - awaySinceMs) / 60_000)
      await parts.store.tellHomes(
        `For ${minutes} minutes the chain cannot be read, so nothing can be bought or followed: ${sentence}`,
        nowMs,
      )
      isTold = true
    }
    throw error
  }
}
