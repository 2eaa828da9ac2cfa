import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { signTransaction } from '../../gateway/chain/raw-transaction.ts'
import { chainWatch } from '../../gateway/chain/watcher.ts'
import { cleanUps, isRunning, journalIn, newFolder, STARTED_AGAIN, start, until } from './embedded-fixture.ts'
import { grantedFile, openMarket, saveTo } from './fixture.ts'

const STATES_KEPT = 40

test('a node that is killed comes back at the same address with the same blocks, hashes and logs', async () => {
  const folder = newFolder()
  const deaths: string[] = []
  const market = await openMarket({ dataFolder: folder, onDeath: (reason) => deaths.push(reason) })
  cleanUps.push(() => market.stop())
  const file = await grantedFile(market)
  await market.chain.authorize([[market.order(file)]], saveTo(market))
  const head = () => market.connection.rpc.send('eth_getBlockByNumber', ['latest', false]) as Promise<{ hash: string }>
  const { hash } = await head()
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(hash))
  const before = await chainWatch(market.connection, { confirmations: 0, from: 'genesis' }).after([])
  const { pid, rpcUrl } = readNodeFile(folder)!

  process.kill(pid, 'SIGKILL')
  await until(() => deaths.length > 0)
  expect(readNodeFile(folder)!.pid).not.toBe(pid)
  expect(readNodeFile(folder)!.rpcUrl).toBe(rpcUrl)
  expect(deaths).toEqual(['The embedded chain (anvil) ended unexpectedly; it was started again with all its blocks.'])
  expect((await head()).hash).toBe(hash)
  expect(await chainWatch(market.connection, { confirmations: 0, from: 'genesis' }).after([])).toEqual(before)
})

test.each([
  ['as long as the one before', 0],
  ['that grows while it is kept', 40],
])('a node that is killed after a reorg comes back on the new fork, one %s', async (_name, blocks) => {
  const folder = newFolder()
  const { chain, deaths, rpc } = await start(folder)
  const headHash = async () => ((await rpc.send('eth_getBlockByNumber', ['latest', false])) as { hash: string }).hash
  await rpc.send('anvil_reorg', [2, []])
  const keeping = chain.keepBlocks()
  for (let block = 0; block < blocks; block++) await rpc.send('evm_mine', [])
  await keeping
  await chain.keepBlocks()
  const hash = await headHash()
  process.kill(readNodeFile(folder)!.pid, 'SIGKILL')
  await until(() => deaths.length > 0)
  expect(await headHash()).toBe(hash)
})

test('a state that is kept while transactions are included has the blocks of all that are in it', async () => {
  const folder = newFolder()
  const key = newSigningKey()
  const sender = addressOf(key)
  const { chain, deaths, rpc } = await start(folder, { gasFor: [sender] })
  const keptState = () =>
    JSON.parse(readFileSync(join(folder, 'chain', 'state.json'), 'utf8')) as {
      accounts: Record<string, { nonce: number | string }>
      blocks: { transactions: unknown[] }[]
    }
  const included = () => keptState().blocks.reduce((sum, { transactions }) => sum + transactions.length, 0)
  const before = included()
  let nonce = 0
  const send = () => {
    const fees = { gasLimit: 100_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n }
    const call = { chainId: chain.access.chainId, nonce: nonce++, to: sender, data: '0x' as const, ...fees }
    return rpc.send('eth_sendRawTransactionSync', [signTransaction(call, key).raw])
  }
  for (let time = 0; time < STATES_KEPT; time++) {
    const keeping = chain.keepState()
    for (let burst = 0; burst < 1 + (time % 8); burst++) await send()
    await keeping
    expect(included() - before).toBe(Number(keptState().accounts[sender]?.nonce ?? 0))
  }
  expect(deaths).toEqual([])
})

test('who speaks to a node while it is started again gets no block in among those of the journal', async () => {
  const folder = newFolder()
  const { deaths, rpc } = await start(folder)
  const headHash = async () => ((await rpc.send('eth_getBlockByNumber', ['latest', false])) as { hash: string }).hash
  for (let block = 0; block < 3; block++) await rpc.send('evm_mine', [])
  const hash = await headHash()
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(hash))
  process.kill(readNodeFile(folder)!.pid, 'SIGKILL')
  let mined = 0
  while (deaths.length === 0) {
    await rpc.send('evm_mine', []).then(
      () => mined++,
      () => new Promise((resolve) => setTimeout(resolve, 1)),
    )
  }
  expect(deaths).toEqual([STARTED_AGAIN])
  expect(mined).toBeGreaterThan(0)
  expect(await rpc.send('eth_getBlockByHash', [hash, false])).not.toBeNull()
  // What came since is journaled as before.
  const newHash = await headHash()
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(newHash))
})

