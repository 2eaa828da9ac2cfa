import type { Worker } from '../lib/scheduler.ts'
import { type StorageProblem, storageProblem } from '../lib/storage-problem.ts'
import type { Clock } from '../ports/clock.ts'
import type { StorageLog } from '../ports/health.ts'

/** A fault counts as there for so long after it was last met: on a full disk small writes may succeed in between. */
const FRESH_MS = 3_000
/** A short wait for a lock is no news, unless a device was refused meanwhile. */
const SHORT_MS = 10_000
/** The homeowner is told once for all faults within this time. */
const TELL_AGAIN_MS = 600_000

export type StorageWatch = {
  /** Told of every fault, from wherever; those that are not of the storage are ignored. */
  hear(error: unknown): void
  /** Messages of devices were refused: nothing of them is on disk. */
  refused(problem: StorageProblem): void
  /** Throws the sentence of a fault that is there now. */
  check(): void
  /** The worker, which rests while nothing can be stored: each of its tries would hold up all others until it fails. */
  resting(worker: Worker): Worker
  /** Tries whether all can be written again, and then tells the homeowner what was. */
  worker: Worker
}

/** What was met since the homeowner was last told; times in our ms. */
type Episode = { sinceMs: number; lastMs: number; problem: StorageProblem; refusals: boolean }

/** Remembers since when nothing can be stored, and why, until that can itself be stored. */
export function storageWatch(parts: {
  store: StorageLog
  clock: Clock
  /** The database is broken: nothing may be acknowledged any more. */
  onDamaged(): void
  /** The start itself had to wait since then. */
  failedBefore?: { atMs: number; error: unknown } | undefined
}): StorageWatch {
  const { store, clock, failedBefore } = parts
  let episode: Episode | undefined
  let isFaulty = false
  let toldAtMs = Number.NEGATIVE_INFINITY

  const problemBefore = storageProblem(failedBefore?.error)
  if (failedBefore !== undefined && problemBefore !== undefined) {
    episode = { sinceMs: failedBefore.atMs, lastMs: clock.nowMs(), problem: problemBefore, refusals: true }
  }

  function met(problem: StorageProblem, isRefusal: boolean): void {
    const nowMs = clock.nowMs()
    isFaulty = true
    episode ??= { sinceMs: nowMs, lastMs: nowMs, problem, refusals: false }
    Object.assign(episode, { lastMs: nowMs, problem, refusals: episode.refusals || isRefusal })
    if (problem.kind === 'damaged') parts.onDamaged()
  }

  async function step() {
    const nowMs = clock.nowMs()
    const isNews = episode !== undefined && (episode.refusals || episode.lastMs - episode.sinceMs >= SHORT_MS)
    try {
      if (isFaulty) await store.write()
      isFaulty = false
      if (episode === undefined || nowMs - toldAtMs < TELL_AGAIN_MS) return { worked: false }
      if (isNews) {
        await store.tell(sentenceOf(episode), nowMs)
        toldAtMs = nowMs
      }
      episode = undefined
      return { worked: true }
    } catch (error) {
      const problem = storageProblem(error)
      if (problem === undefined) throw error
      met(problem, false)
      return { worked: false }
    }
  }

  return {
    hear(error) {
      const problem = storageProblem(error)
      if (problem !== undefined) met(problem, false)
    },
    refused: (problem) => met(problem, true),
    check() {
      if (episode === undefined) return
      if (isFaulty || clock.nowMs() - episode.lastMs < FRESH_MS) throw new Error(episode.problem.sentence)
    },
    resting: (worker) => ({
      name: worker.name,
      step: async () => (isFaulty ? { worked: false } : await worker.step()),
    }),
    worker: { name: 'storage', step },
  }
}

function sentenceOf({ problem, sinceMs, lastMs }: Episode): string {
  const minutes = Math.ceil((lastMs - sinceMs) / 60_000)
  return (
    `For ${minutes <= 1 ? 'up to a minute' : `${minutes} minutes`} the gateway could not store everything. ${problem.sentence} ` +
    'It goes on by itself. What devices said meanwhile was not acknowledged: they send it again, and nothing is lost.'
  )
}
