import { id, JsonRpcProvider, Wallet, ZeroAddress, zeroPadValue } from 'ethers'
import { deployEscrow, deployTestDollar, ESCROW_ADDRESS, TEST_DOLLAR_ADDRESS } from '../../contracts/deployment.ts'
import type { Address } from '../domain/identifiers.ts'
import { EMBEDDED_CHAIN_ID, erc20 } from './connection.ts'
import { EmbeddedNode, type EmbeddedNodeOptions } from './embedded-node.ts'
import { newSigningKey } from './keys.ts'
import { openRpc, type Rpc, RpcBigInt, RpcNumber } from './rpc.ts'

/** Test dollars of a new payer, in minor units: 1,000.00 TUSD. */
const GIFT_MINOR_UNITS = 1_000_000_000n
/** Mints them; an account of no key, which anvil lets us use. */
const GIVER = '0x00000000000000000000000000000000000ade97'
/** An account with less of the chain's own coin gets it filled up. */
const LEAST_GAS_WEI = 10n ** 18n
const FULL_GAS_WEI = 100n * 10n ** 18n
/** What a crash of anvil can undo is at most this old; the transactions of the stores are then sent again. */
const KEEP_STATE_EVERY_MS = 60_000

const CONTRACTS = {
  escrow: ESCROW_ADDRESS.toLowerCase() as Address,
  token: TEST_DOLLAR_ADDRESS.toLowerCase() as Address,
}

export type EmbeddedChainOptions = Omit<EmbeddedNodeOptions, 'contracts'> & {
  /** Accounts that send transactions. */
  gasFor: Address[]
  /** Gets test dollars, once. */
  payer: Address
  /** The state could not be kept; it is tried again. */
  onFault(error: unknown): void
}

export type EmbeddedChain = {
  /** For `connectChain`, and for `watchHeads`. */
  access: { rpcUrl: string; chainId: number; escrow: Address; token: Address }
  /** Virtual time only: the next blocks carry this second. */
  setTime(seconds: number): Promise<void>
  keepState(): Promise<void>
  /** Keeps the state and ends the process. */
  stop(): Promise<void>
}

/** Starts (or finds) the development chain beside the gateway, with its contracts, gas and test money in place. */
export async function startEmbeddedChain(options: EmbeddedChainOptions): Promise<EmbeddedChain> {
  const node = await EmbeddedNode.start({ ...options, contracts: CONTRACTS })
  let keptAtBlock: number
  const keepState = async () => {
    const block = await headOf(node.rpc)
    if (block === keptAtBlock) return
    await node.keepState()
    keptAtBlock = block
  }
  try {
    await Promise.all(options.gasFor.map((account) => fundGas(node.file.rpcUrl, account)))
    await deployContracts(node)
    await giveTestDollars(node, options.payer)
    await keepState()
  } catch (error) {
    await node.stop()
    throw error
  }
  let keeping = Promise.resolve()
  const keepNow = () => {
    keeping = keepState().catch(options.onFault)
  }
  const timer = setInterval(keepNow, KEEP_STATE_EVERY_MS).unref()
  return {
    access: { rpcUrl: node.file.rpcUrl, chainId: EMBEDDED_CHAIN_ID, ...CONTRACTS },
    setTime: (seconds) => node.setTime(seconds),
    keepState,
    async stop() {
      clearInterval(timer)
      await keeping
      await node.stop()
    },
  }
}

/** Fills up an account's gas on an embedded chain; a merchant agent does this for its own. */
export async function fundGas(rpcUrl: string, account: Address): Promise<void> {
  const rpc = openRpc(rpcUrl)
  const balance = RpcBigInt.parse(await rpc.send('eth_getBalance', [account, 'latest']))
  if (balance < LEAST_GAS_WEI) await rpc.send('anvil_setBalance', [account, `0x${FULL_GAS_WEI.toString(16)}`])
}

async function deployContracts({ rpc, file }: EmbeddedNode): Promise<void> {
  const codes = await rpc.batch(Object.values(CONTRACTS).map((address) => ['eth_getCode', [address, 'latest']]))
  if (codes.every((code) => code !== '0x')) return
  const deployer = new Wallet(newSigningKey())
  await fundGas(file.rpcUrl, deployer.address as Address)
  const provider = new JsonRpcProvider(file.rpcUrl, EMBEDDED_CHAIN_ID, {
    staticNetwork: true,
    cacheTimeout: -1,
    batchMaxCount: 1,
  })
  try {
    const signer = deployer.connect(provider)
    await deployEscrow(signer)
    await deployTestDollar(signer)
  } finally {
    provider.destroy()
  }
}

/** Once per payer: the token's own log of the gift says whether it was given. */
async function giveTestDollars({ rpc, file }: EmbeddedNode, payer: Address): Promise<void> {
  const topics = [id('Transfer(address,address,uint256)'), zeroPadValue(ZeroAddress, 32), zeroPadValue(payer, 32)]
  const gifts = await rpc.send('eth_getLogs', [{ address: CONTRACTS.token, fromBlock: '0x0', topics }])
  if (Array.isArray(gifts) && gifts.length > 0) return
  const data = erc20.encode('mint', [payer, GIFT_MINOR_UNITS])
  await fundGas(file.rpcUrl, GIVER)
  await rpc.send('anvil_impersonateAccount', [GIVER])
  try {
    await rpc.send('eth_sendTransaction', [{ from: GIVER, to: CONTRACTS.token, data }])
  } finally {
    await rpc.send('anvil_stopImpersonatingAccount', [GIVER])
  }
}

async function headOf(rpc: Rpc): Promise<number> {
  return RpcNumber.parse(await rpc.send('eth_blockNumber', []))
}
