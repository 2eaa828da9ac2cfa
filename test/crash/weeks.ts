/**
 * Weeks of the embedded chain at a home's pace, compressed: what its state, its journal and anvil take, how long the state is
 * kept for and how long a start takes. Each block carries a transaction as large as an order's.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WHOLE_BLOCKS } from '../../gateway/chain/anvil.ts'
import { startEmbeddedChain } from '../../gateway/chain/embedded-chain.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { signTransaction } from '../../gateway/chain/raw-transaction.ts'
import { openRpc } from '../../gateway/chain/rpc.ts'

/** Five devices that each order once a week: authorize, ship and capture, and one block more. */
const BLOCKS_PER_WEEK = 16
/** Call data of a single authorization. */
const CALL_BYTES = 1_500
const LOOKS = 5
/** What must hold at the end, however long it runs. */
const MOST_BYTES_PER_WHOLE_BLOCK = 12_288
const MOST_BYTES_PER_HEADER = 2_048
const MOST_JOURNAL_BYTES = 64 * 1024 * 1024
const MOST_START_MS = 10_000
const CHAIN_FILES = ['blocks-before.jsonl', 'blocks.jsonl', 'node-id', 'node.json', 'state-before.json', 'state.json']

export type ChainLook = {
  blocks: number
  stateBytes: number
  journalBytes: number
  anvilMiB: number
  keepMs: number
  startMs: number
}

/** Lives so many weeks; calls back with each look, and resolves to what is wrong at the end, as sentences. */
export async function liveWeeks(weeks: number, onLook: (look: ChainLook) => void): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'adept-weeks-'))
  const key = newSigningKey()
  const problems: string[] = []
  const start = () =>
    startEmbeddedChain({
      dataFolder: folder,
      gasFor: [addressOf(key)],
      payer: addressOf(key),
      nowMs: Date.now,
      onDeath: (sentence) => problems.push(sentence),
      onFault: (error) => problems.push(String(error)),
    })
  const sizeOf = (name: string) => statSync(join(folder, 'chain', name), { throwIfNoEntry: false })?.size ?? 0
  const blocks = Math.ceil(weeks * BLOCKS_PER_WEEK)
  let chain = await start()
  try {
    for (let done = 0; done < blocks; ) {
      const upTo = Math.min(blocks, done + Math.ceil(blocks / LOOKS))
      const rpc = openRpc(chain.access.rpcUrl)
      for (; done < upTo; done++) await rpc.send('eth_sendRawTransactionSync', [signed(done)])
      const journalBytes = sizeOf('blocks.jsonl') + sizeOf('blocks-before.jsonl')
      const keepMs = await timed(() => chain.keepState())
      const anvilMiB = residentMiB(readNodeFile(folder)!.pid)
      await chain.stop()
      const startMs = await timed(async () => {
        chain = await start()
      })
      const look = { blocks: done, stateBytes: sizeOf('state.json'), journalBytes, anvilMiB, keepMs, startMs }
      onLook(look)
      problems.push(...wrongIn(look))
    }
    const strange = readdirSync(join(folder, 'chain')).filter((name) => !CHAIN_FILES.includes(name))
    return strange.length === 0 ? problems : [...problems, `The folder has files more: ${strange.join(', ')}.`]
  } finally {
    await chain.stop()
    rmSync(folder, { recursive: true, force: true })
  }

  function signed(nonce: number): string {
    const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n }
    const to = '0x00000000000000000000000000000000000000aa' as const
    const data = `0x${nonce.toString(16).padStart(CALL_BYTES * 2, '1')}` as const
    const call = { chainId: chain.access.chainId, nonce, to, data, gasLimit: 200_000n, ...fees }
    return signTransaction(call, key).raw
  }
}

function wrongIn({ blocks, stateBytes, journalBytes, startMs }: ChainLook): string[] {
  const [whole, headers] = [Math.min(blocks, WHOLE_BLOCKS), Math.max(0, blocks - WHOLE_BLOCKS)]
  const mostStateBytes = 1024 * 1024 + whole * MOST_BYTES_PER_WHOLE_BLOCK + headers * MOST_BYTES_PER_HEADER
  return [
    ...(stateBytes > mostStateBytes ? [`The state has ${stateBytes} bytes.`] : []),
    ...(journalBytes > MOST_JOURNAL_BYTES ? [`The journal has ${journalBytes} bytes.`] : []),
    ...(startMs > MOST_START_MS ? [`After ${blocks} blocks a start takes ${Math.round(startMs)} ms.`] : []),
  ]
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
