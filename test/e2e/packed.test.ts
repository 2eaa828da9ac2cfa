import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pack } from '../support/pack.ts'

const folder = mkdtempSync(join(tmpdir(), 'packed-'))
const installed = join(folder, 'node_modules', 'adept-gateway')

/** What a project of somebody else's has in its tests. */
const FIVE_LINES = `
import { startSandbox } from 'adept-gateway'
const home = await startSandbox({ washers: 10 })
for (const ml of [800, 250]) for (const washer of [...home.washers, undefined]) await (washer?.level(ml) ?? home.pass(3_600_000))
console.log(JSON.stringify((await home.orders()).map(({ deviceId, state }) => [deviceId, state])))
await home.stop()
`

/** As an install does it, but for the network: what the package depends on is linked to what is installed here. */
beforeAll(() => {
  const tarball = pack(folder)
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', installed])
  for (const name of readdirSync('node_modules').filter((it) => !it.startsWith('.'))) {
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name))
  }
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]) =>
  execFileSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 100_000,
    env: { PATH: process.env['PATH'] },
  })

it('the packed build has no TypeScript to run', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([])
})

it('starts broker, chain and ten machines in five lines, out of an empty folder', { timeout: 120_000 }, () => {
  writeFileSync(join(folder, 'five-lines.mjs'), FIVE_LINES)
  const orders = JSON.parse(run('five-lines.mjs')) as [string, string][]
  expect(orders.map(([deviceId]) => deviceId).sort()).toEqual(
    Array.from({ length: 10 }, (_, index) => `washer-${index + 1}`).sort(),
  )
  expect(new Set(orders.map(([, state]) => state))).toEqual(new Set(['authorized']))
})

it('has the command line', () => {
  expect(run(join(installed, 'gateway/cli/adept.mjs'), '--help')).toContain('Usage: adept')
})
