import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Connection, checkedRpc } from '../../gateway/chain/connection.ts'
import { newSigningKey } from '../../gateway/chain/keys.ts'
import type { RpcCall } from '../../gateway/chain/rpc.ts'
import { chainWatch } from '../../gateway/chain/watcher.ts'
import type { ChainEvent, ChainWatch, WatchedBlock } from '../../gateway/ports/chain.ts'
import { grantedFile, type Market, openMarket, saveTo } from './fixture.ts'

let market: Market
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market.stop())

const rpc = (method: string, params: unknown[]) => market.connection.rpc.send(method, params)
const mine = (blocks: number) => rpc('anvil_mine', [`0x${blocks.toString(16)}`])
const watchOf = (confirmations = 0, from: 'genesis' | 'head' = 'genesis', connection: Connection = market.connection) =>
  chainWatch(connection, { confirmations, from })

/** A block that a reorg makes another one of: two empty blocks of the same second are the same. */
async function mineTransfer(): Promise<void> {
  const sender = market.senderOf(someKey)
  const call = { to: sender.address, data: '0x', gasLimit: 21_000n, purpose: 'a transfer' } as const
  await rpc('anvil_setBalance', [sender.address, '0xde0b6b3a7640000'])
  await sender.send(call, saveTo(market))
}
/** Takes back the newest blocks; the senders then send again what was in them. */
async function reorg(depth: number): Promise<void> {
  await rpc('anvil_reorg', [depth, []])
}
async function sendAgain(): Promise<void> {
  for (const sender of [market.senderOf(someKey), market.relayer]) {
    market.clock.set(market.clock.nowMs() + 15_000)
    while ((await sender.settle()).worked);
    await sender.settle()
  }
}
const someKey = newSigningKey()

/** Follows the chain to its head, as the watch worker does. */
async function follow(
  watch: ChainWatch,
  known: WatchedBlock[] = [],
): Promise<{ known: WatchedBlock[]; events: ChainEvent[] }> {
  const events: ChainEvent[] = []
  for (let call = 0; call < 100; call++) {
    const answer = await watch.after(known)
    if (answer.kind !== 'events') throw new Error('there was a reorg')
    events.push(...answer.events)
    if (answer.upTo === undefined) return { known, events }
    known = [...known, answer.upTo]
  }
  throw new Error('the head is never reached')
}

test('every log is seen once, in portions of at most 1,000 blocks', async () => {
  await grantedFile(market)
  await mine(1_500)
  const { mandateHash } = await grantedFile(market)
  const { known, events } = await follow(watchOf())
  expect(known.map(({ blockNumber }) => blockNumber)).toEqual([999, (await market.chain.head()).blockNumber])
  expect(events.map(({ type }) => type)).toEqual(['mandate-granted', 'mandate-granted'])
  expect(events[1]).toMatchObject({ mandateHash })
  expect((await follow(watchOf(), known)).events).toEqual([])
})

test('a log counts once there are enough blocks above it', async () => {
  await mine(2)
  const { known } = await follow(watchOf(2))
  const { mandateHash } = await grantedFile(market)
  const atBlock = (await market.chain.head()).blockNumber
  expect((await follow(watchOf(2), known)).events).toEqual([])
  await mine(1)
  expect((await follow(watchOf(2), known)).events).toEqual([])
  await mine(1)
  expect((await follow(watchOf(2), known)).events).toMatchObject([{ mandateHash, blockNumber: atBlock }])
})

test('a watch that begins at the head leaves out what was before', async () => {
  const watch = watchOf(0, 'head')
  const { known, events } = await follow(watch)
  expect(known).toMatchObject([{ blockNumber: (await market.chain.head()).blockNumber }])
  expect(events).toEqual([])
  const { mandateHash } = await grantedFile(market)
  expect((await follow(watch, known)).events).toMatchObject([{ mandateHash }])
})

test('a reorg is told with the last block that is still there, and the new fork is followed', async () => {
  const watch = watchOf()
  const before = await follow(watch)
  const seen: WatchedBlock[] = [...before.known]
  for (let block = 0; block < 5; block++) {
    await mineTransfer()
    seen.push(...(await follow(watch, seen)).known.slice(-1))
  }
  const { mandateHash } = await grantedFile(market)
  const { known } = await follow(watch, seen)
  await reorg(4)

  const answer = await watch.after(known)
  const lastGood = known.at(-5)!
  expect(answer).toEqual({ kind: 'reorg', lastGood })
  const kept = known.slice(0, -4)
  expect((await follow(watch, kept)).events).toEqual([])
  await sendAgain()
  expect((await follow(watch, kept)).events).toMatchObject([{ type: 'mandate-granted', mandateHash }])
})

