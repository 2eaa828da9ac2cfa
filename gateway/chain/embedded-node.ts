import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { z } from 'zod'
import { Address } from '../domain/identifiers.ts'
import { EMBEDDED_CHAIN_ID } from './connection.ts'
import { replaceFile } from './files.ts'
import { openRpc, type Rpc, RpcBlock, RpcNumber } from './rpc.ts'

const START_TIMEOUT_MS = 10_000
const START_POLL_MS = 10
const START_ATTEMPTS = 3
const STOP_TIMEOUT_MS = 3_000
const STOP_POLL_MS = 20
/** A gateway that found a running node looks this often whether it still lives. */
const ALIVE_POLL_MS = 1_000
/** How far the chain may be ahead of the clock before it counts as one of a virtual run. */
const MAX_AHEAD_SECONDS = 24 * 3600

/** What a merchant agent on the same machine needs to join (mode 0600), and a gateway to find its node again. */
export const NodeFile = z.object({
  pid: z.int().positive(),
  rpcUrl: z.url(),
  chainId: z.int().positive(),
  token: Address,
  escrow: Address,
  /** Only account of this very node, without funds: tells it from any other that answers at the same port. */
  marker: Address,
})
export type NodeFile = z.infer<typeof NodeFile>

export type EmbeddedNodeOptions = {
  /** `<dataFolder>/chain`. */
  folder: string
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
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const running = await findRunning(options)
    if (running !== undefined) {
      replaceFile(nodeFileOf(options.folder), JSON.stringify(running))
      return await EmbeddedNode.#ready(new EmbeddedNode(options, running, undefined))
    }
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
      const node = await EmbeddedNode.#launch(options)
      if (node !== undefined) return await EmbeddedNode.#ready(node)
    }
    throw new Error(
      `anvil does not start with the state in ${options.folder}. If that was damaged, restore it from a backup; ` +
        'without it, the test dollars and open orders of this chain are gone.',
    )
  }

  /** undefined when the process ended before it answered: another one had taken the port, or the state is damaged. */
  static async #launch(options: EmbeddedNodeOptions): Promise<EmbeddedNode | undefined> {
    const port = await freePort()
    const mnemonic = Mnemonic.fromEntropy(randomBytes(16))
    const child = spawn(anvilBinary(), argumentsFor(options, port, mnemonic.phrase), {
      stdio: 'ignore',
      detached: true,
    })
    await once(child, 'spawn')
    const file: NodeFile = {
      pid: child.pid!,
      rpcUrl: `http://127.0.0.1:${port}`,
      chainId: EMBEDDED_CHAIN_ID,
      ...options.contracts,
      marker: HDNodeWallet.fromMnemonic(mnemonic).address.toLowerCase() as Address,
    }
    replaceFile(nodeFileOf(options.folder), JSON.stringify(file))
    const deadlineMs = performance.now() + START_TIMEOUT_MS
    while (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) {
      if (await isNode(file)) {
        child.unref()
        return new EmbeddedNode(options, file, child)
      }
      await wait(START_POLL_MS)
    }
    child.kill('SIGKILL')
    rmSync(nodeFileOf(options.folder), { force: true })
    return undefined
  }

  /** Sets the time of the next blocks: the machine's, or virtual, which stands still between two `setTime`. */
  static async #ready(node: EmbeddedNode): Promise<EmbeddedNode> {
    const { virtualTimeSeconds, nowMs, folder } = node.#options
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
        `The chain in ${folder} stands at ${new Date(timestamp * 1000).toISOString()}, which is in the future: ` +
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
        `The chain in ${this.#options.folder} cannot go back to ${new Date(seconds * 1000).toISOString()}. ` +
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
    replaceFile(stateFileOf(this.#options.folder), await promisify(gunzip)(Buffer.from(dump.slice(2), 'hex')))
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
    if (await isNode(this.file)) process.kill(pid, 'SIGTERM')
    const deadlineMs = performance.now() + STOP_TIMEOUT_MS
    while (await isNode(this.file)) {
      if (performance.now() > deadlineMs) process.kill(pid, 'SIGKILL')
      await wait(STOP_POLL_MS)
    }
    rmSync(nodeFileOf(this.#options.folder), { force: true })
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

/** Reads `<dataFolder>/chain/node.json`; undefined when no gateway has started a chain there. */
export function readNodeFile(dataFolder: string): NodeFile | undefined {
  return parseNodeFile(join(dataFolder, 'chain'))
}

const nodeFileOf = (folder: string) => join(folder, 'node.json')
const stateFileOf = (folder: string) => join(folder, 'state.json')

function parseNodeFile(folder: string): NodeFile | undefined {
  if (!existsSync(nodeFileOf(folder))) return undefined
  try {
    return NodeFile.parse(JSON.parse(readFileSync(nodeFileOf(folder), 'utf8')))
  } catch {
    return undefined
  }
}

async function findRunning({ folder, contracts }: EmbeddedNodeOptions): Promise<NodeFile | undefined> {
  const file = parseNodeFile(folder)
  if (file === undefined || !isAlive(file.pid) || !(await isNode(file))) return undefined
  return { ...file, ...contracts }
}

/** Whether it is our own anvil that answers there. */
async function isNode(file: NodeFile): Promise<boolean> {
  try {
    const [version, chainId, accounts] = await openRpc(file.rpcUrl).batch([
      ['web3_clientVersion', []],
      ['eth_chainId', []],
      ['eth_accounts', []],
    ])
    return (
      String(version).startsWith('anvil/') &&
      RpcNumber.parse(chainId) === file.chainId &&
      z.array(Address).parse(accounts)[0] === file.marker
    )
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function argumentsFor(options: EmbeddedNodeOptions, port: number, mnemonic: string): string[] {
  const { folder, virtualTimeSeconds } = options
  const state = stateFileOf(folder)
  return [
    ['--host', '127.0.0.1', '--port', String(port), '--no-cors', '--quiet'],
    ['--chain-id', String(EMBEDDED_CHAIN_ID), '--enable-tx-gas-limit'],
    ['--accounts', '1', '--balance', '0', '--mnemonic', mnemonic],
    // Historic states would fill its cache folder with gigabytes; the latest few allow a reorg in tests.
    ['--prune-history', '16'],
    existsSync(state) ? ['--load-state', state] : [],
    virtualTimeSeconds === undefined || existsSync(state) ? [] : ['--timestamp', String(virtualTimeSeconds)],
  ].flat()
}

/** The npm package of anvil only starts this binary; doing it ourselves saves a process. */
function anvilBinary(): string {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const packages = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'))
  const executable = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  try {
    return packages.resolve(`@foundry-rs/anvil-${platform}/bin/${executable}`)
  } catch (cause) {
    throw new Error(
      `There is no embedded chain for ${platform}. Run npm ci on this machine, or configure another chain (chain.kind: rpc).`,
      { cause },
    )
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('This machine gives no free port.')
  server.close()
  await once(server, 'close')
  return address.port
}
