import { afterEach, describe, expect, it } from 'vitest'
import { sqliteWatchStore } from '../../gateway/store/watch.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
afterEach(() => home.close())

/** A home that may buy by itself; its drawer is full. */
async function fullHome(limits: Parameters<Home['signMandate']>[0] = {}): Promise<void> {
  home = await openHome()
  await home.signMandate(limits)
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
}
const state = async () => (await home.onlyOrder()).state

describe('an order that its owner cancels', () => {
  it('while its payment is prepared is not paid', async () => {
    await fullHome()
    const funds = home.chain.funds
    let cancelled: unknown
    home.chain.funds = async (payer) => {
      const { orderId } = await home.onlyOrder()
      cancelled ??= await home.actions.cancel(home.homeId, orderId, 'owner')
      return funds(payer)
    }
    await home.level(250)
    expect(cancelled).toMatchObject({ ok: true })
    home.chain.funds = funds
    await home.drain()
    expect(await state()).toBe('dropped')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
    expect(home.shop.messages).toEqual([])
    await home.pass(30 * HOUR_MS)
  })

  it('in the moment in which the seller ships is told that it is too late', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    const { orderId } = await home.onlyOrder()
    const order = home.shop.messages[0]
    if (order?.kind !== 'order') throw new Error('The shop was told of no order.')
    const { hold } = home.chain
    home.chain.hold = async (terms) => {
      home.chain.hold = hold
      const before = await hold(terms)
      await home.selling.ship([{ terms, shipment: `0x${'5'.repeat(64)}` }], home.transactions.save)
      return before
    }
    expect(await home.actions.cancel(home.homeId, orderId, 'owner')).toEqual({
      ok: false,
      sentence: 'On the chain the order is shipped: it can no longer be cancelled.',
    })
  })
})

describe('goods', () => {
  it('whose refill is seen before the log of their shipping count as arrived', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    const order = home.shop.messages[0]
    if (order?.kind !== 'order') throw new Error('no order')
    await home.selling.ship([{ terms: order.terms, shipment: `0x${'5'.repeat(64)}` }], home.transactions.save)
    home.clock.set(home.clock.nowMs() + HOUR_MS)
    // The device is heard before the watcher reads the chain.
    await home.level(1400)
    expect(await state()).toBe('shipped')
    expect((await home.onlyOrder()).evidence).toMatchObject([{ kind: 'refill' }])
  })

  it('are not seen in the refill before their order, though their block is of the same second', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    home.clock.set(Math.ceil(home.clock.nowMs() / 1000) * 1000 + 500)
    for (const remaining of [1400, 900, 250]) {
      await home.level(remaining)
      home.clock.set(home.clock.nowMs() + 1)
    }
    const { orderId } = await home.onlyOrder()
    const shipped = home.db.prepare<[string], number>(
      "SELECT at_ms FROM order_steps WHERE order_id = ? AND to_state = 'shipped'",
    )
    await home.ship()
    const refilledAtMs = home.db.prepare<[], number>('SELECT last_refill_at_ms FROM slots').pluck().get()!
    expect(shipped.pluck().get(orderId)).toBeLessThan(refilledAtMs)
    expect((await home.onlyOrder()).evidence).toEqual([])
  })

  it('whose refill a bridge kept count as arrived, though a reorg made their shipping later than it', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    await home.ship()
    const refilledAtMs = home.clock.nowMs() + 2_000
    await home.connection.rpc.send('anvil_reorg', [1, []])
    await home.pass(60_000)
    expect(await state()).toBe('due')
    await home.settle()
    await home.settle()
    const order = await home.onlyOrder()
    expect(order).toMatchObject({ state: 'shipped', evidence: [] })
    expect(order.stateChangedAtMs).toBeGreaterThan(refilledAtMs)
    await home.level(1400, { measuredAtMs: refilledAtMs })
    expect((await home.onlyOrder()).evidence).toMatchObject([{ kind: 'refill', atMs: refilledAtMs }])
  })

  it('that were confirmed free their slot even when the seller never takes the money', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    await home.ship()
    await home.pass(HOUR_MS)
    await home.level(1400)
    const { orderId } = await home.onlyOrder()
    await home.actions.received(home.homeId, orderId, 'owner')
    await home.drain()
    expect(await state()).toBe('delivered')
    await home.pass(14 * 24 * HOUR_MS)
    expect(await state()).toBe('delivered')
    await home.pass(2 * 24 * HOUR_MS)
    expect(await state()).toBe('reclaimed')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
    expect((await home.feed()).at(-1)?.text).toContain('did not take its payment in time')
  })
})

describe('a slot', () => {
  it('whose order was dropped is looked at again without a new level', async () => {
    await fullHome()
    home.shop.refusal = { reason: 'Sold out.', retry: false }
    await home.level(250)
    expect(await state()).toBe('dropped')
    home.shop.refusal = undefined
    await home.pass(25 * HOUR_MS)
    expect((await home.orders()).map((order) => order.state)).toContain('authorized')
  })
})

