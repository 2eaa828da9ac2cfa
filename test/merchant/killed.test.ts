import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MandateFile } from '../../gateway/domain/mandate.ts'
import { type Market, openMarket } from './market.ts'
import { type Changes, openStand, type Stand } from './stand.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

let market: Market
let stand: Stand
let quick: MandateFile
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market?.close())
beforeEach(async () => {
  stand = await openStand(market)
  quick = await market.grantMandate([stand.seller], 0)
})
afterEach(() => stand?.close())

/** Where the process dies; a new one then begins with what is on disk. */
const KILLS: [string, (die: () => never) => Changes][] = [
  ['before the warehouse answers', (die) => ({ fulfilment: { dispatch: async () => die() } })],
  ['before the bytes are saved', (die) => ({ chain: () => ({ ship: async () => die() }) })],
  [
    'after the bytes are saved, before they are sent',
    (die) => ({ chain: (real) => ({ ship: (items, save) => real.ship(items, (tx) => save(tx).then(die)) }) }),
  ],
  [
    'after they are sent',
    (die) => ({ chain: (real) => ({ ship: (items, save) => real.ship(items, save).then(die) }) }),
  ],
  ['before the carrier has it', (die) => ({ fulfilment: { handOver: async () => die() } })],
]
test.each(KILLS)('killed %s: the order ships once all the same', async (_where, killedBy) => {
  let dead = false
  const dying = await stand.agent(
    killedBy(() => {
      dead = true
      throw new Error('killed')
    }),
  )
  const terms = await stand.sell(dying, quick)
  for (let step = 0; step < 10 && !dead; step++) await (step % 2 === 0 ? dying.worker : dying.settle).step()
  expect(dead).toBe(true)
  expect(await dying.stateOf(terms)).not.toBe('shipped')

  const reborn = await stand.agent()
  // Beyond the rest that follows a failure, and the time after which bytes are sent again.
  stand.clock.set(stand.clock.nowMs() + 60_000)
  await reborn.scheduler.drain()
  // Bytes that were sent again are asked for a second later.
  stand.clock.set(stand.clock.nowMs() + 1_000)
  await reborn.scheduler.drain()
  expect(await reborn.stateOf(terms)).toBe('shipped')
  const steps = await reborn.orders.steps(terms.authorizationId)
  expect(steps.filter((step) => step.toState === 'shipped')).toHaveLength(1)
  expect((await market.chain.hold(terms)).state).toBe('shipped')
  const sent = stand.db.prepare(`SELECT count(*) AS n FROM transactions WHERE state = 'included'`).get()
  expect(sent).toEqual({ n: 1 })
})
