import { z } from 'zod'
import { escrow } from '../../contracts/escrow.ts'
import type { ChainEvent, ChainWatch, WatchedBlock } from '../ports/chain.ts'
import type { Connection } from './connection.ts'
import { explainRefusal } from './refusals.ts'
import { decodeRegistryLog } from './registry.ts'
import { RpcBlock, type RpcCall, RpcLog, resultOf } from './rpc.ts'

/** Providers commonly refuse more in one eth_getLogs. */
const MAX_BLOCKS_PER_CALL = 1_000
/** Known blocks asked about in one request while the place of a reorg is looked for. */
const BLOCKS_PER_BATCH = 16

export type WatchOptions = {
  /** Blocks above a log before it counts; 0 on the embedded chain. */
  confirmations: number
  /** Where a watch without known blocks begins: 0, or `head` when nothing older can concern us. */
  from: 'genesis' | 'head'
  /** Whether several nodes, each with a head of its own, may answer at the address. */
  mayLag?: boolean
}

const NOTHING_YET = { kind: 'events' as const, events: [], upTo: undefined }

/** `ChainWatch` over eth_getLogs: a cursor of block hashes, so that no log is missed and none of a lost fork is kept. */
export function chainWatch(connection: Connection, { confirmations, from, mayLag = false }: WatchOptions): ChainWatch {
  return {
    async after(known) {
      const last = known.at(-1)
      const [latest, lastNow] = await readBlocks(connection, ['latest', ...(last ? [last.blockNumber] : [])])
      if (latest === undefined) throw new Error('The chain has no latest block.')
      if (last !== undefined && lastNow?.hash !== last.blockHash) {
        if (lastNow === undefined && latest.number >= last.blockNumber) return NOTHING_YET
        const lastGood = await lastGoodOf(connection, known.slice(0, -1))
        const inReach = known.findLast(({ blockNumber }) => blockNumber <= latest.number)
        const isBehind = mayLag && inReach?.blockHash === lastGood?.blockHash
        return { kind: isBehind ? 'behind' : 'reorg', lastGood }
      }
      const confirmed = latest.number - confirmations
      if (last === undefined && from === 'head' && confirmed >= 0) {
        return { kind: 'events', events: [], upTo: await blockAt(connection, confirmed, latest) }
      }
      const fromBlock = last === undefined ? 0 : last.blockNumber + 1
      const toBlock = Math.min(confirmed, fromBlock + MAX_BLOCKS_PER_CALL - 1)
      if (toBlock < fromBlock) return NOTHING_YET

      const { logs, upTo, isSameFork } = await readPortion(connection, { fromBlock, toBlock, last })
      const events = await decodeEvents(connection, logs)
      return upTo !== undefined && isSameFork ? { kind: 'events', events, upTo } : NOTHING_YET
    },
  }
}

/** Logs of the escrow and its registry in the order of the chain; both bounds are inclusive. */
export async function readLogs(
  connection: Connection,
  range: { fromBlock: number; toBlock: number; topics?: (string | null)[] },
): Promise<RpcLog[]> {
  return parseLogs(await connection.rpc.send(...logsCall(connection, range)))
}

/**
 * The logs of some blocks, and whether those and the last known one are of one fork: in one request, which one node answers. A
 * node that does not have the blocks yet would say that there are no logs.
 */
async function readPortion(
  connection: Connection,
  { fromBlock, toBlock, last }: { fromBlock: number; toBlock: number; last: WatchedBlock | undefined },
): Promise<{ logs: RpcLog[]; upTo: WatchedBlock | undefined; isSameFork: boolean }> {
  const [logs, ...blocks] = await connection.rpc.batch([
    logsCall(connection, { fromBlock, toBlock }),
    blockCall(toBlock),
    ...(last === undefined ? [] : [blockCall(last.blockNumber)]),
  ])
  const [end, lastNow] = blocks.map(parseBlock)
  return {
    logs: parseLogs(resultOf(logs)),
    upTo: end && { blockNumber: end.number, blockHash: end.hash },
    isSameFork: lastNow?.hash === last?.blockHash,
  }
}

function logsCall(
  { facts }: Connection,
  range: { fromBlock: number; toBlock: number; topics?: (string | null)[] },
): RpcCall {
  const filter = {
    address: [facts.escrow, facts.registry],
    fromBlock: hex(range.fromBlock),
    toBlock: hex(range.toBlock),
    ...(range.topics && { topics: range.topics }),
  }
  return ['eth_getLogs', [filter]]
}

function parseLogs(answer: unknown): RpcLog[] {
  const logs = z.array(RpcLog).parse(answer)
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
  return (await rpc.batch(which.map(blockCall))).map(parseBlock)
}

const blockCall = (block: 'latest' | number): RpcCall => [
  'eth_getBlockByNumber',
  [block === 'latest' ? block : hex(block), false],
]
const parseBlock = (answer: unknown) => RpcBlock.nullable().parse(resultOf(answer)) ?? undefined

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
