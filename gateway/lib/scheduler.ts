/** What one step of a worker found: whether it did anything, and when something will be due by itself. */
export type StepResult = { worked: boolean; nextDueAtMs?: number | undefined }

/** A stage of the line: `step` does what is due now, in bounded portions, and is harmless to repeat. */
export type Worker = { name: string; step(): Promise<StepResult> }

/** In steps without end a worker repeats its own work; then it is a fault, and better seen than hidden. */
const MAX_STEPS_PER_RUN = 10_000
/** After a failed step the worker rests, doubling from 100 ms to 30 s. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 30_000

/**
 * Runs the workers of one process. Each polls its table every `pollMs`, at once when nudged, and when its next row falls
 * due; polling is what makes it right, the nudge makes it fast. Never two steps of one worker at a time.
 */
export class Scheduler {
  readonly #loops: Map<string, Loop>

  constructor(
    workers: Worker[],
    options: { clock: { nowMs(): number }; pollMs: number; onFault(worker: string, error: unknown): void },
  ) {
    this.#loops = new Map(workers.map((worker) => [worker.name, new Loop(worker, options)]))
  }

  start(): void {
    for (const loop of this.#loops.values()) loop.start()
  }

  /** Wakes one worker, or all. */
  nudge(name?: string): void {
    for (const loop of name === undefined ? this.#loops.values() : [this.#loops.get(name)]) loop?.nudge()
  }

  /** Runs every worker until none finds work; used by virtual time and tests. Faults are thrown. */
  async drain(): Promise<StepResult> {
    let workedAtAll = false
    for (let round = 0; round < MAX_STEPS_PER_RUN; round++) {
      const results = []
      for (const loop of this.#loops.values()) results.push(await loop.runOnce())
      if (!results.some((result) => result.worked)) {
        const dueTimes = results.flatMap((result) => result.nextDueAtMs ?? [])
        return { worked: workedAtAll, nextDueAtMs: dueTimes.length > 0 ? Math.min(...dueTimes) : undefined }
      }
      workedAtAll = true
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
  readonly #options: { clock: { nowMs(): number }; pollMs: number; onFault(worker: string, error: unknown): void }
  #timer: NodeJS.Timeout | undefined
  #started = false
  #stopped = false
  #nudged = false
  #restMs = 0
  #running: Promise<unknown> = Promise.resolve()
  #busy = false

  constructor(
    worker: Worker,
    options: { clock: { nowMs(): number }; pollMs: number; onFault(worker: string, error: unknown): void },
  ) {
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

  /** One step, after any that is under way. */
  runOnce(): Promise<StepResult> {
    const step = this.#running.then(() => this.#worker.step())
    this.#running = step.catch(() => undefined)
    return step
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
      } while ((result.worked || this.#nudged) && !this.#stopped)
      if (result.nextDueAtMs !== undefined) {
        waitMs = Math.max(0, Math.min(waitMs, result.nextDueAtMs - this.#options.clock.nowMs()))
      }
      this.#restMs = 0
    } catch (error) {
      this.#restMs = Math.min(LONGEST_REST_MS, Math.max(FIRST_REST_MS, this.#restMs * 2))
      waitMs = this.#restMs
      this.#options.onFault(this.#worker.name, error)
    }
    this.#busy = false
    if (this.#stopped) return
    if (this.#nudged && this.#restMs === 0) return this.nudge()
    this.#timer = setTimeout(() => {
      this.#busy = true
      void this.#run()
    }, waitMs)
  }
}
