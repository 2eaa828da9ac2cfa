import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WHOLE_BLOCKS } from '../../gateway/chain/anvil.ts'
import { erc20 } from '../../gateway/chain/connection.ts'
import { dropFirstBlocks } from '../../gateway/chain/first-blocks.ts'
import type { Rpc } from '../../gateway/chain/rpc.ts'
import { chainWatch } from '../../gateway/chain/watcher.ts'
import { cleanUps, newFolder, PAYER, start } from './embedded-fixture.ts'
import { DOLLAR, grantedFile, openMarket, saveTo } from './fixture.ts'

type State = {
  blocks: { header: { number: string; timestamp: string }; transactions: object[] }[]
  transactions: object[]
}

const stateIn = (folder: string) => join(folder, 'chain', 'state.json')
const readState = (folder: string) => JSON.parse(readFileSync(stateIn(folder), 'utf8')) as State
const mine = (rpc: Rpc, blocks: number) => rpc.send('anvil_mine', [`0x${blocks.toString(16)}`])

test('of blocks long ago the chain keeps headers only; who reads from the first one misses none of the recent logs', async () => {
  const folder = newFolder()
  const market = await openMarket({ dataFolder: folder })
  const { rpc } = market.connection
  const old = (await rpc.send('eth_getBlockByNumber', ['0x3', false])) as { hash: string; transactions: unknown[] }
  expect(old.transactions).toHaveLength(1)
  await mine(rpc, WHOLE_BLOCKS)
  const file = await grantedFile(market)
  const tx = await market.chain.authorize([[market.order(file)]], saveTo(market))
  const receipt = await rpc.send('eth_getTransactionReceipt', [tx.txHash])
  market.db.close()
  await market.embedded.stop()
  const { blocks, transactions } = readState(folder)
  expect(blocks.length).toBeGreaterThan(WHOLE_BLOCKS)
  expect(blocks.flatMap((block) => block.transactions)).toHaveLength(transactions.length)
  expect(transactions).toHaveLength(3)

  const again = await openMarket({ dataFolder: folder })
  cleanUps.push(() => again.stop())
  const ask = again.connection.rpc
  expect(await ask.send('eth_getBlockByNumber', ['0x3', false])).toMatchObject({ hash: old.hash, transactions: [] })
  expect(await ask.send('eth_getTransactionReceipt', [tx.txHash])).toEqual(receipt)
  const watch = chainWatch(again.connection, { confirmations: 0, from: 'genesis' })
  const [seen, known] = [[] as string[], [] as { blockNumber: number; blockHash: `0x${string}` }[]]
  for (let portion = 0; portion < 4; portion++) {
    const read = await watch.after(known)
    if (read.kind !== 'events' || read.upTo === undefined) break
    seen.push(...read.events.map(({ type }) => type))
    known.push(read.upTo)
  }
  expect(seen).toEqual(['mandate-granted', 'authorized'])
  // Although its log is gone.
  expect((await again.chain.funds(again.wallet.address)).balance).toBe(988n * DOLLAR)
})

test('a payer who has sent all test dollars away gets none at the next start', async () => {
  const folder = newFolder()
  const { chain, rpc } = await start(folder)
  await rpc.send('anvil_impersonateAccount', [PAYER])
  const data = erc20.encode('transfer', ['0x00000000000000000000000000000000000000cc', 1_000n * DOLLAR])
  await rpc.send('eth_sendTransactionSync', [{ from: PAYER, to: chain.access.token, data }])
  await chain.stop()
  const again = await start(folder)
  const balance = { to: chain.access.token, data: erc20.encode('balanceOf', [PAYER]) }
  expect(BigInt(String(await again.rpc.send('eth_call', [balance, 'latest'])))).toBe(0n)
})

test('a hundred starts leave no block 0 each in the state, and the chain goes on from it', async () => {
  const folder = newFolder()
  const { chain, rpc } = await start(folder)
  await mine(rpc, 1)
  const head = await rpc.send('eth_getBlockByNumber', ['latest', false])
  await chain.stop()
  const state = readState(folder)
  const first = state.blocks.find(({ header }) => header.number === '0x0')!
  const later = (seconds: number) => `0x${(Number(first.header.timestamp) + seconds).toString(16)}`
  const more = Array.from({ length: 100 }, (_, n) => ({
    ...first,
    header: { ...first.header, timestamp: later(n + 1) },
  }))
  writeFileSync(stateIn(folder), JSON.stringify({ ...state, blocks: [...more, ...state.blocks] }))
  dropFirstBlocks(stateIn(folder))
  expect(readState(folder)).toEqual(state)
  const again = await start(folder)
  expect(await again.rpc.send('eth_getBlockByNumber', ['latest', false])).toEqual(head)
})