describe('an order that could not be placed yet', () => {
  /** The seller is silent while the drawer runs low; then it is back. */
  async function placedLate(meanwhile: () => Promise<unknown>): Promise<void> {
    await fullHome()
    home.shop.isSilent = true
    await home.level(250)
    await home.pass(HOUR_MS)
    expect(await state()).toBe('needed')
    await meanwhile()
    home.shop.isSilent = false
    await home.pass(12 * HOUR_MS)
  }

  it('is dropped when buying was suspended meanwhile', async () => {
    await placedLate(async () => home.db.prepare(`UPDATE slots SET suspended_reason = 'the firmware changed'`).run())
    expect(await state()).toBe('dropped')
    expect((await home.feed()).at(-1)?.text).toContain('the firmware changed')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })

  it('is dropped when somebody filled the slot meanwhile', async () => {
    await placedLate(() => home.level(1400))
    expect(await state()).toBe('dropped')
    expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  })
})

describe('an order that cannot be signed', () => {
  it('does not keep the others from being placed', async () => {
    await fullHome({ maxOpenOrders: 2 })
    // A second device like the first, whose sealed key was damaged.
    home.db.exec(`
      INSERT INTO devices (device_id, home_id, secret_sha256, key_address, key_sealed, added_at_ms, description, described_at_ms)
        SELECT 'broken', home_id, secret_sha256, key_address, x'00', added_at_ms, description, described_at_ms FROM devices;
      INSERT INTO slots (device_id, slot, suspended_reason) VALUES ('broken', 'detergent', '');
      INSERT INTO mandates SELECT 'another', home_id, 'broken', file, seller_url, payer_signature, state, NULL, 0, created_at_ms, '' FROM mandates;
      INSERT INTO orders VALUES ('0193d2a4-0000-7000-8000-000000000001', 'home', 'broken', 'detergent', '04006381333931', 1,
        'auto', 'needed', ${home.clock.nowMs()}, 1, ${home.clock.nowMs()}, 0, ${home.clock.nowMs()}, '[]', '', NULL);`)
    await expect(home.level(250)).rejects.toThrow('device broken')
    await expect(home.drain()).rejects.toThrow('device broken')
    expect(await home.balance(home.chain.facts.escrow)).toBe(PRICE)
  })
})

describe('two mandates', () => {
  it('do not shadow each other: the one that still holds is used', async () => {
    await fullHome()
    await home.signMandate({ days: 1 })
    await home.pass(30 * HOUR_MS)
    await home.level(250)
    expect(await state()).toBe('authorized')
  })
})

describe('a reorg', () => {
  it('that takes back the mandate in the moment of an order only delays it', async () => {
    await fullHome()
    await home.connection.rpc.send('anvil_reorg', [1, []])
    await home.level(250)
    expect(await state()).toBe('quoted')
    expect(home.db.prepare('SELECT state FROM mandates').get()).toEqual({ state: 'signed' })
    await home.pass(60_000)
    await home.settle()
    await home.pass(60_000)
    expect(await state()).toBe('authorized')
    expect((await home.onlyOrder()).attempt).toBe(1)
    expect((await home.feed()).map(({ kind }) => kind)).not.toContain('limit-reached')
  })

  it('that takes back the end of an order does not stop the watcher when the slot has its next one', async () => {
    await fullHome({ coolingOffSeconds: 0 })
    await home.level(250)
    await home.ship()
    await home.pass(HOUR_MS)
    await home.level(1400)
    const { orderId } = await home.onlyOrder()
    await home.actions.received(home.homeId, orderId, 'owner')
    await home.drain()
    await home.pass(2 * HOUR_MS)
    home.shop.isSilent = true
    await home.level(800)
    await home.pass(2 * HOUR_MS)
    await home.level(250)
    await home.capture()
    expect((await home.orders()).map((order) => order.state)).toEqual(['needed', 'completed'])
    await home.connection.rpc.send('anvil_reorg', [1, []])
    await home.drain()
    expect((await home.orders()).map((order) => order.state)).toEqual(['needed', 'completed'])
  })

  it('is traced back across more blocks than are kept', async () => {
    await fullHome()
    const store = sqliteWatchStore(home.db, [], String)
    const hash = (digit: string) => `0x${digit.repeat(64)}` as const
    const before = await store.known()
    await store.apply([], { blockNumber: 5_000, blockHash: hash('5') }, home.clock.nowMs())
    await store.apply([], { blockNumber: 6_000, blockHash: hash('6') }, home.clock.nowMs())
    expect(await store.known()).toEqual([
      ...before,
      { blockNumber: 5_000, blockHash: hash('5') },
      { blockNumber: 6_000, blockHash: hash('6') },
    ])
    for (let blockNumber = 6_001; blockNumber < 7_000; blockNumber++) {
      await store.apply([], { blockNumber, blockHash: hash('7') }, home.clock.nowMs())
    }
    expect((await store.known()).length).toBe(512)
  })
})
