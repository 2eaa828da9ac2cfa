/**
 * Runs beside a stage and cleans up after it: `node reaper.ts <folder of the stage>`, with the pid of each child on a line of
 * its standard input. When that closes, by the kernel's hand too because the stage was killed, it waits until the children
 * have ended, ends the chain that a gateway may have left running for its next start, and removes the folder.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'

/** A child that its leash cannot end is gone after 15 s. */
const CHILDREN_END_WITHIN_MS = 20_000
const POLL_MS = 50

const ChainNode = z.object({ pid: z.int().positive() })

const folder = process.argv[2]
if (folder === undefined) throw new Error('Name the folder of the stage.')
const pids: number[] = []
for await (const line of createInterface({ input: process.stdin })) pids.push(Number(line))
for (let waitedMs = 0; waitedMs < CHILDREN_END_WITHIN_MS && pids.some(runs); waitedMs += POLL_MS) await wait(POLL_MS)
const chain = join(folder, 'gateway', 'chain', 'node.json')
if (existsSync(chain)) kill(ChainNode.parse(JSON.parse(readFileSync(chain, 'utf8'))).pid, 'SIGKILL')
rmSync(folder, { recursive: true, force: true, maxRetries: 10 })

function runs(pid: number): boolean {
  return kill(pid, 0)
}

/** False when there is no such process, or its pid is somebody else's by now. */
function kill(pid: number, signal: 'SIGKILL' | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ESRCH', 'EPERM'].includes(String(error.code))) return false
    throw error
  }
}