test('a node that only made blocks again when its gateway was killed is ended, not taken over', async () => {
  const folder = newFolder()
  const first = await start(folder)
  const piece = { ...readNodeFile(folder)!, isWhole: false }
  writeFileSync(join(folder, 'chain', 'node.json'), JSON.stringify(piece))
  const second = await start(folder)
  expect(readNodeFile(folder)).toMatchObject({ isWhole: true })
  expect(readNodeFile(folder)!.pid).not.toBe(piece.pid)
  await until(() => !isRunning(piece.pid))
  await second.chain.stop()
  await until(() => first.deaths.length === 1)
})

test('after a power cut the next start has every block of the journal; a torn line ends it', async () => {
  const folder = newFolder()
  const { chain, rpc } = await start(folder)
  const heads: unknown[] = []
  for (let block = 0; block < 3; block++) {
    await rpc.send('evm_mine', [])
    heads.push(await rpc.send('eth_getBlockByNumber', ['latest', false]))
  }
  const hashOf = (head: unknown) => (head as { hash: string }).hash
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(hashOf(heads[2])))
  const kept = readFileSync(journalIn(folder))
  // The stop in between keeps a whole state: what a power cut leaves is laid down again afterwards.
  const state = readFileSync(join(folder, 'chain', 'state.json'))
  await chain.stop()
  const restoreWith = async (journal: Buffer) => {
    writeFileSync(join(folder, 'chain', 'state.json'), state)
    writeFileSync(journalIn(folder), journal)
    const next = await start(folder)
    const head = await next.rpc.send('eth_getBlockByNumber', ['latest', false])
    await next.chain.stop()
    return hashOf(head)
  }
  expect(await restoreWith(kept)).toBe(hashOf(heads[2]))
  expect(await restoreWith(kept.subarray(0, -5))).toBe(hashOf(heads[1]))
})

test('a node that is killed in a virtual time long before today goes on from there', async () => {
  const folder = newFolder()
  const atSeconds = Date.UTC(2020, 0, 1) / 1000
  const { chain, deaths, rpc } = await start(folder, { virtualTimeSeconds: atSeconds - 3600 })
  const latest = () =>
    rpc.send('eth_getBlockByNumber', ['latest', false]) as Promise<{ hash: string; timestamp: string }>
  await rpc.send('evm_mine', [])
  await chain.setTime(atSeconds)
  await rpc.send('evm_mine', [])
  const { hash } = await latest()
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(hash))
  process.kill(readNodeFile(folder)!.pid, 'SIGKILL')
  // A shop that asks meanwhile takes what it hears for the time.
  const told = new Set<number>()
  for (let asks = 0; deaths.length === 0 && asks < 100_000; asks++) {
    const pending = await rpc.send('eth_getBlockByNumber', ['pending', false]).catch(() => undefined)
    if (pending !== undefined) told.add(Number(Object(pending).timestamp))
  }
  expect([...told]).toEqual([atSeconds])
  expect(deaths).toEqual([STARTED_AGAIN])
  expect((await latest()).hash).toBe(hash)
  await chain.setTime(atSeconds + 60)
  await rpc.send('evm_mine', [])
  expect(Number((await latest()).timestamp)).toBe(atSeconds + 60)
})

test('a state that anvil refuses gives way to the one before with its blocks, and the homeowner hears of it', async () => {
  const folder = newFolder()
  const inChain = (name: string) => join(folder, 'chain', name)
  const { chain, rpc } = await start(folder)
  const head = () => rpc.send('eth_getBlockByNumber', ['latest', false]) as Promise<{ hash: string }>
  await rpc.send('evm_mine', [])
  await chain.keepState()
  await rpc.send('evm_mine', [])
  const { hash } = await head()
  await until(() => readFileSync(journalIn(folder), 'utf8').includes(hash))
  await chain.stop()
  const state = readFileSync(inChain('state.json'))
  const truncated = state.subarray(0, state.length / 2)
  writeFileSync(inChain('state.json'), truncated)

  const again = await start(folder)
  expect(again.deaths).toEqual([
    expect.stringMatching(/state of the embedded chain is damaged; .* made again from the one before/),
  ])
  expect(await again.rpc.send('eth_getBlockByHash', [hash, false])).not.toBeNull()
  expect(readFileSync(inChain('state-damaged.json'))).toEqual(truncated)
  await again.chain.stop()
})
