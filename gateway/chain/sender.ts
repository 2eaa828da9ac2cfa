import type { SigningKey } from 'ethers/crypto'
import { Transaction } from 'ethers/transaction'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { StepResult, Worker } from '../lib/scheduler.ts'
import type { OpenTransaction, SaveTransaction, SignedTransaction, TransactionStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import { EMBEDDED_CHAIN_ID } from './connection.ts'
import { cappedFees, FEE_CALLS, type Fees, gwei, raisedFees } from './fees.ts'
import { addressOf } from './keys.ts'
import { signTransaction } from './raw-transaction.ts'
import { type Rpc, RpcBigInt, RpcError, RpcNumber, RpcReceipt, resultOf } from './rpc.ts'

/** Not included after this long: the fees are raised. */
const BUMP_AFTER_MS = 30_000
/** Bytes that the network may have dropped are sent again this often; those of which the node says so, sooner. */
const REBROADCAST_MS = 10_000
const REBROADCAST_DROPPED_MS = 2_000
/**
 * With nothing open, the chain is still asked this often whether it forgot something: a reorg, an older state. The embedded
 * chain answers in half a millisecond, and each loss of power takes its newest blocks.
 */
const RECHECK_MS = 15_000
const RECHECK_EMBEDDED_MS = 1_000
/** While something is open. */
const LOOK_AGAIN_MS = 1_000
/** Transactions looked at in one step; the rest waits for the next. */
const SETTLED_PER_STEP = 32
/** Calls that may wait for their turn to send. */
const MAX_WAITING = 1_000
/** Nonces filled in one step. */
const GAPS_PER_STEP = 4
const TRANSFER_GAS = 21_000n
const FILL_GAP = 'fill a nonce gap'

export type Call = { to: Address; data: HexBytes; gasLimit: bigint; purpose: string }

export type SenderOptions = {
  rpc: Rpc
  chainId: number
  key: SigningKey
  store: TransactionStore
  clock: Clock
  /** Highest fee per gas that is ever offered, tip included. */
  maxFeePerGasWei: bigint
}

/**
 * Sends the transactions of one key, one after the other: sign, save, broadcast. Once the bytes are saved they are sent
 * until a receipt of them, or of a replacement with higher fees, is seen; nothing else decides what became of them.
 */
export class Sender {
  readonly address: Address
  readonly #options: SenderOptions
  readonly #isEmbedded: boolean
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #nextCheckAtMs = 0
  readonly #broadcastAtMs = new Map<Hex32, number>()

  constructor(options: SenderOptions) {
    this.#options = options
    this.#isEmbedded = options.chainId === EMBEDDED_CHAIN_ID
    this.address = addressOf(options.key)
  }

  /**
   * Resolves when the bytes are saved and the network has been told once. Throws, with nothing saved, when the chain does
   * not answer, asks more than the fee cap, or the account cannot pay the gas.
   */
  send(call: Call, save: SaveTransaction): Promise<SignedTransaction> {
    return this.#exclusive(async () => {
      const { rpc, store, maxFeePerGasWei } = this.#options
      const [count, balance, ...feeAnswers] = await rpc.batch([
        ['eth_getTransactionCount', [this.address, 'pending']],
        ['eth_getBalance', [this.address, 'latest']],
        ...FEE_CALLS,
      ])
      const known = RpcNumber.parse(resultOf(count))
      const nonce = Math.max((await store.nextNonce(this.address)) ?? 0, known)
      const fees = cappedFees(feeAnswers, maxFeePerGasWei)
      this.#checkBalance(RpcBigInt.parse(resultOf(balance)), call.gasLimit * fees.maxFeePerGas)
      const tx = this.#sign(call, nonce, fees)
      await save(tx)
      await this.#broadcast(tx, known)
      return tx
    })
  }

  /** `send` for a transaction that no other row goes with. */
  sendAlone(call: Call): Promise<SignedTransaction> {
    return this.send(call, (tx) => this.#options.store.save(tx))
  }

  /** One look at what is open: receipts are noted, dropped bytes sent again, slow ones replaced with higher fees. */
  async settle(): Promise<StepResult> {
    const { rpc, store, clock } = this.#options
    const nowMs = clock.nowMs()
    if (nowMs < this.#nextCheckAtMs && (await store.open(this.address, 1)).length === 0) return { worked: false }
    this.#nextCheckAtMs = nowMs + (this.#isEmbedded ? RECHECK_EMBEDDED_MS : RECHECK_MS)
    const [latest, pending] = await rpc.batch([
      ['eth_getTransactionCount', [this.address, 'latest']],
      ['eth_getTransactionCount', [this.address, 'pending']],
    ])
    const included = RpcNumber.parse(resultOf(latest))
    const known = RpcNumber.parse(resultOf(pending))
    const reopened = await store.reopen(this.address, included)
    const open = await store.open(this.address, SETTLED_PER_STEP)
    const settled = await this.#settleByReceipts(open)
    const waiting = open.filter((tx) => !settled.has(tx.txHash))
    await this.#fillGap(waiting[0], known)
    for (const tx of waiting) await this.#push(tx, included, known)
    return {
      worked: settled.size > 0 || reopened > 0,
      ...(waiting.length > 0 && { nextDueAtMs: nowMs + LOOK_AGAIN_MS }),
    }
  }

  /** Notes what became of transactions whose receipt, or that of earlier bytes with their nonce, is there. */
  async #settleByReceipts(open: OpenTransaction[]): Promise<Set<Hex32>> {
    const hashes = open.flatMap((tx) => [tx.txHash, ...tx.replaced].map((hash) => ({ hash, tx })))
    const settled = new Set<Hex32>()
    if (hashes.length === 0) return settled
    const receipts = await this.#options.rpc.batch(hashes.map(({ hash }) => ['eth_getTransactionReceipt', [hash]]))
    for (const [index, { hash, tx }] of hashes.entries()) {
      const receipt = RpcReceipt.nullable().parse(resultOf(receipts[index]))
      if (receipt === null || settled.has(tx.txHash)) continue
      const { blockNumber, blockHash } = receipt
      await this.#options.store.settle(hash, {
        state: receipt.status === 1 ? 'included' : 'reverted',
        blockNumber,
        blockHash,
      })
      settled.add(tx.txHash)
      this.#broadcastAtMs.delete(tx.txHash)
    }
    return settled
  }

  /** Gets one transaction without a receipt forward. `included` is how many of this key are in blocks, `known` with those that wait. */
  async #push(tx: OpenTransaction, included: number, known: number): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    const old = nowMs - tx.createdAtMs >= BUMP_AFTER_MS
    if (tx.nonce < included) {
      // A node that lags behind may still owe us the receipt.
      if (!old) return
      await this.#options.store.lose(tx.txHash)
      if (tx.purpose === FILL_GAP) return
      throw new Error(
        `Another program sends with the key of ${this.address}: it took nonce ${tx.nonce}, which was meant to "${tx.purpose}". ` +
          'Give every program a key of its own.',
      )
    }
    const toldAtMs = this.#broadcastAtMs.get(tx.txHash)
    const restMs = tx.nonce < known ? REBROADCAST_MS : REBROADCAST_DROPPED_MS
    if (toldAtMs !== undefined && nowMs - toldAtMs < restMs) return
    const replacement = toldAtMs !== undefined && old ? await this.#raised(tx) : undefined
    if (replacement === undefined) return await this.#broadcast(tx, known)
    await this.#options.store.replace(tx.txHash, replacement)
    this.#broadcastAtMs.delete(tx.txHash)
    await this.#broadcast(replacement, known)
  }

  /** The same call and nonce with fees one eighth higher, or what the chain asks now; undefined beyond the cap. */
  async #raised(tx: OpenTransaction): Promise<SignedTransaction | undefined> {
    const { maxFeePerGas, maxPriorityFeePerGas, to, data, gasLimit } = Transaction.from(tx.raw)
    const oldFees = { maxFeePerGas: maxFeePerGas!, maxPriorityFeePerGas: maxPriorityFeePerGas! }
    const { rpc, maxFeePerGasWei } = this.#options
    const fees = raisedFees(oldFees, await rpc.batch(FEE_CALLS), maxFeePerGasWei)
    if (fees === undefined) return undefined
    const call = { to: to as Address, data: data as HexBytes, gasLimit, purpose: tx.purpose }
    return this.#sign(call, tx.nonce, fees)
  }

  /** Nonces that neither we nor the chain know hold up all that follow: empty transfers to ourselves fill them. */
  async #fillGap(lowest: OpenTransaction | undefined, pendingCount: number): Promise<void> {
    const { rpc, store, clock, maxFeePerGasWei } = this.#options
    if (lowest === undefined || pendingCount >= lowest.nonce) return
    if (clock.nowMs() - lowest.createdAtMs < BUMP_AFTER_MS) return
    await this.#exclusive(async () => {
      const fees = cappedFees(await rpc.batch(FEE_CALLS), maxFeePerGasWei)
      const end = Math.min(lowest.nonce, pendingCount + GAPS_PER_STEP)
      for (let nonce = pendingCount; nonce < end; nonce++) {
        const empty: Call = { to: this.address, data: '0x', gasLimit: TRANSFER_GAS, purpose: FILL_GAP }
        const tx = this.#sign(empty, nonce, fees)
        await store.save(tx)
        await this.#broadcast(tx, nonce)
      }
    })
  }

  /** Tells the network, which knows the nonces below `known`; its answer decides nothing, `settle` repeats it until a receipt. */
  async #broadcast(tx: SignedTransaction, known: number): Promise<void> {
    this.#broadcastAtMs.set(tx.txHash, this.#options.clock.nowMs())
    // The embedded chain makes a block of each transaction, and its answer waits for that (EIP-7966): for ever above a gap.
    const makesBlock = this.#isEmbedded && tx.nonce <= known
    const method = makesBlock ? 'eth_sendRawTransactionSync' : 'eth_sendRawTransaction'
    try {
      await this.#options.rpc.send(method, [tx.raw])
    } catch (error) {
      // "already known" and "nonce too low" are also said about our own bytes; an unreachable node gets them at the next look.
      if (!(error instanceof RpcError)) this.#broadcastAtMs.delete(tx.txHash)
    }
  }

  #sign(call: Call, nonce: number, fees: Fees): SignedTransaction {
    const { chainId, key } = this.#options
    const { to, data, gasLimit, purpose } = call
    const { raw, txHash } = signTransaction({ chainId, nonce, to, data, gasLimit, ...fees }, key)
    return { txHash, sender: this.address, nonce, purpose, raw }
  }

  #checkBalance(balance: bigint, needed: bigint): void {
    if (balance >= needed) return
    throw new Error(
      `${this.address} pays the gas and has ${gwei(balance)} gwei, but this transaction may cost ${gwei(needed)}. ` +
        "Send it some of the chain's own coin.",
    )
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) {
      throw new Error(`${MAX_WAITING} transactions of ${this.address} wait to be sent; try again later.`)
    }
    this.#waiting++
    const result = this.#turn.then(work)
    this.#turn = result.then(
      () => void this.#waiting--,
      () => void this.#waiting--,
    )
    return result
  }
}

/** Follows up what the senders of this process have sent. */
export function settleWorker(senders: readonly Sender[]): Worker {
  return {
    name: 'transactions',
    async step() {
      const results = []
      for (const sender of senders) results.push(await sender.settle())
      const dueTimes = results.flatMap((result) => result.nextDueAtMs ?? [])
      return {
        worked: results.some((result) => result.worked),
        ...(dueTimes.length > 0 && { nextDueAtMs: Math.min(...dueTimes) }),
      }
    },
  }
}
