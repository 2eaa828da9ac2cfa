import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { startEmbeddedChain } from '../../gateway/chain/embedded-chain.ts'
import { openRpc } from '../../gateway/chain/rpc.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { temporaryFolder } from './fixture.ts'

export const STARTED_AGAIN = 'The embedded chain (anvil) ended unexpectedly; it was started again with all its blocks.'
export const PAYER = '0x2222222222222222222222222222222222222222'
export const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

export function newFolder(): string {
  const folder = temporaryFolder()
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
export async function start(dataFolder: string, more: { virtualTimeSeconds?: number; gasFor?: Address[] } = {}) {
  const deaths: string[] = []
  const chain = await startEmbeddedChain({
    ...{ dataFolder, gasFor: [PAYER], payer: PAYER, nowMs: Date.now, ...more },
    onDeath: (reason) => deaths.push(reason),
    onFault: (error) => deaths.push(String(error)),
  })
  cleanUps.push(() => chain.stop())
  return { chain, deaths, rpc: openRpc(chain.access.rpcUrl) }
}
export const journalIn = (folder: string) => join(folder, 'chain', 'blocks.jsonl')
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('It did not come to pass within 10 s.')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
