import { existsSync, readFileSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Transaction } from 'ethers/transaction'
import { z } from 'zod'
import type { Address } from '../domain/identifiers.ts'
import { moveDurably, replaceFile } from '../lib/files.ts'
import { type Rpc, RpcBlock, type RpcCall, RpcNumber, resultOf } from './rpc.ts'

/** Blocks asked for in one request. */
const BLOCKS_PER_BATCH = 50

const Hex = z.string().regex(/^0x[0-9a-fA-F]*$/)
const JournaledBlock = z.object({
  number: z.int().min(0),
  hash: Hex,
  timestamp: z.int().min(0),
  /** The signed bytes of its transactions, in their order. */
  raws: z.array(Hex),
})
export type JournaledBlock = z.infer<typeof JournaledBlock>

/**
 * The blocks of the embedded chain since its state was last kept, a line each, and in a second file those since the state
 * before. anvil makes the same block, down to its hash, of the same state, second and bytes, so either state with these lines
 * is the whole chain. What was included after the last line is open in the store of whoever sent it, who sends it again.
 */
export class BlockJournal {
  readonly #file: string
  readonly #fileBefore: string
  #handle: FileHandle | undefined

  constructor(folder: string) {
    this.#file = join(folder, 'blocks.jsonl')
    this.#fileBefore = join(folder, 'blocks-before.jsonl')
  }

  isEmpty(): boolean {
    return !existsSync(this.#file) || statSync(this.#file).size === 0
  }

  /** The unbroken run of blocks that follows on `number`; a line that a power cut tore ends it. */
  after(number: number): JournaledBlock[] {
    const blocks: JournaledBlock[] = []
    for (const file of [this.#fileBefore, this.#file].filter(existsSync)) {
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        const block = parseLine(line)
        if (block === undefined) break
        if (block.number === number + blocks.length + 1) blocks.push(block)
      }
    }
    return blocks
  }

  /** On disk when it resolves. */
  async append(blocks: readonly JournaledBlock[]): Promise<void> {
    if (blocks.length === 0) return
    this.#handle ??= await open(this.#file, 'a', 0o600)
    await this.#handle.appendFile(blocks.map(lineOf).join(''))
    await this.#handle.datasync()
  }

  /**
   * A state is about to be kept that holds its blocks, or most of them: from now on they are those before. Of another fork
   * they are no longer of use, and made again after the state they would take the place of its own.
   */
  async turnOver(isSameFork: boolean): Promise<void> {
    await this.close()
    if (!isSameFork) replaceFile(this.#fileBefore, '')
    else if (existsSync(this.#file)) moveDurably(this.#file, this.#fileBefore)
    replaceFile(this.#file, '')
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }
}

/** Blocks `from` to `to`, both inclusive, with the bytes of their transactions. */
export async function readBlocks(rpc: Rpc, from: number, to: number): Promise<JournaledBlock[]> {
  const blocks: JournaledBlock[] = []
  for (let first = from; first <= to; first += BLOCKS_PER_BATCH) {
    const count = Math.min(BLOCKS_PER_BATCH, to - first + 1)
    const numbers = Array.from({ length: count }, (_, index) => `0x${(first + index).toString(16)}`)
    const answers = await rpc.batch(numbers.map((number) => ['eth_getBlockByNumber', [number, false]]))
    const found = answers.map((answer) => BlockWithHashes.parse(resultOf(answer)))
    const calls = found.flatMap(({ transactions }) => transactions.map(rawCall))
    const raws = calls.length === 0 ? [] : (await rpc.batch(calls)).map((answer) => Hex.parse(resultOf(answer)))
    for (const { number, hash, timestamp, transactions } of found) {
      blocks.push({ number, hash, timestamp, raws: raws.splice(0, transactions.length) })
    }
  }
  return blocks
}

const BlockWithHashes = RpcBlock.extend({ transactions: z.array(Hex) })
const rawCall = (hash: string): RpcCall => ['eth_getRawTransactionByHash', [hash]]

/**
 * Makes the blocks again on a node that stands right below the first of them, each with its own second. Gas that was given to
 * an account meanwhile is no transaction: `fund` gives it again, and from there on hashes are others, which the watcher takes
 * for a reorg. Resolves to whether the last hash is the same.
 */
export async function replayBlocks(
  rpc: Rpc,
  blocks: readonly JournaledBlock[],
  fund: (account: Address) => Promise<void>,
): Promise<boolean> {
  const head = RpcBlock.parse(await rpc.send('eth_getBlockByNumber', ['latest', false]))
  for (const answer of await rpc.batch([
    ['evm_setAutomine', [false]],
    // A node that was just started would make no block before its start.
    ['evm_setTime', [head.timestamp]],
  ]))
    resultOf(answer)
  for (const block of blocks) {
    for (const account of new Set(block.raws.map(senderOf))) await fund(account)
    const answers = await rpc.batch([
      ...block.raws.map((raw): RpcCall => ['eth_sendRawTransaction', [raw]]),
      ['evm_setNextBlockTimestamp', [block.timestamp]],
      ['evm_mine', []],
    ])
    // A transaction that is refused now is still in its sender's store, which deals with it.
    for (const answer of answers.slice(-2)) resultOf(answer)
  }
  await rpc.send('evm_setAutomine', [true])
  const reached = RpcBlock.parse(await rpc.send('eth_getBlockByNumber', ['latest', false]))
  return reached.hash === blocks.at(-1)?.hash
}

export async function headOf(rpc: Rpc): Promise<number> {
  return RpcNumber.parse(await rpc.send('eth_blockNumber', []))
}

const senderOf = (raw: string) => Transaction.from(raw).from!.toLowerCase() as Address

const lineOf = (block: JournaledBlock) => `${JSON.stringify(block)}\n`

function parseLine(line: string): JournaledBlock | undefined {
  try {
    return JournaledBlock.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
