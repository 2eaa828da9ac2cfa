import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { HDNodeWallet, Mnemonic } from 'ethers/wallet'
import { foundryBinary } from '../../contracts/foundry.ts'
import type { Address } from '../domain/identifiers.ts'
import { createFileOnce } from '../lib/files.ts'
import { EMBEDDED_CHAIN_ID } from './connection.ts'
import { answersAs, type NodeFile, removeNodeFile, writeNodeFile } from './node-file.ts'

const START_TIMEOUT_MS = 10_000
const START_POLL_MS = 10
const START_ATTEMPTS = 3
/**
 * Of so many of its last blocks the chain has transactions, receipts and logs, of those before only headers: some two and a
 * half years of a home, or five days of 200. Nobody reads older ones: a watcher goes on where it stopped.
 */
export const WHOLE_BLOCKS = 2_048

export type AnvilOptions = {
  dataFolder: string
  contracts: Pick<NodeFile, 'token' | 'escrow'>
  /** State that was kept, if there is such a file. */
  stateFile: string
  virtualTimeSeconds: number | undefined
  /** undefined: any free one. */
  port: number | undefined
  isWhole: boolean
}

export type Anvil = { file: NodeFile; child: ChildProcess }

/**
 * Starts anvil in a session of its own and says so in the node file. Several attempts: another program may take the port.
 * Throws a sentence when none succeeds.
 */
export async function launchAnvil(options: AnvilOptions): Promise<Anvil> {
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const anvil = await attemptLaunch(options, options.port ?? (await freePort()))
    if (anvil !== undefined) return anvil
  }
  throw new Error(
    `anvil does not start with the state in ${options.dataFolder}. If that was damaged, restore it from a backup; ` +
      'without it, the test dollars and open orders of this chain are gone.',
  )
}

/** undefined when the process ended before it answered: another one had taken the port, or the state is damaged. */
async function attemptLaunch(options: AnvilOptions, port: number): Promise<Anvil | undefined> {
  const mnemonic = mnemonicOf(options.dataFolder)
  const child = spawn(foundryBinary('anvil'), anvilArguments(options, port, mnemonic.phrase), {
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
    isWhole: options.isWhole,
  }
  writeNodeFile(options.dataFolder, file)
  const deadlineMs = performance.now() + START_TIMEOUT_MS
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) {
    if (await answersAs(file)) {
      child.unref()
      return { file, child }
    }
    await wait(START_POLL_MS)
  }
  child.kill('SIGKILL')
  removeNodeFile(options.dataFolder)
  return undefined
}

/** The mnemonic is that of its only account, which has no funds. */
function anvilArguments({ stateFile, virtualTimeSeconds }: AnvilOptions, port: number, mnemonic: string): string[] {
  return [
    ['--host', '127.0.0.1', '--port', String(port), '--no-cors', '--quiet'],
    ['--chain-id', String(EMBEDDED_CHAIN_ID), '--enable-tx-gas-limit'],
    ['--accounts', '1', '--balance', '0', '--mnemonic', mnemonic],
    // Historic states would fill its cache folder with gigabytes; the latest few allow a reorg in tests.
    ['--prune-history', '16'],
    // A virtual run is over soon, and is read as a whole at its end.
    virtualTimeSeconds === undefined ? ['--transaction-block-keeper', String(WHOLE_BLOCKS)] : [],
    existsSync(stateFile) ? ['--load-state', stateFile] : [],
    // From its first answer on: a shop that asks what time it is takes what it hears for the time.
    virtualTimeSeconds === undefined ? [] : ['--timestamp', String(virtualTimeSeconds)],
  ].flat()
}

/** The same at each start: its account is part of the state, and the journal's blocks are made again on just that. */
function mnemonicOf(dataFolder: string): Mnemonic {
  const file = join(dataFolder, 'chain', 'node-id')
  createFileOnce(file, () => randomBytes(16))
  return Mnemonic.fromEntropy(readFileSync(file))
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