test('a chain that is shorter than what is known is a reorg, down to nothing', async () => {
  const beyond = { blockNumber: 1_000_000, blockHash: `0x${'12'.repeat(32)}` } as const
  expect(await watchOf().after([beyond])).toEqual({ kind: 'reorg', lastGood: undefined })
  const { known } = await follow(watchOf())
  expect(await watchOf().after([...known, beyond])).toEqual({ kind: 'reorg', lastGood: known.at(-1) })
})

/** The same node, whose batched answers are changed on their way. */
function through(change: (calls: RpcCall[]) => Promise<unknown[]>): Connection {
  return { ...market.connection, rpc: { ...market.connection.rpc, batch: change } }
}
const batch = (calls: RpcCall[]) => market.connection.rpc.batch(calls)
const nothingYet = { kind: 'events', events: [], upTo: undefined }

test('an endpoint that came back as another chain answers nothing at all', async () => {
  let id = '0x1'
  const other = checkedRpc(
    { ...market.connection.rpc, batch: async (calls) => [id, ...(await batch(calls.slice(1)))] },
    427_015,
    'a.test',
  )
  const { known } = await follow(watchOf())
  const elsewhere = known.map((block) => ({ ...block, blockHash: `0x${'34'.repeat(32)}` as const }))
  const watch = watchOf(0, 'genesis', { ...market.connection, rpc: other })
  await expect(watch.after(elsewhere)).rejects.toThrow(/a\.test has the id 1, but 427015 is configured/)
  await expect(other.send('eth_blockNumber', [])).rejects.toThrow('has the id 1')
  id = '0x68407'
  expect(await other.send('eth_blockNumber', [])).toBe(await rpc('eth_blockNumber', []))
  expect((await follow(watch, known)).events).toEqual([])
})

test('a node that lags behind the last block is no reorg for a while; one with another block is', async () => {
  const { known } = await follow(watchOf())
  await mine(3)
  const { known: all } = await follow(watchOf(), known)
  const lagging = chainWatch(market.connection, { confirmations: 0, from: 'head', mayLag: true })
  const beyond = { blockNumber: all.at(-1)!.blockNumber + 2, blockHash: `0x${'12'.repeat(32)}` } as const
  expect(await lagging.after([...all, beyond])).toEqual({ kind: 'behind', lastGood: all.at(-1) })
  const other = { ...all.at(-1)!, blockHash: `0x${'34'.repeat(32)}` } as const
  expect(await lagging.after([...all.slice(0, -1), other])).toMatchObject({ kind: 'reorg' })
  expect(await lagging.after([...all.slice(0, -1), other, beyond])).toMatchObject({ kind: 'reorg' })
})

test('logs of a node that does not have their last block, or another fork, are not taken', async () => {
  const { known } = await follow(watchOf())
  const { mandateHash } = await grantedFile(market)
  const isPortion = (calls: RpcCall[]) => calls[0]![0] === 'eth_getLogs'
  const lagging = through(async (calls) =>
    isPortion(calls) ? [[], null, ...(await batch(calls)).slice(2)] : batch(calls),
  )
  expect(await watchOf(0, 'genesis', lagging).after(known)).toEqual(nothingYet)
  const forked = through(async (calls) => {
    const answers = await batch(calls)
    return isPortion(calls)
      ? [...answers.slice(0, 2), { ...(answers[2] as object), hash: `0x${'56'.repeat(32)}` }]
      : answers
  })
  expect(await watchOf(0, 'genesis', forked).after(known)).toEqual(nothingYet)
  expect((await follow(watchOf(), known)).events).toMatchObject([{ mandateHash }])
})

test('block times are asked for where the logs do not carry them', async () => {
  const { known } = await follow(watchOf())
  const { mandate } = await grantedFile(market)
  await market.wallet.revoke(mandate, saveTo(market))
  const { timestampSeconds } = await market.chain.head()
  const untimed = through(async (calls) =>
    (await batch(calls)).map((answer, index) =>
      calls[index]![0] === 'eth_getLogs'
        ? (answer as object[]).map((log) => ({ ...log, blockTimestamp: undefined }))
        : answer,
    ),
  )
  const { events } = await follow(watchOf(0, 'genesis', untimed), known)
  expect(events.map(({ type }) => type)).toEqual(['mandate-granted', 'mandate-revoked'])
  expect(Math.abs(events[1]!.atSeconds - timestampSeconds)).toBeLessThan(5)
})
