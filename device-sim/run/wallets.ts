import { setTimeout as wait } from 'node:timers/promises'
import { Interface } from 'ethers/abi'
import { SigningKey } from 'ethers/crypto'
import { TypedDataEncoder } from 'ethers/hash'
import { computeAddress, Transaction } from 'ethers/transaction'
import { z } from 'zod'
import type { Address, HexBytes } from '../../gateway/domain/identifiers.ts'
import { httpRequest } from '../../gateway/lib/http-request.ts'
import type { Seed } from '../../gateway/lib/seed.ts'

const TOKEN = new Interface(['function mint(address account, uint256 amount)', 'function approve(address, uint256)'])
const UNLIMITED = 2n ** 256n - 1n
/** A coin, for gas; far more than two transactions take. */
const GAS_PURSE = '0xde0b6b3a7640000'
const GAS_LIMIT = 100_000n
const MAX_FEE_WEI = 100_000_000_000n
/** Calls in one HTTP request. */
const BATCH = 200
const ANSWER_WITHIN_MS = 60_000
const INCLUDED_POLL_MS = 20
const INCLUDED_POLLS = 3_000
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** EIP-712 typed data as the gateway gives it for a draft. */
export const TypedData = z.looseObject({
  domain: z.record(z.string(), z.union([z.string(), z.number()])),
  types: z.record(z.string(), z.array(z.object({ name: z.string(), type: z.string() }))),
  message: z.record(z.string(), z.unknown()),
})
export type ChainPlace = { rpcUrl: string; chainId: number; escrow: Address; token: Address }

/** The homeowner's own wallet, which the gateway never sees. */
export class Wallet {
  readonly #key: SigningKey
  readonly address: Address

  constructor(seed: Seed) {
    this.#key = new SigningKey(`0x${seed.hex(64)}`)
    this.address = computeAddress(this.#key.publicKey).toLowerCase() as Address
  }

  /** Signs what the gateway drafted, as a wallet does: from its fields, not from a digest of somebody else's. */
  sign({ domain, types, message }: z.output<typeof TypedData>): HexBytes {
    const { EIP712Domain: _, ...structs } = types
    return this.#key.sign(TypedDataEncoder.hash(domain, structs, message)).serialized as HexBytes
  }

  /** Its first transactions: takes test dollars, of which anybody may have any number, and lets the escrow take them. */
  openingTransactions({ chainId, escrow, token }: ChainPlace, purseMinorUnits: bigint): HexBytes[] {
    const calls = [
      TOKEN.encodeFunctionData('mint', [this.address, purseMinorUnits]),
      TOKEN.encodeFunctionData('approve', [escrow, UNLIMITED]),
    ]
    return calls.map((data, nonce) => {
      const fees = { gasLimit: GAS_LIMIT, maxFeePerGas: MAX_FEE_WEI, maxPriorityFeePerGas: 0n }
      const transaction = Transaction.from({ type: 2, chainId, nonce, to: token, data, ...fees })
      transaction.signature = this.#key.sign(transaction.unsignedHash)
      return transaction.serialized as HexBytes
    })
  }
}

/**
 * Gives every wallet its purse on the development chain; resolves when all of it is in blocks. A few full blocks: of thousands,
 * one for each transaction, while others read them, anvil 1.7 now and then makes no more (foundry-rs/foundry#10452 looks alike).
 */
export async function openWallets(
  wallets: readonly Wallet[],
  chain: ChainPlace,
  purseMinorUnits: bigint,
): Promise<void> {
  const { rpcUrl } = chain
  await callAll(
    rpcUrl,
    wallets.map(({ address }) => ['anvil_setBalance', [address, GAS_PURSE]]),
  )
  const transactions = wallets.map((wallet) => wallet.openingTransactions(chain, purseMinorUnits))
  await callAll(rpcUrl, [['evm_setAutomine', [false]]])
  await callAll(
    rpcUrl,
    transactions.flat().map((raw) => ['eth_sendRawTransaction', [raw]]),
  )
  const counts: Call[] = wallets.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']])
  for (let poll = 0; poll < INCLUDED_POLLS; poll++) {
    await callAll(rpcUrl, [['evm_mine', []]])
    const included = await callAll(rpcUrl, counts)
    if (included.every((count, place) => Number(count) === transactions[place]!.length)) {
      await callAll(rpcUrl, [['evm_setAutomine', [true]]])
      return
    }
    await wait(INCLUDED_POLL_MS)
  }
  throw new Error('The chain does not include the first transactions of the wallets.')
}

type Call = [method: string, params: unknown[]]
const Answers = z.array(
  z.object({ id: z.int(), result: z.unknown(), error: z.object({ message: z.string() }).optional() }),
)

/** The results in the order of the calls. */
async function callAll(rpcUrl: string, calls: readonly Call[]): Promise<unknown[]> {
  const results: unknown[] = []
  for (let from = 0; from < calls.length; from += BATCH) {
    const body = calls.slice(from, from + BATCH).map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
    const { text } = await httpRequest(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: ANSWER_WITHIN_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    })
    for (const { id, result, error } of Answers.parse(JSON.parse(text))) {
      if (error !== undefined) throw new Error(`The chain refused a wallet's ${calls[from + id]![0]}: ${error.message}`)
      results[from + id] = result
    }
  }
  return results
}
