import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock, systemClock } from '../../gateway/lib/clock.ts'
import { Scheduler, type StepResult, type Worker } from '../../gateway/lib/scheduler.ts'

/** A poll that never comes within a test: what happens then was caused by a nudge or a due time. */
const NEVER_MS = 3_600_000

const open: Scheduler[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((scheduler) => scheduler.stop()))
})

function schedulerOf(workers: Worker[], options: Partial<ConstructorParameters<typeof Scheduler>[1]> = {}): Scheduler {
  const scheduler = new Scheduler(workers, {
    clock: systemClock,
    pollMs: NEVER_MS,
    onFault: (worker, error) => {
      throw new Error(`unexpected fault of ${worker}`, { cause: error })
    },
    ...options,
  })
  open.push(scheduler)
  return scheduler
}

/** A worker that plays back `steps`, then rests; `reached(n)` resolves when its nth step has begun. */
function playback(name: string, steps: (StepResult | Error)[] = []) {
  let count = 0
  const waiting: { at: number; resolve(): void }[] = []
  const worker: Worker = {
    name,
    async step() {
      count++
      for (const { resolve } of waiting.filter(({ at }) => at <= count)) resolve()
      const step = steps[count - 1]
      if (step instanceof Error) throw step
      return step ?? { worked: false }
    },
  }
  const reached = (at: number) =>
    new Promise<void>((resolve) => {
      if (count >= at) resolve()
      else waiting.push({ at, resolve })
    })
  return { worker, reached, count: () => count }
}

