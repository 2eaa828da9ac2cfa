import { AbiCoder } from 'ethers/abi'
import { escrow as escrowCoder } from '../../contracts/escrow.ts'
import { abi as tokenAbi } from '../../contracts/generated/TestDollar.ts'
import { coder } from '../../contracts/typed.ts'
import type { Address } from '../domain/identifiers.ts'
import type { ChainFacts, Head } from '../ports/chain.ts'
import { MAX_TRANSACTION_GAS } from './baskets.ts'
import { ChainRefusal, explainRefusal } from './refusals.ts'
import { openRpc, type Rpc, RpcBigInt, RpcBlock, type RpcCall, RpcError, RpcNumber, resultOf } from './rpc.ts'

export const erc20 = coder(tokenAbi)

/** Ours alone, so that no wallet or program takes the embedded chain for another one. */
export const EMBEDDED_CHAIN_ID = 427_015

/** A chain that was checked to be the one that is meant. */
export type Connection = { rpc: Rpc; facts: ChainFacts }

/** Throws a sentence when the chain is another one, or the contracts are not there. */
export async function connectChain(options: {
  rpcUrl: string
  chainId: number
  escrow: Address
  token: Address
}): Promise<Connection> {
  const { chainId, escrow, token } = options
  const isOurs = chainId === EMBEDDED_CHAIN_ID
  const rpc = isOurs
    ? openRpc(options.rpcUrl)
    : checkedRpc(openRpc(options.rpcUrl), chainId, new URL(options.rpcUrl).host)
  const [escrowCode, tokenCode, symbol, decimals, registry] = await rpc.batch([
    ['eth_getCode', [escrow, 'latest']],
    ['eth_getCode', [token, 'latest']],
    ['eth_call', [{ to: token, data: erc20.encode('symbol', []) }, 'latest']],
    ['eth_call', [{ to: token, data: erc20.encode('decimals', []) }, 'latest']],
    ['eth_call', [{ to: escrow, data: escrowCoder.encode('registry', []) }, 'latest']],
  ])
  if (isEmpty(escrowCode)) {
    throw new Error(`There is no order escrow at ${escrow} on chain ${chainId}. Deploy it, or correct the address.`)
  }
  if (isEmpty(registry)) {
    throw new Error(`The contract at ${escrow} on chain ${chainId} is no order escrow of ours. Correct the address.`)
  }
  if (isEmpty(tokenCode)) throw new Error(`There is no token at ${token} on chain ${chainId}. Correct the address.`)
  try {
    const facts = {
      chainId,
      escrow,
      registry: escrowCoder.decodeResult('registry', registry as string) as Address,
      token: {
        address: token,
        symbol: AbiCoder.defaultAbiCoder().decode(['string'], symbol as string)[0] as string,
        decimals: erc20.decodeResult('decimals', decimals as string),
      },
    }
    return { rpc, facts }
  } catch (cause) {
    throw new Error(`The contract at ${token} is no ERC-20 token with a symbol and decimals.`, { cause })
  }
}

/**
 * Asks with each request which chain answers, since an endpoint may be set up anew: nonces and blocks of another one would be
 * taken for a reorg. Throws a sentence when it is not the one that is meant.
 */
export function checkedRpc(rpc: Rpc, chainId: number, host: string): Rpc {
  async function batch(calls: RpcCall[]): Promise<unknown[]> {
    const [id, ...answers] = await rpc.batch([['eth_chainId', []], ...calls])
    const actual = RpcNumber.parse(resultOf(id))
    if (actual === chainId) return answers
    throw new Error(
      `The chain at ${host} has the id ${actual}, but ${chainId} is configured. Correct the endpoint or the chain id.`,
    )
  }
  return { batch, send: async (method, params) => resultOf((await batch([[method, params]]))[0]) }
}

/** The embedded chain makes blocks for transactions only: its time is that of the next block, not of the latest. */
const timeTag = ({ chainId }: ChainFacts) => (chainId === EMBEDDED_CHAIN_ID ? 'pending' : 'latest')

/** The latest block, with the chain's time. */
export async function readHead({ rpc, facts }: Connection): Promise<Head> {
  const [latest, timed] = await rpc.batch([
    ['eth_getBlockByNumber', ['latest', false]],
    ['eth_getBlockByNumber', [timeTag(facts), false]],
  ])
  const { number, hash } = RpcBlock.parse(latest)
  return {
    blockNumber: number,
    blockHash: hash,
    timestampSeconds: RpcBlock.shape.timestamp.parse(Object(timed).timestamp),
  }
}

/** What a function returns now. */
export async function call({ rpc, facts }: Connection, to: Address, data: string): Promise<string> {
  return (await rpc.send('eth_call', [{ to, data }, timeTag(facts)])) as string
}

/**
 * Gas for a call that either works or reverts, with a quarter more for a state that changes meanwhile, within EIP-7825's
 * cap. Throws ChainRefusal when it would revert.
 */
export async function estimateGas(
  { rpc, facts }: Connection,
  tx: { from: Address; to: Address; data: string },
): Promise<bigint> {
  try {
    const gas = RpcBigInt.parse(await rpc.send('eth_estimateGas', [tx, timeTag(facts)]))
    if (gas > MAX_TRANSACTION_GAS) {
      throw new RangeError(`This needs ${gas} gas, more than one transaction may have; send fewer orders at once.`)
    }
    const more = (gas * 5n) / 4n
    return more < MAX_TRANSACTION_GAS ? more : MAX_TRANSACTION_GAS
  } catch (error) {
    if (error instanceof RpcError && error.data !== undefined) {
      throw new ChainRefusal(explainRefusal(error.data, facts.token))
    }
    throw error
  }
}

function isEmpty(code: unknown): boolean {
  return code instanceof RpcError || code === '0x'
}
