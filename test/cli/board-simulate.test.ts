import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { firmwareAt } from '../firmware-bridge/flash/hello.ts'
import { adeptOn } from './run-adept.ts'

const ADEPT = join(import.meta.dirname, '../../gateway/cli/adept.mjs')
const folder = mkdtempSync(join(tmpdir(), 'adept-simulate-'))
const port = join(folder, 'board')
const RESET_AGAIN_MS = 5_000
const { run: adept } = adeptOn(() => folder)

afterAll(() => rmSync(folder, { recursive: true }))

test('a board in software speaks at its port, does what lines tell it, and goes with its process', async () => {
  const child = spawn(process.execPath, [ADEPT, 'board', 'simulate', 'RunningLowButton', '--port', port, '--json'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  await expect.poll(() => out, { timeout: 10_000 }).toBe(`${JSON.stringify({ port })}\n`)
  // It says hello once after a reset, which may be over before the port is open.
  const reset = () => void child.stdin.write('reset\n')
  reset()
  const resetting = setInterval(reset, RESET_AGAIN_MS)
  const firmware = await firmwareAt(port).finally(() => clearInterval(resetting))
  expect(firmware).toMatchObject({ version: '1.0.0' })
  // The button's light answers: it blinks for a minute.
  child.stdin.write('press 200\n')
  await expect.poll(() => out, { timeout: 10_000 }).toMatch(/\{"lamp":true\}\n[\s\S]*\{"lamp":false\}/)
  child.stdin.write('dance\nunplug\npress\n')
  await expect
    .poll(() => out, { timeout: 5_000 })
    .toMatch(/"error":"dance"[\s\S]*unplugged: replug it before you press/)
  expect(existsSync(port)).toBe(false)
  child.stdin.end('replug\nlamp\nquit\n')
  expect((await once(child, 'exit'))[0]).toBe(0)
  expect(existsSync(port)).toBe(false)
}, 60_000)

test('what lies at its place already stays there', async () => {
  const file = join(folder, 'letter')
  writeFileSync(file, 'Dear John')
  expect(await adept('board', 'simulate', '--port', file)).toMatchObject({
    code: 1,
    err: expect.stringMatching(
      /^There is something at \S+letter already, maybe another simulated board: take another --port\.\n$/,
    ),
  })
  expect(readFileSync(file, 'utf8')).toBe('Dear John')
  expect((await adept('board', 'simulate', '--port', join(folder, 'no', 'board'))).err).toMatch(
    /^There is no folder \S+\/no for/,
  )
})
