import { setImmediate } from 'node:timers/promises'

/** What one step of a worker found: whether it did anything, and when something will be due by itself. */
export type StepResult = { worked: boolean; nextDueAtMs?: number | undefined }

/** A stage of the line: `step` does what is due now, in bounded portions, and is harmless to repeat. */
export type Worker = { name: string; step(): Promise<StepResult> }

/** In steps without end a worker repeats its own work; then it is a fault, and better seen than hidden. */
const MAX_STEPS_PER_RUN = 10_000
/** After a failed step the worker rests, doubling from 100 ms to 30 s. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 30_000
/** A worker that finds nothing although its own row is overdue is asked again after this, not in a spin. */
const SHORTEST_WAIT_MS = 50

type Options = { clock: { nowMs(): number }; pollMs: number; onFault(worker: string, error: unknown): void }

/**
 * Runs the workers of one process. Each polls its table every `pollMs`, at once when nudged, and when its next row falls
 * due; polling is what makes it right, the nudge makes it fast. Never two steps of one worker at a time.
 */
export class Scheduler {
  readonly #loops: Map<string, Loop>

  constructor(workers: Worker[], options: Options) {
    this.#loops = new Map(workers.map((worker) => [worker.name, new Loop(worker, options)]))
  }

  start(): void {
    for (const loop of this.#loops.values()) loop.start()
  }

  /** Wakes one worker, or all. */
  nudge(name?: string): void {
    for (const loop of name === undefined ? this.#loops.values() : [this.#loops.get(name)]) loop?.nudge()
  }

  /**
   * Runs every worker until none finds work, each to its own end before the next: a look of the others may cost questions to
   * the chain. Used by virtual time and tests. Faults are thrown. `worked` counts what was done since the last drain, by a
   * nudged loop too: else that work, and what it caused elsewhere, would go unseen.
   */
  async drain(): Promise<StepResult> {
    for (let steps = 0; steps < MAX_STEPS_PER_RUN; steps++) {
      let worked = false
      const results = []
      for (const loop of this.#loops.values()) {
        let result = await loop.runOnce()
        for (; result.worked && steps < MAX_STEPS_PER_RUN; steps++) {
          worked = true
          await setImmediate() // steps may be synchronous inside: sockets get their turn
          result = await loop.runOnce()
        }
        results.push(result)
      }
      if (!worked) {
        const hasWorked = [...this.#loops.values()].map((loop) => loop.takeWorked()).includes(true)
        const dueTimes = results.flatMap((result) => result.nextDueAtMs ?? [])
        return { worked: hasWorked, nextDueAtMs: dueTimes.length > 0 ? Math.min(...dueTimes) : undefined }
      }
    }
    throw new Error(`The workers ${[...this.#loops.keys()].join(', ')} found no rest in ${MAX_STEPS_PER_RUN} rounds.`)
  }

  /** Ends all loops after the step each is in. */
  async stop(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()))
  }
}

class Loop {
  readonly #worker: Worker
  readonly #options: Options
  #timer: NodeJS.Timeout | undefined
  #started = false
  #stopped = false
  #nudged = false
  #restMs = 0
  #running: Promise<unknown> = Promise.resolve()
  #busy = false
  #worked = false

  constructor(worker: Worker, options: Options) {
    this.#worker = worker
    this.#options = options
  }

  start(): void {
    this.#started = true
    this.nudge()
  }

  nudge(): void {
    this.#nudged = true
    if (!this.#started || this.#stopped || this.#busy || this.#restMs > 0) return
    clearTimeout(this.#timer)
    this.#busy = true
    void this.#run()
  }

  /** One step, after any that is under way; nothing once stopped, when the store may be closed. */
  runOnce(): Promise<StepResult> {
    if (this.#stopped) return Promise.resolve({ worked: false })
    const step = this.#running.then(async () => {
      const result = await this.#worker.step()
      this.#worked ||= result.worked
      return result
    })
    this.#running = step.catch(() => undefined)
    return step
  }

  /** Whether any step found work since this was last asked. */
  takeWorked(): boolean {
    const worked = this.#worked
    this.#worked = false
    return worked
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    let waitMs = this.#options.pollMs
    try {
      let result: StepResult
      do {
        this.#nudged = false
        result = await this.runOnce()
        if (result.worked || this.#nudged) await setImmediate() // steps may be synchronous inside: sockets get their turn
      } while ((result.worked || this.#nudged) && !this.#stopped)
      if (result.nextDueAtMs !== undefined) {
        const untilDueMs = result.nextDueAtMs - this.#options.clock.nowMs()
        waitMs = Math.min(waitMs, untilDueMs > 0 ? untilDueMs : SHORTEST_WAIT_MS)
      }
      this.#restMs = 0
    } catch (error) {
      this.#restMs = Math.min(LONGEST_REST_MS, Math.max(FIRST_REST_MS, this.#restMs * 2))
      waitMs = this.#restMs
      this.#options.onFault(this.#worker.name, error)
    }
    this.#busy = false
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#busy = true
      void this.#run()
    }, waitMs)
  }
}
