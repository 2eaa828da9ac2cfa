import { expect, it } from 'vitest'
import { PortKeeper } from '../../firmware-bridge/port-keeper.ts'

const TRIES = 5

/** Keeps a port that closes at once, each time it is opened; `isHeard`: a board said hello the first time. */
function keep(isHeard: boolean) {
  let openings = 0
  const endings: boolean[] = []
  const tried = Promise.withResolvers<void>()
  const keeper = new PortKeeper(
    {
      makeLink: (onDead) => ({
        open: async () => {
          if (openings++ === 0 && isHeard) keeper.succeeded()
          onDead('Nothing comes.')
        },
        close: async () => undefined,
      }),
      onOpening: () => undefined,
      onEnded: (_reason, isGivenUp) => {
        endings.push(isGivenUp)
        if (endings.length === TRIES) tried.resolve()
      },
    },
    false,
  )
  keeper.start()
  return { keeper, endings, tried: tried.promise, openings: () => openings }
}

// The pauses grow to 4 s; both wait side by side.
it('leaves a port alone on which no board was ever heard, until it is given back by who flashed it', async () => {
  const [silent, known] = [keep(false), keep(true)]
  await Promise.all([silent.tried, known.tried])
  expect(silent.endings).toEqual([false, false, false, false, true])
  expect(known.endings).toEqual(Array(TRIES).fill(false))

  await silent.keeper.release()
  expect(silent.openings()).toBe(TRIES)
  silent.keeper.take()
  await expect.poll(silent.openings).toBe(TRIES + 1)
  await Promise.all([silent.keeper.stop(), known.keeper.stop()])
  expect(silent.endings.at(-1)).toBe(false)
}, 30_000)
