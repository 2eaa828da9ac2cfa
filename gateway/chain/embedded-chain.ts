import { CORE, deploymentOf, ESCROW_ADDRESS, TEST_DOLLAR, TEST_DOLLAR_ADDRESS } from '../../contracts/deployment.ts'
import type { Address } from '../domain/identifiers.ts'
import { ChainKeeper } from './chain-keeper.ts'
import { EMBEDDED_CHAIN_ID, erc20 } from './connection.ts'
import { EmbeddedNode, type EmbeddedNodeOptions } from './embedded-node.ts'
import { fundGas } from './fund-gas.ts'
import { resultOf } from './rpc.ts'

/** Test dollars of a new payer, in minor units: 1,000.00 TUSD. */
const GIFT_MINOR_UNITS = 1_000_000_000n
/** Deploys the contracts and mints them; an account of no key, which anvil lets us use. */
const GIVER = '0x00000000000000000000000000000000000ade97'

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
  /** Resolves when every block that there is now is on disk. */
  keepBlocks(): Promise<void>
  keepState(): Promise<void>
  /** Keeps the state and ends the process. */
  stop(): Promise<void>
}

/** Starts (or finds) the development chain beside the gateway, with its contracts, gas and test money in place. */
export async function startEmbeddedChain(options: EmbeddedChainOptions): Promise<EmbeddedChain> {
  const node = await EmbeddedNode.start({ ...options, contracts: CONTRACTS })
  const keeper = new ChainKeeper(node, options.onFault)
  try {
    await Promise.all(options.gasFor.map((account) => fundGas(node.file.rpcUrl, account)))
    await deployContracts(node)
    await giveTestDollars(node, options.payer)
    await keeper.keepState()
  } catch (error) {
    await node.stop()
    throw error
  }
  keeper.start()
  return {
    access: { rpcUrl: node.file.rpcUrl, chainId: EMBEDDED_CHAIN_ID, ...CONTRACTS },
    setTime: (seconds) => node.setTime(seconds),
    keepBlocks: () => keeper.keepBlocks(),
    keepState: () => keeper.keepState(),
    async stop() {
      await keeper.stop()
      await node.stop()
    },
  }
}

async function deployContracts(node: EmbeddedNode): Promise<void> {
  for (const contract of [...CORE, TEST_DOLLAR]) {
    const code = await node.rpc.send('eth_getCode', [contract.address, 'latest'])
    if (code === '0x') await sendAsGiver(node, deploymentOf(contract))
  }
}

/** Once per payer: one that has none any more has sent a transaction since. The log of the gift may be too old to be there. */
async function giveTestDollars(node: EmbeddedNode, payer: Address): Promise<void> {
  const answers = await node.rpc.batch([
    ['eth_call', [{ to: CONTRACTS.token, data: erc20.encode('balanceOf', [payer]) }, 'latest']],
    ['eth_getTransactionCount', [payer, 'latest']],
  ])
  if (answers.map(resultOf).some((amount) => BigInt(String(amount)) > 0n)) return
  const data = erc20.encode('mint', [payer, GIFT_MINOR_UNITS])
  await sendAsGiver(node, { to: CONTRACTS.token, data })
}

/** Resolves when it is in a block: the hash alone would come before that. */
async function sendAsGiver({ rpc, file }: EmbeddedNode, transaction: { to: string; data: string }): Promise<void> {
  await fundGas(file.rpcUrl, GIVER)
  await rpc.send('anvil_impersonateAccount', [GIVER])
  try {
    await rpc.send('eth_sendTransactionSync', [{ from: GIVER, ...transaction }])
  } finally {
    await rpc.send('anvil_stopImpersonatingAccount', [GIVER])
  }
}
