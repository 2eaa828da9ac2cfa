import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { z } from 'zod'
import { foundryBinary } from '../../contracts/foundry.ts'
import type { Address } from '../domain/identifiers.ts'
import { replaceFile } from '../lib/files.ts'
import { anvilArguments } from './anvil.ts'
import { EMBEDDED_CHAIN_ID } from './connection.ts'
import { answersAs, findRunningNode, isAlive, type NodeFile, removeNodeFile, writeNodeFile } from './node-file.ts'
import { openRpc, type Rpc, RpcBlock } from './rpc.ts'

const START_TIMEOUT_MS = 10_000
const START_POLL_MS = 10
const START_ATTEMPTS = 3
const STOP_TIMEOUT_MS = 3_000
const STOP_POLL_MS = 20
/** A gateway that found a running node looks this often whether it still lives. */
const ALIVE_POLL_MS = 1_000
/** How far the chain may be ahead of the clock before it counts as one of a virtual run. */
const MAX_AHEAD_SECONDS = 24 * 3600

export type EmbeddedNodeOptions = {
  dataFolder: string
  contracts: Pick<NodeFile, 'token' | 'escrow'>
  /** Virtual time: chain seconds at which it starts; undefined for the machine's own time. */
  virtualTimeSeconds?: number | undefined
  nowMs(): number
  /** The node is gone without having been stopped; called once, with a sentence. */
  onDeath(reason: string): void
}

/**
 * anvil as a process beside the gateway. It is in a session of its own: a Ctrl-C or a kill of the gateway leaves it running,
 * a clean stop keeps its state and ends it, and the next start adopts one that still runs. `--state` is not used: a
 * kill while it is written leaves a file that anvil refuses.
 */
export class EmbeddedNode {
  readonly rpc: Rpc
  readonly file: NodeFile
  readonly #options: EmbeddedNodeOptions
  #stopping = false
  #aliveTimer: NodeJS.Timeout | undefined

  private constructor(options: EmbeddedNodeOptions, file: NodeFile, child: ChildProcess | undefined) {
    this.#options = options
    this.file = file
    this.rpc = openRpc(file.rpcUrl)
    if (child !== undefined) child.once('exit', () => this.#died())
    else this.#aliveTimer = setInterval(() => isAlive(file.pid) || this.#died(), ALIVE_POLL_MS).unref()
  }

  /** Adopts the node of this folder if it still runs, or starts one with the state that was kept. */
  static async start(options: EmbeddedNodeOptions): Promise<EmbeddedNode> {
    mkdirSync(join(options.dataFolder, 'chain'), { recursive: true, mode: 0o700 })
    const running = await findRunningNode(options.dataFolder)
    if (running !== undefined) {
      const file = { ...running, ...options.contracts }
      writeNodeFile(options.dataFolder, file)
      return await EmbeddedNode.#ready(new EmbeddedNode(options, file, undefined))
    }
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
      const node = await EmbeddedNode.#launch(options)
      if (node !== undefined) return await EmbeddedNode.#ready(node)
    }
    throw new Error(
      `anvil does not start with the state in ${options.dataFolder}. If that was damaged, restore it from a backup; ` +
        'without it, the test dollars and open orders of this chain are gone.',
    )
  }

  /** undefined when the process ended before it answered: another one had taken the port, or the state is damaged. */
  static async #launch(options: EmbeddedNodeOptions): Promise<EmbeddedNode | undefined> {
    const port = await freePort()
    const mnemonic = Mnemonic.fromEntropy(randomBytes(16))
    const stateFile = stateFileOf(options.dataFolder)
    const { virtualTimeSeconds } = options
    const flags = anvilArguments({ port, mnemonic: mnemonic.phrase, stateFile, virtualTimeSeconds })
    const child = spawn(foundryBinary('anvil'), flags, { stdio: 'ignore', detached: true })
    await once(child, 'spawn')
    const file: NodeFile = {
      pid: child.pid!,
      rpcUrl: `http://127.0.0.1:${port}`,
      chainId: EMBEDDED_CHAIN_ID,
      ...options.contracts,
      marker: HDNodeWallet.fromMnemonic(mnemonic).address.toLowerCase() as Address,
    }
    writeNodeFile(options.dataFolder, file)
    const deadlineMs = performance.now() + START_TIMEOUT_MS
    while (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) {
      if (await answersAs(file)) {
        child.unref()
        return new EmbeddedNode(options, file, child)
      }
      await wait(START_POLL_MS)
    }
    child.kill('SIGKILL')
    removeNodeFile(options.dataFolder)
    return undefined
  }

  /** Sets the time of the next blocks: the machine's, or virtual, which stands still between two `setTime`. */
  static async #ready(node: EmbeddedNode): Promise<EmbeddedNode> {
    const { virtualTimeSeconds, nowMs, dataFolder } = node.#options
    try {
      if (virtualTimeSeconds !== undefined) {
        await node.rpc.send('anvil_setBlockTimestampInterval', [0])
        await node.setTime(virtualTimeSeconds)
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
    try {
      await this.rpc.send('evm_setNextBlockTimestamp', [seconds])
    } catch (cause) {
      throw new Error(
        `The chain in ${this.#options.dataFolder} cannot go back to ${new Date(seconds * 1000).toISOString()}. ` +
          'A virtual run needs a data folder of its own.',
        { cause },
      )
    }
  }

  /** Keeps the state, so that the next start finds all blocks, hashes and logs again: 300 blocks take 20 ms. */
  async keepState(): Promise<void> {
    const dump = z
      .string()
      .regex(/^0x/)
      .parse(await this.rpc.send('anvil_dumpState', []))
    replaceFile(stateFileOf(this.#options.dataFolder), await promisify(gunzip)(Buffer.from(dump.slice(2), 'hex')))
  }

  /** Keeps the state and ends the process. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    try {
      await this.keepState()
    } finally {
      await this.#end()
    }
  }

  async #end(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#aliveTimer)
    const { pid } = this.file
    // A pid may have been given to another process; what answers with our marker is our node.
    if (await answersAs(this.file)) process.kill(pid, 'SIGTERM')
    const deadlineMs = performance.now() + STOP_TIMEOUT_MS
    while (await answersAs(this.file)) {
      if (performance.now() > deadlineMs) process.kill(pid, 'SIGKILL')
      await wait(STOP_POLL_MS)
    }
    removeNodeFile(this.#options.dataFolder)
  }

  #died(): void {
    if (this.#stopping) return
    this.#stopping = true
    clearInterval(this.#aliveTimer)
    this.#options.onDeath(
      'The embedded chain (anvil) has ended unexpectedly. What it included since its state was last kept is sent again at the next start.',
    )
  }
}

const stateFileOf = (dataFolder: string) => join(dataFolder, 'chain', 'state.json')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('This machine gives no free port.')
  server.close()
  await once(server, 'close')
  return address.port
}
