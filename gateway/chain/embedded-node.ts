import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { BlockJournal } from './block-journal.ts'
import { keepState, launchKept } from './kept-state.ts'
import {
  answersAs,
  findRunningNode,
  isAlive,
  type NodeFile,
  readNodeFile,
  removeNodeFile,
  writeNodeFile,
} from './node-file.ts'
import { openRpc, type Rpc, RpcBlock } from './rpc.ts'

const STOP_TIMEOUT_MS = 3_000
const STOP_POLL_MS = 20
/** A gateway that found a running node looks this often whether it still lives. */
const ALIVE_POLL_MS = 1_000
/** A node that ends more often than this within an hour is not started again: something is wrong with it. */
const MAX_REVIVALS_PER_HOUR = 5
const HOUR_MS = 3_600_000
/** How far the chain may be ahead of the clock before it counts as one of a virtual run. */
const MAX_AHEAD_SECONDS = 24 * 3600

export type EmbeddedNodeOptions = {
  dataFolder: string
  contracts: Pick<NodeFile, 'token' | 'escrow'>
  /** Virtual time: chain seconds at which it starts; undefined for the machine's own time. */
  virtualTimeSeconds?: number | undefined
  nowMs(): number
  /** The node ended without having been stopped: a sentence that says whether it runs again. */
  onDeath(reason: string): void
}

/**
 * anvil as a process beside the gateway. It is in a session of its own: a Ctrl-C or a kill of the gateway leaves it running,
 * a clean stop keeps its state and ends it, and the next start adopts one that still runs. When it ends by itself it is
 * started again at the same address, with the state that was kept and the blocks of the journal after it. `--state` is not
 * used: a kill while it is written leaves a file that anvil refuses.
 */
export class EmbeddedNode {
  readonly rpc: Rpc
  readonly journal: BlockJournal
  readonly #options: EmbeddedNodeOptions
  #file: NodeFile
  /** Virtual time: the second of the next blocks. */
  #virtualSeconds: number | undefined
  #stopping = false
  readonly #revivedAtMs: number[] = []
  #reviving = Promise.resolve()
  #aliveTimer: NodeJS.Timeout | undefined

  private constructor(
    options: EmbeddedNodeOptions,
    journal: BlockJournal,
    file: NodeFile,
    child: ChildProcess | undefined,
  ) {
    this.#options = options
    this.#file = file
    this.#virtualSeconds = options.virtualTimeSeconds
    this.rpc = openRpc(file.rpcUrl)
    this.journal = journal
    this.#guard(child)
  }

  /** Adopts the node of this folder if it still runs, or starts one with the state that was kept. */
  static async start(options: EmbeddedNodeOptions): Promise<EmbeddedNode> {
    mkdirSync(join(options.dataFolder, 'chain'), { recursive: true, mode: 0o700 })
    const journal = new BlockJournal(join(options.dataFolder, 'chain'))
    const running = await findRunningNode(options.dataFolder)
    // Its gateway was killed while it made the journal's blocks again: the next one begins anew.
    if (running?.isWhole === false) process.kill(running.pid, 'SIGKILL')
    else if (running !== undefined) {
      const file = { ...running, ...options.contracts }
      writeNodeFile(options.dataFolder, file)
      return await EmbeddedNode.#ready(new EmbeddedNode(options, journal, file, undefined))
    }
    const { file, child } = await launchKept(options, journal, undefined)
    return await EmbeddedNode.#ready(new EmbeddedNode(options, journal, file, child))
  }

  get file(): NodeFile {
    return this.#file
  }

