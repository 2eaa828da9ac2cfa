import { Transaction } from 'ethers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import type { Rpc } from '../../gateway/chain/rpc.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import type { Address, Hex32 } from '../../gateway/domain/identifiers.ts'
import type { SignedTransaction, TransactionStore } from '../../gateway/ports/chain.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'
import { countOf, type Market, openMarket } from './fixture.ts'

const GWEI = 10n ** 9n
const TO = '0x00000000000000000000000000000000000000aa'
/** A transfer, the cheapest call. */
const CALL = { to: TO, data: '0x', gasLimit: 21_000n, purpose: 'a transfer' } as const

let market: Market
let store: TransactionStore
let sender: Sender
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
  await rpc('anvil_setBalance', [address, '0xde0b6b3a7640000'])
  sender = market.senderOf(key)
})
afterEach(() => rpc('evm_setAutomine', [true]))

const rpc = (method: string, params: unknown[]) => market.connection.rpc.send(method, params)
const later = (ms: number) => market.clock.set(market.clock.nowMs() + ms)
const stateOf = (txHash: Hex32) =>
  market.db.prepare('SELECT state FROM transactions WHERE tx_hash = ?').pluck().get(txHash)
const rowsOf = () =>
  market.db
    .prepare('SELECT nonce, state, purpose FROM transactions WHERE sender = ? ORDER BY nonce, rowid')
    .all(address)
const receiptOf = (txHash: Hex32) => rpc('eth_getTransactionReceipt', [txHash])
/** As on a chain that makes blocks in its own time: the broadcast does not wait for one. */
function onSlowChain(maxFeePerGasWei = 1_000n * GWEI): Sender {
  const send = (method: string, params: unknown[]) => rpc(method.replace('TransactionSync', 'Transaction'), params)
  return senderWith({ send, batch: market.connection.rpc.batch }, maxFeePerGasWei)
}
function senderWith(through: Rpc, maxFeePerGasWei = 1_000n * GWEI): Sender {
  const { chainId } = market.connection.facts
  return new Sender({ rpc: through, chainId, key, store, clock: market.clock, maxFeePerGasWei })
}

test('saves the bytes before the network hears of them, and notes the receipt', async () => {
  let seenBefore: unknown = 'not asked'
  const tx = await sender.send(CALL, async (signed) => {
    seenBefore = await rpc('eth_getTransactionByHash', [signed.txHash])
    await store.save(signed)
  })
  expect(seenBefore).toBeNull()
  expect(tx).toMatchObject({ sender: address, nonce: 0, purpose: 'a transfer' })
  expect(stateOf(tx.txHash)).toBe('sent')
  expect(await sender.settle()).toMatchObject({ worked: true })
  expect(stateOf(tx.txHash)).toBe('included')
  expect(await sender.settle()).toEqual({ worked: false })
})

