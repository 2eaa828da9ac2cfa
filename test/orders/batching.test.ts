import { afterEach, beforeEach, expect, it } from 'vitest'
import { isJoiningNext, ORDERS_PER_TRANSACTION, type QuotedOrder } from '../../gateway/orders/authorizing.ts'
import { sqliteOrderStore } from '../../gateway/store/orders.ts'
import { HOUR_MS, type Home, openHome } from './home.ts'

const SLOTS = ['detergent', 'softener', 'salt']
const NO_BLOCKS = async () => ({ kind: 'events' as const, events: [], upTo: undefined })

let home: Home
let seeBlocks: Home['watch']['after']
afterEach(() => home.close())

/** Three orders that only wait for a person's yes; from here on the home sees no block of its chain. */
beforeEach(async () => {
  home = await openHome(SLOTS)
  await home.signMandate({ coolingOffSeconds: 0, maxOpenOrders: 3 })
  await home.confirm('ask')
  for (const remaining of [1400, 800, 250]) {
    await home.level(remaining)
    await home.pass(HOUR_MS)
  }
  seeBlocks = home.watch.after
  home.watch.after = NO_BLOCKS
})

async function sayYes(...slots: string[]): Promise<void> {
  for (const order of await home.orders()) {
    if (slots.includes(order.slot)) await home.actions.consent(home.homeId, order.orderId, 'yes', 'owner')
  }
  await home.drain()
}

/** What each order, by its slot, was signed into; undefined when it waits. */
async function transactions(): Promise<Record<string, string | undefined>> {
  const orders = await home.orders()
  return Object.fromEntries(orders.map(({ slot, steps }) => [slot, steps.findLast(({ txHash }) => txHash)?.txHash]))
}

it('an order goes to the chain at once when nothing is under way', async () => {
  const beganAtMs = home.clock.nowMs()
  await sayYes('detergent')
  expect(await transactions()).toMatchObject({ detergent: expect.any(String), softener: undefined })
  expect(home.clock.nowMs()).toBe(beganAtMs)
})

it('orders that come while a transaction is under way go together as soon as it is in a block', async () => {
  await sayYes('detergent')
  await sayYes('softener')
  await home.pass(5_000)
  await sayYes('salt')
  const before = await transactions()
  expect(before).toMatchObject({ softener: undefined, salt: undefined })
  const seenAtMs = home.clock.nowMs()
  home.watch.after = seeBlocks
  await home.drain()
  const { detergent, softener, salt } = await transactions()
  expect(detergent).toBe(before['detergent'])
  expect(softener).toEqual(expect.any(String))
  expect([salt, softener === detergent]).toEqual([softener, false])
  expect((await home.orders()).map(({ state }) => state)).toEqual(['due', 'due', 'due'])
  expect(home.clock.nowMs()).toBe(seenAtMs)
})

it('a transaction that is stuck holds up the next for half a minute, not longer', async () => {
  await sayYes('detergent')
  await sayYes('softener', 'salt')
  await home.pass(29_999)
  expect(await transactions()).toMatchObject({ softener: undefined, salt: undefined })
  await home.pass(1)
  const { detergent, softener, salt } = await transactions()
  expect(softener).toEqual(expect.any(String))
  expect([salt, softener === detergent]).toEqual([softener, false])
})

it('a full batch waits for nothing', async () => {
  await sayYes('detergent')
  await sayYes('softener')
  const store = sqliteOrderStore(home.db, [])
  const nowMs = home.clock.nowMs()
  const [order] = (await store.due(nowMs, 1)) as QuotedOrder[]
  expect(order).toMatchObject({ slot: 'softener', state: 'quoted' })
  const full = Array.from({ length: ORDERS_PER_TRANSACTION }, () => order!)
  expect(await isJoiningNext(full.slice(1), store, nowMs)).toBe(true)
  expect(await isJoiningNext(full, store, nowMs)).toBe(false)
})