/** Everything that is ready to run has run. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('drain', () => {
  test('lets each worker come to its end, until a whole round finds no work, and tells the earliest due time', async () => {
    const orders = playback('orders', [{ worked: true }, { worked: false }, { worked: true }])
    const watch = playback('watch', [{ worked: false }, { worked: true }])
    const scheduler = schedulerOf([orders.worker, watch.worker])
    expect(await scheduler.drain()).toEqual({ worked: true, nextDueAtMs: undefined })
    expect([orders.count(), watch.count()]).toEqual([5, 4])

    const due = schedulerOf([
      playback('a', [{ worked: false, nextDueAtMs: 70 }]).worker,
      playback('b', [{ worked: false, nextDueAtMs: 50 }]).worker,
      playback('c').worker,
    ])
    expect(await due.drain()).toEqual({ worked: false, nextDueAtMs: 50 })
  })

  test('a due time of an earlier round is forgotten', async () => {
    const scheduler = schedulerOf([
      playback('a', [
        { worked: true, nextDueAtMs: 1 },
        { worked: false, nextDueAtMs: 5 },
        { worked: false, nextDueAtMs: 9 },
      ]).worker,
    ])
    expect(await scheduler.drain()).toEqual({ worked: true, nextDueAtMs: 9 })
  })

  test('counts work that a nudged loop did before it, once', async () => {
    const orders = playback('orders', [{ worked: false }, { worked: true }])
    const scheduler = schedulerOf([orders.worker])
    scheduler.start()
    await orders.reached(1)
    await quiet()
    scheduler.nudge('orders')
    await orders.reached(3)
    await quiet()
    expect((await scheduler.drain()).worked).toBe(true)
    expect((await scheduler.drain()).worked).toBe(false)
  })

  test('throws what a step throws, and works again afterwards', async () => {
    const orders = playback('orders', [new Error('disk full'), { worked: true }])
    const scheduler = schedulerOf([orders.worker])
    await expect(scheduler.drain()).rejects.toThrow('disk full')
    expect((await scheduler.drain()).worked).toBe(true)
  })

  test('names the workers when they find no rest', async () => {
    const scheduler = schedulerOf([{ name: 'restless', step: async () => ({ worked: true }) }])
    await expect(scheduler.drain()).rejects.toThrow('restless found no rest')
  })

  test('does nothing after stop, when stores may be closed', async () => {
    const orders = playback('orders')
    const scheduler = schedulerOf([orders.worker])
    await scheduler.stop()
    expect(await scheduler.drain()).toEqual({ worked: false, nextDueAtMs: undefined })
    expect(orders.count()).toBe(0)
  })
})

describe('loops', () => {
  test('repeat while there is work, then wait for a nudge', async () => {
    const orders = playback('orders', [{ worked: true }, { worked: true }])
    const scheduler = schedulerOf([orders.worker])
    scheduler.start()
    await orders.reached(3)
    await quiet()
    expect(orders.count()).toBe(3)
    scheduler.nudge()
    await orders.reached(4)
  })

  test('poll without a nudge', async () => {
    const orders = playback('orders')
    schedulerOf([orders.worker], { pollMs: 1 }).start()
    await orders.reached(5)
  })

  test('wake when a row falls due, long before the poll', async () => {
    const clock = new ManualClock(1_000)
    const orders = playback('orders', [{ worked: false, nextDueAtMs: 1_005 }])
    schedulerOf([orders.worker], { clock }).start()
    await orders.reached(2)
  })

  test('an overdue row that yields no work is not asked for in a spin', async () => {
    let steps = 0
    const clock = new ManualClock(1_000)
    const stuck = { name: 'stuck', step: async () => ({ worked: steps++ < 0, nextDueAtMs: 900 }) }
    const ticks = playback('ticks')
    schedulerOf([stuck], { clock }).start()
    schedulerOf([ticks.worker], { clock, pollMs: 1 }).start()
    await ticks.reached(40)
    expect(steps).toBeLessThan(20)
  })

  test('never run two steps of one worker at a time, nor lose a nudge that comes during a step', async () => {
    let inside = 0
    let most = 0
    let steps = 0
    const gates: (() => void)[] = []
    const slow: Worker = {
      name: 'slow',
      async step() {
        steps++
        most = Math.max(most, ++inside)
        await new Promise<void>((resolve) => gates.push(resolve))
        inside--
        return { worked: false }
      },
    }
    const scheduler = schedulerOf([slow])
    scheduler.start()
    await quiet()
    for (let nudge = 0; nudge < 5; nudge++) scheduler.nudge('slow')
    const drained = scheduler.drain()
    await quiet()
    expect(steps).toBe(1)
    while (gates.length > 0) {
      gates.shift()?.()
      await quiet()
    }
    await drained
    expect(most).toBe(1)
    expect(steps).toBe(3) // the first, the drain's, and one for all nudges
  })

  test('let other I/O run between synchronous steps', async () => {
    let steps = 0
    let seen = false
    schedulerOf([{ name: 'busy', step: async () => ({ worked: !seen && ++steps < 1_000_000 }) }]).start()
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    seen = true
    expect(steps).toBeLessThan(1_000_000)
  })

  test('rest after a fault, report it, and keep a nudge for later', async () => {
    const faults: string[] = []
    const orders = playback('orders', [new Error('first'), new Error('second')])
    const scheduler = schedulerOf([orders.worker], {
      onFault: (worker, error) => faults.push(`${worker}: ${(error as Error).message}`),
    })
    const startedAt = performance.now()
    scheduler.start()
    await orders.reached(1)
    await quiet()
    scheduler.nudge()
    await quiet()
    expect(orders.count()).toBe(1)
    await orders.reached(3)
    expect(performance.now() - startedAt).toBeGreaterThan(290) // 100 ms, then 200 ms
    await quiet()
    expect(faults).toEqual(['orders: first', 'orders: second'])
  })

  test('a fault of one worker does not stop the others', async () => {
    const faults: string[] = []
    const watch = playback('watch')
    const scheduler = schedulerOf([playback('orders', [new Error('no')]).worker, watch.worker], {
      pollMs: 1,
      onFault: (worker) => faults.push(worker),
    })
    scheduler.start()
    await watch.reached(5)
    expect(faults).toEqual(['orders'])
  })

  test('stop waits for the step under way, and none follows', async () => {
    const gate = Promise.withResolvers<void>()
    let steps = 0
    const scheduler = schedulerOf([
      {
        name: 'slow',
        step: () => {
          steps++
          return gate.promise.then(() => ({ worked: true }))
        },
      },
    ])
    scheduler.start()
    await quiet()
    let stopped = false
    const stop = scheduler.stop().then(() => {
      stopped = true
    })
    scheduler.nudge()
    await quiet()
    expect(stopped).toBe(false)
    gate.resolve()
    await stop
    await quiet()
    expect(steps).toBe(1)
  })
})
