import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openPort } from '../../../firmware-bridge/ports/open-port.ts'
import { openingProblem } from '../../../firmware-bridge/ports/problems.ts'
import { openPty } from '../../../firmware-bridge/simulator/pty.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function port(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'adept-port-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'board')
  const pty = await openPty(path, () => undefined)
  ends.push(() => pty.close())
  return path
}
const open = (path: string) => openPort({ path, baudRate: 115_200, onData: () => undefined, onClosed: () => undefined })

describe('a port that cannot be opened', () => {
  it('names the program that has it', async () => {
    const path = await port()
    // As serialport itself, and most terminal programs, lock a port.
    const holder = spawn('flock', ['-x', path, '-c', 'echo locked; read line'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(holder, 'exit')
    ends.push(async () => {
      holder.stdin.end()
      await exited
    })
    await once(holder.stdout, 'data')
    await expect(open(path)).rejects.toThrow(
      new RegExp(`in use by .*flock \\(process ${holder.pid}\\).*close it there`),
    )
  })
  it('is not even opened, which would reset it, when a program has it without a lock', async () => {
    const path = await port()
    const holder = spawn('sh', ['-c', `exec 3<>${path}; echo open; read line`], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(holder, 'exit')
    ends.push(async () => {
      holder.stdin.end()
      await exited
    })
    await once(holder.stdout, 'data')
    await expect(open(path)).rejects.toThrow(new RegExp(`in use by sh \\(process ${holder.pid}\\): close it there`))
  })
  it('says how to find a program that this user may not see', () => {
    const folder = mkdtempSync(join(tmpdir(), 'adept-port-'))
    ends.push(() => rmSync(folder, { recursive: true }))
    const error = new Error('Error Resource temporarily unavailable Cannot lock port')
    expect(openingProblem(error, folder)).toContain(`Type: sudo fuser -v ${folder}`)
  })
  it('gives the line to type for the right to open it', () => {
    const error = new Error('Error: Permission denied, cannot open /dev/ttyUSB0')
    expect(openingProblem(error, '/dev/ttyUSB0')).toMatch(/sudo usermod -aG dialout \S+ and log in again/)
  })
  it('is gone', async () => {
    await expect(open('/dev/ttyNOPE0')).rejects.toThrow('/dev/ttyNOPE0 is gone: plug the board in again.')
  })
})
