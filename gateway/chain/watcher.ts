import { z } from 'zod'
import { escrow } from '../../contracts/escrow.ts'
import type { ChainEvent, ChainWatch, WatchedBlock } from '../ports/chain.ts'
import { type Connection, checkChainId } from './connection.ts'
import { explainRefusal } from './refusals.ts'
import { decodeRegistryLog } from './registry.ts'
import { RpcBlock, RpcError, RpcLog } from './rpc.ts'

/** Providers commonly refuse more in one eth_getLogs. */
const MAX_BLOCKS_PER_CALL = 1_000
/** Known blocks asked about in one request while the place of a reorg is looked for. */
const BLOCKS_PER_BATCH = 16

export type WatchOptions = {
  /** Blocks above a log before it counts; 0 on the embedded chain. */
  confirmations: number
  /** Where a watch without known blocks begins: 0, or `head` when nothing older can concern us. */
  from: 'genesis' | 'head'
}

/** `ChainWatch` over eth_getLogs: a cursor of block hashes, so that no log is missed and none of a lost fork is kept. */
export function chainWatch(connection: Connection, { confirmations, from }: WatchOptions): ChainWatch {
  return {
    async after(known) {
      const last = known.at(-1)
      const [latest, lastNow] = await readBlocks(connection, ['latest', ...(last ? [last.blockNumber] : [])])
      // On another chain all that is known looks like a fork that was lost.
      if (last !== undefined && lastNow?.hash !== last.blockHash)
        await checkChainId(connection.rpc, connection.facts.chainId)
      if (latest === undefined) throw new Error('The chain has no latest block.')
      if (last !== undefined && lastNow?.hash !== last.blockHash) {
        return { kind: 'reorg', lastGood: await lastGoodOf(connection, known.slice(0, -1)) }
      }
      const confirmed = latest.number - confirmations
      if (last === undefined && from === 'head' && confirmed >= 0) {
        return { kind: 'events', events: [], upTo: await blockAt(connection, confirmed, latest) }
      }
      const fromBlock = last === undefined ? 0 : last.blockNumber + 1
      const toBlock = Math.min(confirmed, fromBlock + MAX_BLOCKS_PER_CALL - 1)
      if (toBlock < fromBlock) return { kind: 'events', events: [], upTo: undefined }

      const upTo = await blockAt(connection, toBlock, latest)
      const logs = await readLogs(connection, { fromBlock, toBlock })
      const events = await decodeEvents(connection, logs)
      // The fork may have changed between the requests: then the logs belong to no single one, and all is read again.
      const [unchanged] = logs.length > 0 ? await readBlocks(connection, [toBlock]) : [undefined]
      if (unchanged !== undefined && unchanged.hash !== upTo.blockHash) {
        return { kind: 'events', events: [], upTo: undefined }
      }
      return { kind: 'events', events, upTo }
    },
  }
}

/** Logs of the escrow and its registry in the order of the chain; both bounds are inclusive. */
export async function readLogs(
  { rpc, facts }: Connection,
  range: { fromBlock: number; toBlock: number; topics?: (string | null)[] },
): Promise<RpcLog[]> {
  const filter = {
    address: [facts.escrow, facts.registry],
    fromBlock: hex(range.fromBlock),
    toBlock: hex(range.toBlock),
    ...(range.topics && { topics: range.topics }),
  }
  const logs = z.array(RpcLog).parse(await rpc.send('eth_getLogs', [filter]))
  return logs.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)
}

/** The highest of `known` (ascending) that is still on the chain. */
async function lastGoodOf(connection: Connection, known: WatchedBlock[]): Promise<WatchedBlock | undefined> {
  for (let end = known.length; end > 0; end -= BLOCKS_PER_BATCH) {
    const portion = known.slice(Math.max(0, end - BLOCKS_PER_BATCH), end)
    const blocks = await readBlocks(
      connection,
      portion.map(({ blockNumber }) => blockNumber),
    )
    const good = portion.findLast(({ blockHash }, index) => blocks[index]?.hash === blockHash)
    if (good !== undefined) return good
  }
  return undefined
}

async function blockAt(connection: Connection, number: number, latest: RpcBlock): Promise<WatchedBlock> {
  const [block] = number === latest.number ? [latest] : await readBlocks(connection, [number])
  if (block === undefined) throw new Error(`The chain has no block ${number} although it is at ${latest.number}.`)
  return { blockNumber: block.number, blockHash: block.hash }
}

/** undefined for a block that is not there. */
async function readBlocks({ rpc }: Connection, which: ('latest' | number)[]): Promise<(RpcBlock | undefined)[]> {
  const answers = await rpc.batch(
    which.map((block) => ['eth_getBlockByNumber', [block === 'latest' ? block : hex(block), false]]),
  )
  return answers.map((answer) => {
    if (answer instanceof RpcError) throw answer
    return RpcBlock.nullable().parse(answer) ?? undefined
  })
}

async function decodeEvents(connection: Connection, logs: RpcLog[]): Promise<ChainEvent[]> {
  const untimed = [...new Set(logs.filter((log) => log.blockTimestamp === undefined).map((log) => log.blockNumber))]
  const blocks = untimed.length === 0 ? [] : await readBlocks(connection, untimed)
  const times = new Map(blocks.flatMap((block) => (block === undefined ? [] : [[block.number, block.timestamp]])))
  return logs.flatMap((log) => {
    const what = decode(log, connection)
    const atSeconds = log.blockTimestamp ?? times.get(log.blockNumber)
    if (what === undefined) return []
    if (atSeconds === undefined) throw new Error(`The chain has a log of block ${log.blockNumber}, but not the block.`)
    const { txHash, blockNumber, blockHash, logIndex } = { ...log, txHash: log.transactionHash }
    return [{ txHash, blockNumber, blockHash, logIndex, atSeconds, ...what }]
  })
}

type Happening = ChainEvent extends infer Event
  ? Event extends ChainEvent
    ? Omit<Event, 'txHash' | 'blockNumber' | 'blockHash' | 'logIndex' | 'atSeconds'>
    : never
  : never

/** What a log of the escrow or the registry says, in the words of the line; undefined for logs that move no order and no mandate. */
function decode(log: RpcLog, { facts }: Connection): Happening | undefined {
  const event = escrow.decodeLog(log)
  switch (event?.name) {
    case 'MandateGranted':
      return { type: 'mandate-granted', mandateHash: event.args.mandateHash }
    case 'MandateRevoked':
      return { type: 'mandate-revoked', mandateHash: event.args.mandateHash }
    case 'Authorized':
      return { type: 'authorized', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Refused':
      return { type: 'refused', basket: Number(event.args.basket), ...explainRefusal(event.args.reason, facts.token) }
    case 'Shipped':
      return { type: 'shipped', authorizationId: event.args.authorizationId, shipment: event.args.shipment }
    case 'Captured':
      return { type: 'captured', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Cancelled':
      return { type: 'cancelled', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Declined':
      return { type: 'declined', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Reclaimed':
      return { type: 'reclaimed', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Refunded':
      return { type: 'refunded', authorizationId: event.args.authorizationId, amount: event.args.amount }
    case 'Disputed':
      return { type: 'disputed', authorizationId: event.args.authorizationId, by: event.args.by }
    case 'Settled':
    case 'Decided': {
      const { authorizationId, toSeller, toPayer } = event.args
      return { type: event.name === 'Settled' ? 'settled' : 'decided', authorizationId, toSeller, toPayer }
    }
    default:
      return decodeRegistryLog(log)
  }
}

const hex = (quantity: number) => `0x${quantity.toString(16)}`
