import { afterEach, beforeEach, expect, it } from 'vitest'
import { watchWorker } from '../../gateway/orders/watch.ts'
import type { ChainWatch } from '../../gateway/ports/chain.ts'
import { sqliteWatchStore } from '../../gateway/store/watch.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
beforeEach(() => begin(0))
afterEach(() => home.close())

async function begin(coolingOffSeconds: number): Promise<void> {
  home = await openHome()
  await home.signMandate({ coolingOffSeconds })
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
}

const rpc = (method: string, params: unknown[]) => home.connection.rpc.send(method, params)
const state = async () => (await home.onlyOrder()).state
const told = async () => (await home.feed()).map(({ text }) => text)
async function sentAgain(): Promise<void> {
  await home.pass(20_000)
  await home.settle()
  await home.settle()
  await home.drain()
}
const escrowBalance = () => home.balance(home.chain.facts.escrow)

it('a reorg that takes back shipping and payment leads to the same end, once', async () => {
  await home.level(250)
  await home.ship()
  await rpc('anvil_reorg', [1, []])
  await home.drain()
  expect(await state()).toBe('due')
  expect((await told()).at(-1)).toContain('A correction')
  await sentAgain()
  expect(await state()).toBe('shipped')

  await home.pass(HOUR_MS)
  await home.level(1400)
  await home.actions.received(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  await home.capture()
  expect(await state()).toBe('completed')
  await rpc('anvil_reorg', [1, []])
  await home.drain()
  expect(await state()).toBe('delivered')
  await sentAgain()
  expect(await state()).toBe('completed')
  expect([await escrowBalance(), await home.balance(home.selling.address)]).toEqual([0n, PRICE])
})

it('a reorg that takes back a cancellation cancels again', async () => {
  await home.level(250)
  await home.actions.cancel(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  expect(await state()).toBe('cancelled')
  await rpc('anvil_reorg', [1, []])
  await home.drain()
  expect(await state()).toBe('due')
  await sentAgain()
  expect(await state()).toBe('cancelled')
  expect(await escrowBalance()).toBe(0n)
})

it('fees beyond the cap only delay an order, and the homeowner hears why', async () => {
  const baseFee = (gwei: bigint) => rpc('anvil_setNextBlockBaseFeePerGas', [`0x${(gwei * 10n ** 9n).toString(16)}`])
  await baseFee(2_000n)
  await rpc('evm_mine', [])
  await home.level(250)
  expect(await state()).toBe('quoted')
  await home.pass(60_000)
  expect(await state()).toBe('quoted')
  const because = (await told()).filter((text) => text.includes('cannot be ordered yet'))
  expect(because).toEqual([expect.stringMatching(/gwei per gas, more than the cap of 1000\. Wait, or raise/)])
  await baseFee(1n)
  await rpc('evm_mine', [])
  await home.pass(300_000)
  expect(await state()).toBe('due')
  expect((await home.onlyOrder()).attempt).toBe(1)
})

it('a chain that is away for hours is told once, and its return too', async () => {
  let isAway = true
  const chain: ChainWatch = {
    async after() {
      if (isAway) throw new Error('No chain answers at example.test.')
      return { kind: 'events', events: [], upTo: undefined }
    },
  }
  const { clock, db } = home
  const worker = watchWorker({ store: sqliteWatchStore(db, [], String), chain, clock, onMoved: () => undefined })
  const before = (await told()).length
  for (let minute = 0; minute < 180; minute++) {
    await expect(worker.step()).rejects.toThrow('No chain answers')
    clock.set(clock.nowMs() + 60_000)
  }
  isAway = false
  await worker.step()
  await worker.step()
  expect((await told()).slice(before)).toEqual([
    'For 10 minutes the chain cannot be read, so nothing can be bought or followed: No chain answers at example.test.',
    'The chain can be read again; what happened meanwhile is caught up on.',
  ])
})

it('an authorization that reverts when it is included again is placed anew, not at the end of its quote', async () => {
  await home.level(250)
  const { escrow } = home.chain.facts
  const code = await rpc('eth_getCode', [escrow, 'latest'])
  await rpc('anvil_reorg', [1, []])
  await rpc('anvil_dropAllTransactions', [])
  await home.drain()
  expect(await state()).toBe('quoted')
  // For a moment every call of the escrow reverts.
  await rpc('anvil_setCode', [escrow, '0xfe'])
  home.clock.set(home.clock.nowMs() + 2_000)
  while ((await home.follow()).nextDueAtMs !== undefined);
  await rpc('anvil_setCode', [escrow, code])
  await home.pass(60_000)
  expect(await home.onlyOrder()).toMatchObject({ state: 'due', attempt: 2 })
  expect(await escrowBalance()).toBe(PRICE)
})

it('what a reorg takes back of a cancellation in cooling off leaves the order cooling off', async () => {
  await home.close()
  await begin(86_400)
  await home.level(250)
  await home.pass(HOUR_MS)
  await home.actions.cancel(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  await rpc('anvil_reorg', [1, []])
  await rpc('anvil_dropAllTransactions', [])
  await home.drain()
  expect(await state()).toBe('authorized')
  await home.pass(22 * HOUR_MS)
  expect(await state()).toBe('authorized')
})

it('a dispute of delivered goods that a reorg takes back pays nobody before it is there again', async () => {
  await home.level(250)
  const terms = await home.ship()
  await home.pass(HOUR_MS)
  await home.level(1400)
  const { orderId } = await home.onlyOrder()
  home.db.prepare("INSERT INTO evidence (order_id, kind, detail, at_ms) VALUES (?, 'carrier', '', 0)").run(orderId)
  home.db.prepare('UPDATE orders SET next_at_ms = 0 WHERE order_id = ?').run(orderId)
  await home.drain()
  expect(await state()).toBe('delivered')
  await home.actions.dispute(home.homeId, orderId, 'owner')
  await home.drain()
  expect(await state()).toBe('disputed')
  await rpc('anvil_reorg', [1, []])
  await home.drain()
  expect(await state()).toBe('delivered')
  await home.pass(2_000)
  expect(home.shop.messages.map(({ kind }) => kind)).toEqual(['order'])
  await sentAgain()
  expect(await state()).toBe('disputed')
  expect((await home.chain.hold(terms)).state).toBe('disputed')
})

it('a node that lags is waited for without a word; blocks that stay away are taken for lost', async () => {
  const { clock, db } = home
  const lastGood = db
    .prepare('SELECT block_number AS blockNumber, block_hash AS blockHash FROM chain_blocks LIMIT 1')
    .get()
  let found: object = { kind: 'behind', lastGood }
  const chain = { after: async () => found } as ChainWatch
  const worker = watchWorker({ store: sqliteWatchStore(db, [], String), chain, clock, onMoved: () => undefined })
  await home.level(250)
  const before = await told()
  for (const rest of [30_000, 29_000]) {
    await worker.step()
    clock.set(clock.nowMs() + rest)
  }
  await worker.step()
  found = { kind: 'events', events: [], upTo: undefined }
  await worker.step()
  expect([await state(), await told()]).toEqual(['due', before])
  found = { kind: 'behind', lastGood }
  await worker.step()
  clock.set(clock.nowMs() + 60_000)
  expect(await worker.step()).toEqual({ worked: true })
  expect([await state(), (await told()).at(-1)]).toEqual(['quoted', expect.stringContaining('A correction')])
})

it('a refill that is seen while the shipping is taken back still counts as an arrival', async () => {
  await home.level(250)
  await home.ship()
  await home.pass(HOUR_MS)
  await rpc('anvil_reorg', [1, []])
  await home.drain()
  expect(await state()).toBe('due')
  await home.level(1400)
  await sentAgain()
  expect(await home.onlyOrder()).toMatchObject({ state: 'shipped', evidence: [{ kind: 'refill' }] })
})
