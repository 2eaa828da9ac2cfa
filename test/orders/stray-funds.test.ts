import { Transaction } from 'ethers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { erc20 } from '../../gateway/chain/connection.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { Terms } from '../../gateway/domain/mandate.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
beforeEach(async () => {
  home = await openHome()
  await home.signMandate({ coolingOffSeconds: 0 })
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
})
afterEach(() => home.close())

/** Sends a call as anybody, past the gateway. */
async function sendAs(from: Address, to: Address, data: string): Promise<void> {
  const { rpc } = home.connection
  await rpc.send('anvil_setBalance', [from, '0x56bc75e2d63100000'])
  await rpc.send('anvil_impersonateAccount', [from])
  await rpc.send('eth_sendTransactionSync', [{ from, to, data, gas: '0x4c4b40' }])
  await rpc.send('anvil_stopImpersonatingAccount', [from])
}
const pay = (from: Address, to: Address, amount: bigint) =>
  sendAs(from, home.chain.facts.token.address, erc20.encode('transfer', [to, amount]))
const inEscrow = () => home.balance(home.chain.facts.escrow)

/** The wallet is empty when the block comes, though it was not when it was looked at: the contract refuses the payment. */
async function refusedOrder(): Promise<{ data: string }> {
  const { funds } = home.chain
  const owned = await home.balance(home.wallet.address)
  await pay(home.wallet.address, home.selling.address, owned)
  home.chain.funds = async () => ({ balance: owned, allowance: owned })
  await home.level(250)
  home.chain.funds = funds
  await pay(home.selling.address, home.wallet.address, owned)
  expect((await home.onlyOrder()).state).toBe('dropped')
  const sent = home.db.prepare(`SELECT raw FROM transactions WHERE purpose LIKE 'authorize%'`).pluck().get() as string
  return Transaction.from(sent)
}

it('a refused payment is burnt: sent again, it does nothing', async () => {
  const { data } = await refusedOrder()
  await sendAs(home.selling.address, home.chain.facts.escrow, data)
  expect(await inEscrow()).toBe(0n)
  await home.pass(HOUR_MS)
  expect((await home.feed()).at(-1)?.text).toContain('Nothing was paid')
  const burns = home.db.prepare(`SELECT 1 FROM transactions WHERE purpose = 'burn an authorization'`).all()
  expect(burns).toHaveLength(1)
})

/** The burning comes too late: the chain tells of a later payment, which a reorg then takes back. */
function burnNothing(): void {
  const { mandateStatus } = home.chain
  let asked = 0
  home.chain.mandateStatus = async (mandate) => ({ ...(await mandateStatus(mandate)), lastNonce: ++asked * 1000 })
}

it('a refused payment that somebody sends at once is cancelled, and the seller is not told of it', async () => {
  burnNothing()
  const { data } = await refusedOrder()
  await sendAs(home.selling.address, home.chain.facts.escrow, data)
  expect(await inEscrow()).toBe(PRICE)
  await home.drain()
  expect(await inEscrow()).toBe(0n)
  expect((await home.onlyOrder()).state).toBe('dropped')
  expect(home.shop.messages).toEqual([])
  expect((await home.feed()).at(-1)?.text).toContain('12.49 TUSD was held for an order that was given up')
  const told = (await home.feed()).length
  await home.pass(HOUR_MS)
  expect((await home.feed()).length).toBe(told)
})

it('goods that the seller sends for it at once are reclaimed when their time is over', async () => {
  burnNothing()
  const { data } = await refusedOrder()
  await sendAs(home.selling.address, home.chain.facts.escrow, data)
  const stored = home.db.prepare('SELECT terms FROM authorizations').pluck().get() as string
  const terms = Terms.parse(JSON.parse(stored))
  await home.selling.ship([{ terms, shipment: `0x${'5'.repeat(64)}` }], home.transactions.save)
  await home.pass(14 * 24 * HOUR_MS)
  expect(await inEscrow()).toBe(PRICE)
  await home.pass(HOUR_MS)
  expect(await inEscrow()).toBe(0n)
  expect(home.shop.messages).toEqual([])
})

it('a refused basket of several orders ends none of them for the fault of another', async () => {
  await home.close()
  home = await openHome(['detergent', 'softener'])
  await home.signMandate({ coolingOffSeconds: 0 })
  await home.confirm('auto')
  for (const remaining of [1400, 800]) await home.level(remaining)
  const owned = await home.balance(home.wallet.address)
  await pay(home.wallet.address, home.selling.address, owned - PRICE)
  const { funds } = home.chain
  home.chain.funds = async () => {
    home.chain.funds = funds
    return { balance: owned, allowance: owned }
  }
  await home.level(250)
  const states = (await home.orders()).map(({ state, attempt }) => `${state} at attempt ${attempt}`)
  expect(states.toSorted()).toEqual(['dropped at attempt 2', 'due at attempt 2'])
  expect(await inEscrow()).toBe(PRICE)
  expect((await home.feed()).find(({ kind }) => kind === 'limit-reached')?.text).toContain('top it up')
})