test('sends nothing when the bytes could not be saved, and uses the nonce again', async () => {
  await expect(sender.send(CALL, () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full')
  expect(await countOf(market, address)).toBe(0)
  expect((await sender.send(CALL, store.save)).nonce).toBe(0)
})

test('killed between save and broadcast: the next process sends the same bytes, once', async () => {
  const halfDone = await halfSent()
  expect(await receiptOf(halfDone.txHash)).toBeNull()

  const nextProcess = market.senderOf(key)
  await nextProcess.settle()
  await nextProcess.settle()
  expect(stateOf(halfDone.txHash)).toBe('included')
  expect(await countOf(market, address)).toBe(1)
  expect((await nextProcess.send(CALL, store.save)).nonce).toBe(1)
})

test('killed after the broadcast: the receipt of the own bytes decides, not "nonce too low"', async () => {
  const tx = await sender.send(CALL, store.save)
  const nextProcess = market.senderOf(key)
  await nextProcess.settle()
  expect(stateOf(tx.txHash)).toBe('included')
  expect(await countOf(market, address)).toBe(1)
})

test('many at once get nonces without gaps or doubles', async () => {
  const sent = await Promise.all(Array.from({ length: 20 }, () => sender.send(CALL, store.save)))
  expect(sent.map(({ nonce }) => nonce)).toEqual([...Array(20).keys()])
  while ((await sender.settle()).worked);
  expect(await countOf(market, address)).toBe(20)
  expect(await store.open(address, 100)).toEqual([])
})

test('a transaction that reverts is included and reverted', async () => {
  const data = '0xdeadbeef'
  const tx = await sender.send({ ...CALL, to: market.chain.facts.escrow, data, gasLimit: 100_000n }, store.save)
  await sender.settle()
  expect(stateOf(tx.txHash)).toBe('reverted')
})

test('not included for 30 s: fees rise by an eighth with the same nonce, and the replacement settles both', async () => {
  const first = await halfSent()
  await rpc('evm_setAutomine', [false])
  await rpc('eth_sendRawTransaction', [first.raw])
  const patient = onSlowChain()
  await patient.settle()
  later(29_000)
  await patient.settle()
  expect((await store.open(address, 2)).map(({ txHash }) => txHash)).toEqual([first.txHash])
  later(11_000)
  await patient.settle()
  const [second] = await store.open(address, 2)
  expect(second).toMatchObject({ nonce: 0, replaced: [first.txHash], purpose: 'a transfer' })
  const [oldFee, newFee] = [first.raw, second!.raw].map((raw) => Transaction.from(raw).maxFeePerGas!) as [
    bigint,
    bigint,
  ]
  expect(newFee * 8n).toBeGreaterThanOrEqual(oldFee * 9n)

  await rpc('evm_mine', [])
  await patient.settle()
  expect([stateOf(first.txHash), stateOf(second!.txHash)]).toEqual(['replaced', 'included'])
  expect(await countOf(market, address)).toBe(1)
})

test('when the old bytes are included after all, the replacement is what was replaced', async () => {
  const first = await halfSent()
  later(40_000)
  const other = { ...first, ...(await resigned(first)) }
  await store.replace(first.txHash, other)
  await rpc('eth_sendRawTransaction', [first.raw])
  await market.senderOf(key).settle()
  expect([stateOf(first.txHash), stateOf(other.txHash)]).toEqual(['included', 'replaced'])
})

test('fees stay under the cap: nothing is sent above it, and no replacement goes beyond', async () => {
  const stingy = onSlowChain(1n)
  await expect(stingy.send(CALL, store.save)).rejects.toThrow(/asks [\d.]+ gwei per gas, more than the cap of 1e-9/)
  expect(rowsOf()).toEqual([])

  const first = await halfSent()
  const capped = onSlowChain(Transaction.from(first.raw).maxFeePerGas!)
  await rpc('evm_setAutomine', [false])
  for (const ms of [0, 40_000, 40_000]) {
    later(ms)
    await capped.settle()
  }
  expect((await store.open(address, 2)).map(({ txHash }) => txHash)).toEqual([first.txHash])
})

test('an account without gas is told before anything is saved', async () => {
  await rpc('anvil_setBalance', [address, '0x1'])
  await expect(sender.send(CALL, store.save)).rejects.toThrow(/pays the gas and has 1e-9 gwei, but .* Send it some/)
  expect(rowsOf()).toEqual([])
})

test('a nonce that nobody knows is filled, so that what follows goes on', async () => {
  const stuck = await halfSent(3)
  await rpc('eth_sendRawTransaction', [stuck.raw])
  const nextProcess = onSlowChain()
  later(40_000)
  await nextProcess.settle()
  await nextProcess.settle()
  expect(rowsOf()).toEqual([
    { nonce: 0, state: 'included', purpose: 'fill a nonce gap' },
    { nonce: 1, state: 'included', purpose: 'fill a nonce gap' },
    { nonce: 2, state: 'included', purpose: 'fill a nonce gap' },
    { nonce: 3, state: 'included', purpose: 'a transfer' },
  ])
  expect(await countOf(market, address)).toBe(4)
})

test('another program with the same key is a fault with a sentence, and the transaction counts as lost', async () => {
  const ours = await halfSent()
  await rpc('eth_sendRawTransaction', [(await resigned(ours)).raw])
  expect(await sender.settle()).toMatchObject({ worked: false })
  later(31_000)
  await expect(sender.settle()).rejects.toThrow(/Another program sends with the key of .* it took nonce 0/)
  expect(stateOf(ours.txHash)).toBe('lost')
  expect(await sender.settle()).toEqual({ worked: false })
})

test('what a reorg takes back is sent again with the same bytes', async () => {
  const tx = await sender.send(CALL, store.save)
  await sender.settle()
  await rpc('anvil_reorg', [1, []])
  expect(await receiptOf(tx.txHash)).toBeNull()
  later(15_000)
  while ((await sender.settle()).worked);
  await sender.settle()
  expect(stateOf(tx.txHash)).toBe('included')
  expect(await countOf(market, address)).toBe(1)
})

test('a chain that is away keeps nothing from being sent later', async () => {
  const away = senderWith({
    send: () => Promise.reject(new Error('away')),
    batch: (calls) => market.connection.rpc.batch(calls),
  })
  const tx = await away.send(CALL, store.save)
  expect(await countOf(market, address)).toBe(0)
  while (!(await sender.settle()).worked);
  expect(stateOf(tx.txHash)).toBe('included')
})

/** Signed and saved by a process that dies before it broadcasts; `nonce` beyond the next leaves a gap. */
async function halfSent(nonce = 0): Promise<SignedTransaction> {
  const dying = senderWith({
    send: () => new Promise(() => undefined),
    async batch(calls) {
      const [, ...rest] = await market.connection.rpc.batch(calls)
      return [`0x${nonce.toString(16)}`, ...rest]
    },
  })
  return await new Promise((resolve, reject) => {
    dying
      .send(CALL, async (tx) => {
        await store.save(tx)
        resolve(tx)
      })
      .catch(reject)
  })
}

/** Another transaction of the key with the same nonce. */
async function resigned({ raw }: SignedTransaction): Promise<Pick<SignedTransaction, 'txHash' | 'raw'>> {
  const tx = Transaction.from(raw).clone()
  tx.signature = null
  tx.maxFeePerGas = (tx.maxFeePerGas! * 5n) / 4n
  tx.maxPriorityFeePerGas = (tx.maxPriorityFeePerGas! * 5n) / 4n
  tx.signature = key.sign(tx.unsignedHash)
  return { txHash: tx.hash as Hex32, raw: tx.serialized as `0x${string}` }
}