  /** Sets the time of the next blocks: the machine's, or virtual, which stands still between two `setTime`. */
  static async #ready(node: EmbeddedNode): Promise<EmbeddedNode> {
    const { nowMs, dataFolder } = node.#options
    try {
      if (node.#virtualSeconds !== undefined) {
        await node.rpc.send('anvil_setBlockTimestampInterval', [0])
        // One that was just started with a kept state would make no block before its start.
        const { timestamp } = RpcBlock.parse(await node.rpc.send('eth_getBlockByNumber', ['latest', false]))
        await node.rpc.send('evm_setTime', [timestamp])
        await node.setTime(node.#virtualSeconds)
        return node
      }
      await node.rpc.send('anvil_removeBlockTimestampInterval', [])
      const { timestamp } = RpcBlock.parse(await node.rpc.send('eth_getBlockByNumber', ['latest', false]))
      if (timestamp <= nowMs() / 1000 + MAX_AHEAD_SECONDS) return node
      throw new Error(
        `The chain in ${dataFolder} stands at ${new Date(timestamp * 1000).toISOString()}, which is in the future: ` +
          'it was used with virtual time. Use another data folder.',
      )
    } catch (error) {
      await node.#end()
      throw error
    }
  }

  /** Virtual time: the next blocks carry this second. Throws a sentence when the chain is already past it. */
  async setTime(seconds: number): Promise<void> {
    this.#virtualSeconds = seconds
    try {
      await this.rpc.send('evm_setNextBlockTimestamp', [seconds])
      this.#virtualSeconds = seconds
    } catch (cause) {
      throw new Error(
        `The chain in ${this.#options.dataFolder} cannot go back to ${new Date(seconds * 1000).toISOString()}. ` +
          'A virtual run needs a data folder of its own.',
        { cause },
      )
    }
  }

  /** Keeps the state up to now in place of the journal's blocks: 300 blocks take 20 ms. For `before` see there. */
  async keepState(before?: () => Promise<boolean>): Promise<void> {
    await keepState(this.rpc, this.#options.dataFolder, this.journal, before)
  }

  /** Keeps the state and ends the process. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await this.#reviving
    try {
      await this.keepState()
    } finally {
      await this.#end()
    }
  }

  async #end(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#aliveTimer)
    await this.journal.close()
    const { pid } = this.#file
    // A pid may have been given to another process; what answers with our marker is our node.
    const isOurs = await answersAs(this.#file)
    // Before it ends: whoever else looks after it would start it again.
    removeNodeFile(this.#options.dataFolder)
    if (isOurs) process.kill(pid, 'SIGTERM')
    const deadlineMs = performance.now() + STOP_TIMEOUT_MS
    while (await answersAs(this.#file)) {
      if (performance.now() > deadlineMs) process.kill(pid, 'SIGKILL')
      await wait(STOP_POLL_MS)
    }
  }

  #guard(child: ChildProcess | undefined): void {
    const died = () => {
      clearInterval(this.#aliveTimer)
      if (!this.#stopping) this.#reviving = this.#revive()
    }
    if (child !== undefined) child.once('exit', died)
    else this.#aliveTimer = setInterval(() => isAlive(this.#file.pid) || died(), ALIVE_POLL_MS).unref()
  }

  /** At the same address, so that whoever speaks to the chain only sees it away for a moment. */
  async #revive(): Promise<void> {
    const { dataFolder, onDeath } = this.#options
    // Whoever stopped it on purpose took its file away.
    if (readNodeFile(dataFolder)?.pid !== this.#file.pid) {
      this.#stopping = true
      return onDeath('The embedded chain (anvil) was stopped by another gateway of this data folder.')
    }
    try {
      this.#countRevival()
      const options = { ...this.#options, virtualTimeSeconds: this.#virtualSeconds }
      const { file, child } = await launchKept(options, this.journal, Number(new URL(this.#file.rpcUrl).port))
      this.#file = file
      this.#guard(child)
      await EmbeddedNode.#ready(this)
      onDeath('The embedded chain (anvil) ended unexpectedly; it was started again with all its blocks.')
    } catch (error) {
      this.#stopping = true
      onDeath(
        `The embedded chain (anvil) ended unexpectedly and does not start again: ${(error as Error).message} ` +
          'Nothing can be bought until the gateway is started again.',
      )
    }
  }

  #countRevival(): void {
    const nowMs = performance.now()
    this.#revivedAtMs.push(nowMs)
    const recent = this.#revivedAtMs.filter((atMs) => atMs > nowMs - HOUR_MS)
    if (recent.length > MAX_REVIVALS_PER_HOUR) throw new Error(`It ended ${recent.length} times within an hour.`)
  }
}
