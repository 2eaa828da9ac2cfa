import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Address } from '../domain/identifiers.ts'
import { replaceFile } from '../lib/files.ts'
import { openRpc, RpcNumber } from './rpc.ts'

/** What a merchant agent on the same machine needs to join (mode 0600), and a gateway to find its node again. */
export const NodeFile = z.object({
  pid: z.int().positive(),
  rpcUrl: z.url(),
  chainId: z.int().positive(),
  token: Address,
  escrow: Address,
  /** Only account of this folder's node, without funds: tells it from any other that answers at the same port. */
  marker: Address,
  /** False of one that only makes the journal's blocks again: nobody else is to speak to it. */
  isWhole: z.boolean(),
})
export type NodeFile = z.infer<typeof NodeFile>

const pathIn = (dataFolder: string) => join(dataFolder, 'chain', 'node.json')

/** Reads `<dataFolder>/chain/node.json`; undefined when there is none, or none that can be read. */
export function readNodeFile(dataFolder: string): NodeFile | undefined {
  const path = pathIn(dataFolder)
  if (!existsSync(path)) return undefined
  try {
    return NodeFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

export function writeNodeFile(dataFolder: string, file: NodeFile): void {
  replaceFile(pathIn(dataFolder), JSON.stringify(file))
}

export function removeNodeFile(dataFolder: string): void {
  rmSync(pathIn(dataFolder), { force: true })
}

/** The node that a gateway which was killed has left running, whole or not; undefined when it is gone. */
export async function findRunningNode(dataFolder: string): Promise<NodeFile | undefined> {
  const file = readNodeFile(dataFolder)
  return file !== undefined && isAlive(file.pid) && (await answersAs(file)) ? file : undefined
}

/** Whether it is our own anvil that answers there. */
export async function answersAs(file: NodeFile): Promise<boolean> {
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

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
