import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockFolder } from '../../gateway/store/lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const script = () =>
  `const { lockFolder } = await import(${JSON.stringify(join(process.cwd(), 'gateway/store/lock.ts'))})
   lockFolder(${JSON.stringify(folder)}, 'A gateway')
   await new Promise(setImmediate)
   globalThis.gc()
   await new Promise(setImmediate)
   console.log('locked')`
const nodeArguments = (text: string) => ['--expose-gc', '--input-type=module', '-e', text]

it('lets one process at a time have a data folder', async () => {
  const lock = lockFolder(folder, 'A gateway')
  const second = promisify(execFile)(process.execPath, nodeArguments(script()))
  await expect(second).rejects.toThrow(/A gateway already runs on the data folder .*: stop it first/)
  lock.release()
  const third = await promisify(execFile)(process.execPath, nodeArguments(script()))
  expect(third.stdout).toContain('locked')
})

it('is held though its handle is forgotten, and free again after kill -9', async () => {
  const owner = spawn(process.execPath, nodeArguments(`${script()}; setInterval(() => {}, 1000)`))
  await once(owner.stdout, 'data')
  expect(() => lockFolder(folder, 'A gateway')).toThrow('already runs')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  lockFolder(folder, 'A gateway').release()
})
