import type { Worker } from '../lib/scheduler.ts'
import type { ChainWatch, WatchStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'

/** Reads the escrow's logs past the cursor and commits what they say of orders and mandates; a reorg rewinds. */
export function watchWorker(parts: {
  store: WatchStore
  chain: ChainWatch
  clock: Clock
  /** Called after orders were moved: speed only. */
  onMoved(): void
}): Worker {
  return {
    name: 'watch',
    async step() {
      const found = await parts.chain.after(await parts.store.known())
      const nowMs = parts.clock.nowMs()
      if (found.kind === 'reorg') {
        await parts.store.rewind(found.lastGood, nowMs)
        return { worked: true }
      }
      if (found.upTo === undefined) return { worked: false }
      await parts.store.apply(found.events, found.upTo, nowMs)
      if (found.events.length > 0) parts.onMoved()
      return { worked: true }
    },
  }
}
