import { Transaction } from 'ethers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import type { Address, Hex32 } from '../../gateway/domain/identifiers.ts'
import type { TransactionStore } from '../../gateway/ports/chain.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'
import { countOf, type Market, openMarket } from './fixture.ts'

const GWEI = 10n ** 9n
/** A transfer, the cheapest call. */
const CALL = {
  to: '0x00000000000000000000000000000000000000aa',
  data: '0x',
  gasLimit: 21_000n,
  purpose: 'a transfer',
} as const

let market: Market
let store: TransactionStore
let address: Address
let key: ReturnType<typeof newSigningKey>
beforeAll(async () => {
  market = await openMarket()
  store = sqliteTransactionStore(market.db, market.clock)
})
afterAll(() => market.stop())
beforeEach(async () => {
  key = newSigningKey()
  address = addressOf(key)
  await rpc('evm_setAutomine', [false])
  await rpc('anvil_setBalance', [address, '0xde0b6b3a7640000'])
})

const rpc = (method: string, params: unknown[]) => market.connection.rpc.send(method, params)
const later = (ms: number) => market.clock.set(market.clock.nowMs() + ms)
const stateOf = (txHash: Hex32) =>
  market.db.prepare('SELECT state FROM transactions WHERE tx_hash = ?').pluck().get(txHash)
/** As on a chain that makes blocks in its own time: the broadcast does not wait for one. */
function onSlowChain(maxFeePerGasWei = 1_000n * GWEI): Sender {
  const send = (method: string, params: unknown[]) => rpc(method.replace('TransactionSync', 'Transaction'), params)
  const { chainId } = market.connection.facts
  const { batch } = market.connection.rpc
  return new Sender({ rpc: { send, batch }, chainId, key, store, clock: market.clock, maxFeePerGasWei })
}

test('bytes that the network dropped are sent again within two seconds', async () => {
  const patient = onSlowChain()
  const tx = await patient.send(CALL, store.save)
  expect(await rpc('anvil_dropTransaction', [tx.txHash])).toBe(tx.txHash)
  later(1_000)
  await patient.settle()
  expect(await rpc('eth_getTransactionByHash', [tx.txHash])).toBeNull()
  later(1_000)
  await patient.settle()
  await rpc('evm_mine', [])
  await patient.settle()
  expect(stateOf(tx.txHash)).toBe('included')
  expect(await countOf(market, address)).toBe(1)
})

test('after a fee spike the replacement offers what is asked now, and at the cap the old bytes wait for it to end', async () => {
  const cap = 500n * GWEI
  const sender = onSlowChain(cap)
  const first = await sender.send(CALL, store.save)
  const spike = async (baseFee: bigint) => {
    await rpc('anvil_setNextBlockBaseFeePerGas', [`0x${baseFee.toString(16)}`])
    await rpc('evm_mine', [])
    later(40_000)
    await sender.settle()
  }
  await spike(100n * GWEI)
  const [second] = await store.open(address, 2)
  expect(second).toMatchObject({ nonce: 0, replaced: [first.txHash] })
  expect(Transaction.from(second!.raw).maxFeePerGas!).toBeGreaterThan(100n * GWEI)
  // Before the replacement is in a block, the fees rise beyond the cap.
  await spike(600n * GWEI)
  expect((await store.open(address, 2)).map(({ txHash }) => txHash)).toEqual([second!.txHash])
  await expect(sender.send(CALL, store.save)).rejects.toThrow(/more than the cap of 500\. Wait, or raise/)
  await spike(1n * GWEI)
  await rpc('evm_mine', [])
  await sender.settle()
  expect(await countOf(market, address)).toBe(1)
  expect(await store.open(address, 2)).toEqual([])
})

test('what follows on a transaction that the chain forgot does not wait 10 s for its block', {
  timeout: 5_000,
}, async () => {
  await rpc('evm_setAutomine', [true])
  const sender = market.senderOf(key)
  const forgotten = await sender.send(CALL, store.save)
  await sender.settle()
  await rpc('anvil_reorg', [1, []])
  const next = await sender.send(CALL, store.save)
  expect(next.nonce).toBe(1)
  later(2_000)
  for (let look = 0; look < 4; look++) await sender.settle()
  expect([stateOf(forgotten.txHash), stateOf(next.txHash)]).toEqual(['included', 'included'])
})
