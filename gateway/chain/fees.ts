import { RpcBigInt, RpcBlock, type RpcCall, RpcError } from './rpc.ts'

/** What nodes without eth_maxPriorityFeePerGas are tipped. */
const DEFAULT_TIP_WEI = 1_000_000_000n

/** EIP-1559 fees of one transaction, in wei per gas. */
export type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }

/** Their answers, in this order, say what the chain asks. */
export const FEE_CALLS: RpcCall[] = [
  ['eth_getBlockByNumber', ['latest', false]],
  ['eth_maxPriorityFeePerGas', []],
]

/** Twice the base fee of the latest block, which lasts for about six full blocks, and the tip that the node suggests. */
function suggestedFees([block, tip]: unknown[]): Fees {
  if (block instanceof RpcError) throw block
  const { baseFeePerGas } = RpcBlock.parse(block)
  if (baseFeePerGas === undefined) throw new Error('This chain has no base fee (EIP-1559), which is needed here.')
  const maxPriorityFeePerGas = tip instanceof RpcError ? DEFAULT_TIP_WEI : RpcBigInt.parse(tip)
  return { maxFeePerGas: 2n * baseFeePerGas + maxPriorityFeePerGas, maxPriorityFeePerGas }
}

/** The suggested fees, at most the cap; throws a sentence when even the base fee is above it. */
export function cappedFees(answers: unknown[], capWei: bigint): Fees {
  const asked = suggestedFees(answers)
  const baseFee = (asked.maxFeePerGas - asked.maxPriorityFeePerGas) / 2n
  if (baseFee > capWei) {
    throw new Error(
      `The chain asks ${gwei(baseFee)} gwei per gas, more than the cap of ${gwei(capWei)}. ` +
        'Wait, or raise chain.maxFeeGwei in the configuration.',
    )
  }
  return {
    maxFeePerGas: min(asked.maxFeePerGas, capWei),
    maxPriorityFeePerGas: min(asked.maxPriorityFeePerGas, capWei),
  }
}

/** Fees of a replacement: an eighth more than before (geth takes 10 %), or what is asked now; undefined beyond the cap. */
export function raisedFees(old: Fees, answers: unknown[], capWei: bigint): Fees | undefined {
  const asked = suggestedFees(answers)
  // Rounded up, so that small fees rise too.
  const oneEighthMore = (fee: bigint) => (fee * 9n + 7n) / 8n
  const maxFeePerGas = max(oneEighthMore(old.maxFeePerGas), asked.maxFeePerGas)
  if (maxFeePerGas > capWei) return undefined
  return {
    maxFeePerGas,
    maxPriorityFeePerGas: max(oneEighthMore(old.maxPriorityFeePerGas), asked.maxPriorityFeePerGas),
  }
}

export const gwei = (wei: bigint) => String(Number(wei) / 1e9)
const max = (a: bigint, b: bigint) => (a > b ? a : b)
const min = (a: bigint, b: bigint) => (a < b ? a : b)
