import type { Address } from '../domain/identifiers.ts'
import type { Chain, ChainWatch, PayerWallet, TransactionStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import { connectChain } from './connection.ts'
import { type EmbeddedChain, startEmbeddedChain } from './embedded-chain.ts'
import { escrowChain } from './escrow.ts'
import { watchHeads } from './heads.ts'
import { addressOf, type Keyring } from './keys.ts'
import { RpcBigInt } from './rpc.ts'
import { Sender } from './sender.ts'
import { payerWallet } from './signers.ts'
import { chainWatch } from './watcher.ts'

/** The embedded chain's fees are play money; the cap only has to be above what anvil asks. */
const EMBEDDED_MAX_FEE_WEI = 1_000_000_000_000n
const GWEI_WEI = 1_000_000_000

/** Which chain the gateway uses (configuration, `chain`). */
export type ChainChoice =
  | { kind: 'embedded' }
  | {
      kind: 'rpc'
      rpcUrl: string
      chainId: number
      escrow: Address
      token: Address
      confirmations: number
      maxFeeGwei: number
    }

/** A chain in use: its verbs, its watch, and the senders whose open transactions are to be settled. */
export type OpenChain = {
  chain: Chain
  watch: ChainWatch
  /** The gateway's own wallet, beside the embedded chain only. */
  wallet: PayerWallet | undefined
  senders: Sender[]
  /** The account that pays the gas, and what it has of the chain's own coin. */
  relayer(): Promise<{ address: Address; balanceWei: bigint }>
  /** Virtual time, embedded chain only. */
  setTime: ((seconds: number) => Promise<void>) | undefined
  /** Resolves when the embedded chain's blocks are on disk. */
  keepBlocks: (() => Promise<void>) | undefined
  /** Calls back at each new block, as a hint; returns the way to end it. */
  onHead(listener: () => void): () => void
  stop(): Promise<void>
}

/** Starts the embedded chain, or connects to the configured one. Throws a sentence when it is not the chain that is meant. */
export async function openChain(
  choice: ChainChoice,
  parts: {
    dataFolder: string
    keyring: Keyring
    transactions: TransactionStore
    clock: Clock
    /** Chain seconds of a virtual run; undefined for real time. */
    virtualTimeSeconds: number | undefined
    /** The embedded chain ended by itself: a sentence for the homeowner, which says whether it runs again. */
    onDeath(sentence: string): void
    onFault(error: unknown): void
  },
): Promise<OpenChain> {
  const relayerKey = parts.keyring.fileKey('relayer')
  const payerKey = choice.kind === 'embedded' ? parts.keyring.fileKey('payer') : undefined
  let embedded: EmbeddedChain | undefined
  if (payerKey !== undefined) {
    const payer = addressOf(payerKey)
    embedded = await startEmbeddedChain({
      dataFolder: parts.dataFolder,
      gasFor: [addressOf(relayerKey), payer],
      payer,
      virtualTimeSeconds: parts.virtualTimeSeconds,
      nowMs: () => parts.clock.nowMs(),
      onDeath: parts.onDeath,
      onFault: parts.onFault,
    })
  }
  try {
    const access = choice.kind === 'embedded' ? embedded!.access : choice
    const connection = await connectChain(access)
    const common = {
      rpc: connection.rpc,
      chainId: connection.facts.chainId,
      store: parts.transactions,
      clock: parts.clock,
      maxFeePerGasWei: choice.kind === 'rpc' ? BigInt(Math.round(choice.maxFeeGwei * GWEI_WEI)) : EMBEDDED_MAX_FEE_WEI,
    }
    const relayer = new Sender({ ...common, key: relayerKey })
    const payer = payerKey && new Sender({ ...common, key: payerKey })
    const isRpc = choice.kind === 'rpc'
    const confirmations = isRpc ? choice.confirmations : 0
    return {
      chain: escrowChain(connection, relayer),
      watch: chainWatch(
        connection,
        isRpc ? { confirmations, from: 'head', mayLag: true } : { confirmations, from: 'genesis' },
      ),
      wallet: payer && payerKey && payerWallet(connection, payer, payerKey),
      senders: payer === undefined ? [relayer] : [relayer, payer],
      async relayer() {
        const balance = await connection.rpc.send('eth_getBalance', [relayer.address, 'latest'])
        return { address: relayer.address, balanceWei: RpcBigInt.parse(balance) }
      },
      setTime: embedded?.setTime,
      keepBlocks: embedded?.keepBlocks,
      onHead: (listener) => watchHeads(access.rpcUrl, listener),
      stop: async () => embedded?.stop(),
    }
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}
