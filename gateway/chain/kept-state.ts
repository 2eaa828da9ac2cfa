import { existsSync, linkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { z } from 'zod'
import { moveDurably, replaceFile } from '../lib/files.ts'
import { type Anvil, launchAnvil } from './anvil.ts'
import { type BlockJournal, headOf, replayBlocks } from './block-journal.ts'
import type { EmbeddedNodeOptions } from './embedded-node.ts'
import { dropFirstBlocks } from './first-blocks.ts'
import { fundGas } from './fund-gas.ts'
import { removeNodeFile } from './node-file.ts'
import { openRpc, type Rpc, RpcBlock } from './rpc.ts'

/** A chain of which others ask much makes blocks in bursts of a second or two. */
const MAX_DUMPS = 20
const DUMP_AGAIN_MS = 100

const Dump = z.string().regex(/^0x/)

type Options = Pick<EmbeddedNodeOptions, 'dataFolder' | 'contracts' | 'virtualTimeSeconds' | 'onDeath'>

/**
 * Starts anvil with the state that was kept and the journal's blocks after it. A state that it refuses, as after a fault of
 * the disk, gives way to the one before with its blocks; it stays as `state-damaged.json`, and the homeowner is told.
 */
export async function launchKept(options: Options, journal: BlockJournal, port: number | undefined): Promise<Anvil> {
  const { state, before, damaged } = filesIn(options.dataFolder)
  try {
    return await launch(options, journal, port, !journal.isEmpty())
  } catch (error) {
    if (!existsSync(state) || !existsSync(before)) throw error
  }
  moveDurably(state, damaged)
  moveDurably(before, state)
  options.onDeath(
    'The state of the embedded chain is damaged; the chain is made again from the one before and its blocks.',
  )
  return await launch(options, journal, port, true)
}

async function launch(
  options: Options,
  journal: BlockJournal,
  port: number | undefined,
  isBehind: boolean,
): Promise<Anvil> {
  dropFirstBlocks(filesIn(options.dataFolder).state)
  if (isBehind) await rebuild(options, journal)
  return await launchAnvil({ ...placeOf(options), port, isWhole: true })
}

/**
 * Makes the journal's blocks again and keeps them as a state, on a node at an address which nobody knows: a transaction that
 * somebody sends in between would become a block of today before those of the past.
 */
async function rebuild(options: Options, journal: BlockJournal): Promise<void> {
  const { file, child } = await launchAnvil({ ...placeOf(options), port: undefined, isWhole: false })
  try {
    const rpc = openRpc(file.rpcUrl)
    const blocks = journal.after(await headOf(rpc))
    if (blocks.length > 0) await replayBlocks(rpc, blocks, (account) => fundGas(file.rpcUrl, account))
    await keepState(rpc, options.dataFolder, journal)
  } finally {
    child.kill('SIGKILL')
    removeNodeFile(options.dataFolder)
  }
}

/**
 * Keeps the state up to now; the one before and the journal's blocks stay beside it. `beforeChange` runs once it is read, and
 * says whether the journal's blocks are of the same fork.
 */
export async function keepState(
  rpc: Rpc,
  dataFolder: string,
  journal: BlockJournal,
  beforeChange: () => Promise<boolean> = async () => true,
): Promise<void> {
  const { state, before, next } = filesIn(dataFolder)
  const dump = await dumpBetweenBlocks(rpc)
  replaceFile(next, await promisify(gunzip)(dump))
  const isSameFork = await beforeChange()
  // Two names of one file for a moment: after a power cut at any point one state is there, with the blocks after it.
  rmSync(before, { force: true })
  if (existsSync(state)) linkSync(state, before)
  await journal.turnOver(isSameFork)
  moveDurably(next, state)
}

/**
 * The state, gzipped. anvil reads its blocks first and its accounts then: a transaction that is included in between would be
 * done in it, but in none of its blocks, and its logs be lost. Throws a sentence when the chain makes blocks without a pause.
 */
async function dumpBetweenBlocks(rpc: Rpc): Promise<Buffer> {
  for (let dumps = 0; dumps < MAX_DUMPS; dumps++) {
    if (dumps > 0) await wait(DUMP_AGAIN_MS)
    const before = await headHash(rpc)
    const dump = Dump.parse(await rpc.send('anvil_dumpState', []))
    if ((await headHash(rpc)) === before) return Buffer.from(dump.slice(2), 'hex')
  }
  throw new Error(
    'The embedded chain made blocks all the time, so its state was not kept; its blocks are in the journal.',
  )
}

const headHash = async (rpc: Rpc) => RpcBlock.parse(await rpc.send('eth_getBlockByNumber', ['latest', false])).hash

const placeOf = ({ dataFolder, contracts, virtualTimeSeconds }: Options) => ({
  ...{ dataFolder, contracts, virtualTimeSeconds },
  stateFile: filesIn(dataFolder).state,
})

function filesIn(dataFolder: string) {
  const inChain = (name: string) => join(dataFolder, 'chain', name)
  return {
    state: inChain('state.json'),
    before: inChain('state-before.json'),
    next: inChain('state-next.json'),
    damaged: inChain('state-damaged.json'),
  }
}
