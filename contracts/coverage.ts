import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { plainBytecode } from './bytecode.ts'
import { readSources } from './compiler.ts'
import { foundryBinary } from './foundry.ts'

const HELP = `Tells which lines and branches of contracts/src the Solidity tests do not reach; exit code 1 when there is one.

Usage: node contracts/coverage.ts
`

/** Play money; the gateway's tests are about it. */
const OMITTED = 'contracts/src/TestDollar.sol'
const FUZZ_RUNS = '256'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, 'contracts/cache/coverage')

/** What one file has of one kind, and the lines of it that no test reaches. */
type Count = { file: string; kind: 'lines' | 'branches'; all: number; missed: number[] }

/** Runs the tests on code that forge can trace back to its source; returns its report in lcov's format. */
function report(): string {
  const sources = readSources()
  const file = join(cache, 'lcov.info')
  mkdirSync(cache, { recursive: true })
  const args = ['coverage', '--report', 'lcov', '--report-file', file, '--no-match-path', 'contracts/test/invariant/*']
  const { status, stdout, stderr } = spawnSync(foundryBinary('forge'), args, {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...env,
      ...plainBytecode(sources, Object.keys(sources)),
      FOUNDRY_CONFIG: 'contracts/foundry.toml',
      FOUNDRY_DENY: 'never',
      FOUNDRY_FUZZ_RUNS: FUZZ_RUNS,
      // Of its own, or the next run of the tests would compile them again.
      FOUNDRY_OUT: join(cache, 'out'),
      FOUNDRY_CACHE_PATH: cache,
    },
  })
  const failures = stdout.split('\n').filter((line) => line.startsWith('[FAIL'))
  if (status !== 0) throw new Error(`forge coverage has failed:\n${[...failures, stderr].join('\n')}`)
  return readFileSync(file, 'utf8')
}

/** DA:line,hits and BRDA:line,block,branch,hits of each file. */
function countsOf(lcov: string): Count[] {
  const records = lcov.split('end_of_record').map((text) => text.trim().split('\n'))
  return records.flatMap((lines) => {
    const file = lines.find((line) => line.startsWith('SF:'))?.slice('SF:'.length) ?? ''
    if (!file.startsWith('contracts/src/') || file === OMITTED) return []
    return [countOf(file, 'lines', lines, 'DA:'), countOf(file, 'branches', lines, 'BRDA:')]
  })
}

function countOf(file: string, kind: Count['kind'], lines: string[], tag: string): Count {
  const places = lines.filter((line) => line.startsWith(tag)).map((line) => line.slice(tag.length).split(','))
  const missed = places.filter((place) => place.at(-1) === '0' || place.at(-1) === '-')
  return { file, kind, all: places.length, missed: missed.map((place) => Number(place[0])) }
}

function main(): void {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } })
  if (values.help) return void process.stdout.write(HELP)

  console.log('Running the Solidity tests …')
  const counts = countsOf(report())
  if (counts.length === 0) throw new Error('forge has reported nothing about contracts/src.')
  for (const { file, kind, all, missed } of counts) {
    const where = missed.length > 0 ? `, not line ${[...new Set(missed)].join(', ')}` : ''
    console.log(`${file}: ${all - missed.length} of ${all} ${kind}${where}`)
  }
  if (counts.some((it) => it.missed.length > 0)) process.exitCode = 1
}

if (import.meta.main) {
  try {
    main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
