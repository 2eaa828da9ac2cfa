import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { escrow } from '../../contracts/escrow.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

const DAY_MS = 24 * HOUR_MS
const ARBITER: Address = `0x${'a7'.repeat(20)}`

let home: Home
beforeEach(async () => {
  home = await openHome()
  await home.signMandate({ coolingOffSeconds: 0, arbiter: ARBITER })
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
  await home.level(250)
})
afterEach(() => home.close())

const state = async () => (await home.onlyOrder()).state
const lastText = async () => (await home.feed()).at(-1)?.text ?? ''
const inEscrow = () => home.balance(home.chain.facts.escrow)
async function dispute() {
  return home.actions.dispute(home.homeId, (await home.onlyOrder()).orderId, 'owner')
}
/** Skips time in which nothing of interest happens: the rules would look at every hour of it. */
async function skip(ms: number): Promise<void> {
  home.clock.set(home.clock.nowMs() + ms)
  await home.connection.rpc.send('evm_setNextBlockTimestamp', [Math.floor(home.clock.nowMs() / 1000)])
  await home.drain()
}
async function sendAs(from: Address, data: string): Promise<void> {
  const { rpc } = home.connection
  await rpc.send('anvil_setBalance', [from, '0x56bc75e2d63100000'])
  await rpc.send('anvil_impersonateAccount', [from])
  await rpc.send('eth_sendTransactionSync', [{ from, to: home.chain.facts.escrow, data, gas: '0x4c4b40' }])
  await rpc.send('anvil_stopImpersonatingAccount', [from])
  await home.drain()
}

describe('a shipped order that is disputed', () => {
  it('is confirmed by nobody, and comes back when the arbiter is silent for 30 days', async () => {
    await home.ship()
    expect(await dispute()).toEqual({ ok: true, sentence: expect.stringContaining('the arbiter is silent') })
    await home.drain()
    expect(await state()).toBe('disputed')
    expect(await lastText()).toMatch(/You disputed it: the money stays in escrow\./)
    expect(await dispute()).toMatchObject({ ok: true, sentence: expect.stringContaining('already disputed') })

    await home.level(1400)
    const { orderId } = await home.onlyOrder()
    expect(await home.actions.received(home.homeId, orderId, 'owner')).toMatchObject({ ok: false })
    await skip(30 * DAY_MS - HOUR_MS)
    expect(await state()).toBe('disputed')
    expect(await inEscrow()).toBe(PRICE)
    await skip(2 * HOUR_MS)
    expect(await state()).toBe('reclaimed')
    expect(await inEscrow()).toBe(0n)
    expect(await lastText()).toContain('Nobody decided the dispute in time'.toLowerCase())
    expect(home.shop.messages.filter(({ kind }) => kind === 'confirmation')).toEqual([])
  })

  it('is split by the arbiter', async () => {
    const terms = await home.ship()
    await dispute()
    await home.drain()
    await sendAs(ARBITER, escrow.encode('decide', [terms, terms.seller, terms.authorizationId, 2_490_000n]))
    expect(await state()).toBe('decided')
    expect(await home.balance(home.selling.address)).toBe(2_490_000n)
    expect(await lastText()).toContain('the arbiter decided: 2.49 TUSD to the seller, 10.00 TUSD back to you')
  })

  it('may be disputed by the seller', async () => {
    const terms = await home.ship()
    await sendAs(terms.seller, escrow.encode('dispute', [terms, terms.seller, terms.authorizationId, '0x']))
    expect(await state()).toBe('disputed')
    expect(await lastText()).toContain('The seller disputed it')
  })
})

it('an order that did not ship is cancelled instead, and one that is paid is refunded instead', async () => {
  expect(await dispute()).toEqual({ ok: false, sentence: expect.stringContaining('cancel it instead') })
})

describe('a paid order', () => {
  async function paid() {
    const terms = await home.ship()
    await home.pass(HOUR_MS)
    await home.level(1400)
    await home.actions.received(home.homeId, (await home.onlyOrder()).orderId, 'owner')
    await home.drain()
    await home.capture()
    expect(await state()).toBe('completed')
    return terms
  }

  it('stays complete when a part is refunded, and is refunded with the rest', async () => {
    const terms = await paid()
    expect(await dispute()).toEqual({ ok: false, sentence: expect.stringContaining('ask it for a refund') })
    const before = await home.balance(home.wallet.address)
    await home.selling.refund(terms, 490_000n, home.transactions.save)
    await home.drain()
    expect(await state()).toBe('completed')
    expect(await lastText()).toContain('The seller gave back 0.49 TUSD of 12.49 TUSD')
    await home.selling.refund(terms, PRICE - 490_000n, home.transactions.save)
    await home.drain()
    expect(await state()).toBe('refunded')
    expect(await home.balance(home.wallet.address)).toBe(before + PRICE)
    await expect(home.selling.refund(terms, 1n, home.transactions.save)).rejects.toThrow(
      '0.000001 TUSD was to be refunded, but only 0.00 TUSD of the order is with the seller.',
    )
  })

  it('is refunded only within 30 days', async () => {
    const terms = await paid()
    await skip(31 * DAY_MS)
    await expect(home.selling.refund(terms, 1n, home.transactions.save)).rejects.toThrow('Pay the buyer directly')
  })
})
