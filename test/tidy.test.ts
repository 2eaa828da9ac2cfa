import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readmeSettings } from './support/readme-settings.ts'

/** Who may import whom: the table of the design. `other` parts of the tree that are not named may not be imported. */
const MAY_IMPORT: Record<string, string[]> = {
  'gateway/domain': [],
  'gateway/wire': ['gateway/domain'],
  'gateway/ports': ['gateway/domain'],
  'gateway/lib': [],
  'gateway/store': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  'gateway/chain': ['gateway/domain', 'gateway/ports', 'gateway/lib', 'contracts'],
  'gateway/notify': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  'gateway/broker': ['gateway/domain', 'gateway/wire', 'gateway/ports', 'gateway/lib'],
  'gateway/ingest': ['gateway/domain', 'gateway/wire', 'gateway/ports', 'gateway/lib'],
  'gateway/rules': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  'gateway/orders': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  'gateway/merchant': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  'gateway/web': ['gateway/domain', 'gateway/ports', 'gateway/lib'],
  // Each part has the schema of its own settings.
  'gateway/config': ['gateway/domain', 'gateway/broker'],
  'device-sim': ['gateway/wire', 'gateway/domain', 'gateway/lib'],
  'firmware-bridge': ['gateway/wire', 'gateway/domain', 'gateway/lib'],
  contracts: [],
}
/** Composition roots join things and may import all. */
const ROOTS =
  /^(gateway\/(gateway|ground|line|homeowner|main)\.ts|gateway\/(merchant|ingest)\/main\.ts|gateway\/cli\/|device-sim\/demo\/demo\.ts|firmware-bridge\/main\.ts|test\/)/
const TOP_LEVEL = ['contracts', 'device-sim', 'firmware-bridge', 'gateway', 'test']
/** Files over 250 lines, each with its reason. */
const LONG_FILES: Record<string, string> = {
  'test/contracts/escrow.test.ts': 'one life of an order beside the verbs that end it, on one anvil',
  'test/orders/home.ts': 'one home joined by hand, as gateway/line.ts joins it',
}

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(file))
const sources = tracked.filter((file) => file.endsWith('.ts') && !file.startsWith('contracts/generated/'))
const code = sources.filter((file) => !file.startsWith('test/'))

/** `gateway/store/orders.ts` → `gateway/store`; `gateway/ports/chain.ts` → `gateway/ports`; `contracts/typed.ts` → `contracts`. */
function roomOf(file: string): string {
  const [top, second] = file.split('/')
  return top === 'gateway' ? `gateway/${second?.replace(/\.ts$/, '')}` : (top ?? file)
}

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(file), match[1] ?? '')),
  )
}

function linesMatching(pattern: RegExp, files: string[]): string[] {
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  )
}

describe('the tree is tidy', () => {
  it('imports only along the table', () => {
    const wrong = sources
      .filter((file) => !ROOTS.test(file))
      .flatMap((file) => {
        const room = roomOf(file)
        const allowed = MAY_IMPORT[room]
        if (allowed === undefined) return [`${file} is in no room of the table`]
        return importsOf(file)
          .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target)))
          .map((target) => `${file} imports ${target}`)
      })
    expect(wrong).toEqual([])
  })

  it('has no other top-level folder', () => {
    const folders = new Set(tracked.filter((file) => file.includes('/')).map((file) => file.split('/')[0] ?? ''))
    expect([...folders].filter((folder) => !folder.startsWith('.') && !TOP_LEVEL.includes(folder))).toEqual([])
  })

  it('reads the environment only in config.ts', () => {
    expect(
      linesMatching(
        /process\.env\b/,
        code.filter((file) => file !== 'gateway/config.ts'),
      ),
    ).toEqual([])
  })

  it('asks for time and chance only at the clock and the seeds', () => {
    const asked = linesMatching(
      /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/,
      code.filter((file) => file !== 'gateway/lib/clock.ts'),
    )
    expect(asked).toEqual([])
  })

  it('gives a reason for every file over 250 lines', () => {
    const long = sources.filter((file) => readFileSync(file, 'utf8').split('\n').length > 251)
    expect(long.filter((file) => LONG_FILES[file] === undefined)).toEqual([])
    expect(Object.keys(LONG_FILES).filter((file) => !long.includes(file))).toEqual([])
  })

  it('skips no test and mocks no module', () => {
    const mark = /\b(it|test|describe)\.(skip|only|todo)\b|\bvi\.(mock|useFakeTimers)\(|@ts-(ignore|nocheck)|\bas any\b/
    expect(
      linesMatching(
        mark,
        sources.filter((file) => file !== 'test/tidy.test.ts'),
      ),
    ).toEqual([])
  })

  it('shows every setting in the README, as the schema has it', () => {
    expect(readFileSync('README.md', 'utf8')).toContain(readmeSettings())
  })
})
