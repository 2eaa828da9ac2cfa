import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PortKeeper } from '../../firmware-bridge/port-keeper.ts'

const DAY_MS = 24 * 3_600_000
let keeper: PortKeeper
let openings: number
let speaks: boolean
let endings: boolean[]

/** A port on which something is said for a second, or nothing is for ten. */
beforeEach(() => {
  vi.useFakeTimers()
  openings = 0
  speaks = false
  endings = []
  keeper = new PortKeeper(
    {
      makeLink: (onDead) => ({
        open: async () => {
          openings++
          if (speaks) setTimeout(() => keeper.succeeded(), 1_000)
          setTimeout(() => onDead('Nothing comes.'), 10_000)
        },
        close: async () => undefined,
      }),
      onOpening: () => undefined,
      onEnded: (_reason, isGivenUp) => void endings.push(isGivenUp),
    },
    false,
  )
})
afterEach(async () => {
  await keeper.stop()
  vi.useRealTimers()
})

it('leaves a port alone on which no board was ever heard, until it is given back by who flashed it', async () => {
  keeper.start()
  await vi.advanceTimersByTimeAsync(DAY_MS)
  expect(openings).toBe(5)
  expect(endings).toEqual([false, false, false, false, true])
  await keeper.release()
  await vi.advanceTimersByTimeAsync(DAY_MS)
  expect(openings).toBe(5)
  speaks = true
  keeper.take()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(openings).toBe(6)
})

it('comes back for ever to a board that it knows', async () => {
  speaks = true
  keeper.start()
  await vi.advanceTimersByTimeAsync(11_000)
  speaks = false
  await vi.advanceTimersByTimeAsync(DAY_MS)
  expect(openings).toBeGreaterThan(DAY_MS / 310_000)
  expect(endings).not.toContain(true)
})
