import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { pack } from '../support/pack.ts'

const folder = mkdtempSync(join(tmpdir(), 'packed-'))
const installed = join(folder, 'node_modules', 'adept-gateway')

const PackageLock = z.looseObject({ packages: z.record(z.string(), z.looseObject({ dev: z.boolean().optional() })) })
const writeJson = (file: string, value: unknown) => writeFileSync(join(folder, file), JSON.stringify(value))

/** What a project of somebody else's has in its tests. */
const FIVE_LINES = `
import { startSandbox } from 'adept-gateway'
const home = await startSandbox({ washers: 10 })
for (const ml of [800, 250]) for (const washer of [...home.washers, undefined]) await (washer?.level(ml) ?? home.pass(3_600_000))
console.log(JSON.stringify((await home.orders()).map(({ deviceId, state }) => [deviceId, state])))
await home.stop()
`

/**
 * npm installs the tarball in an empty folder, with the versions of our own lock file: out of the cache that `npm ci` filled,
 * so without a network. What only development has is not there.
 */
beforeAll(() => {
  const tarball = pack(folder)
  const lock = PackageLock.parse(JSON.parse(readFileSync('package-lock.json', 'utf8')))
  const { '': own, ...packages } = lock.packages
  const name = 'five-lines'
  const dependencies = { 'adept-gateway': `file:${tarball}` }
  const locked = {
    '': { name, dependencies },
    'node_modules/adept-gateway': { ...own, devDependencies: undefined, resolved: `file:${tarball}` },
    ...Object.fromEntries(Object.entries(packages).filter(([, { dev }]) => dev !== true)),
  }
  writeJson('package.json', { name, private: true, dependencies })
  writeJson('package-lock.json', { ...lock, name, packages: locked })
  execFileSync('npm', ['ci', '--offline', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'pipe' })
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
  expect(run(join('node_modules', '.bin', 'adept'), '--help')).toContain('Usage: adept')
})
