import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findMutants, type Mutant } from './mutants.ts'
import { MutationBench, OMITTED, type Outcome, type Result } from './mutation-bench.ts'

const HELP = `Puts one small fault after the other into the contracts and looks whether the Solidity tests notice.

Usage: node contracts/mutate.ts [--only <file[:line]>] [--again] [--list] [--minutes <n>] [--json]

  --only <file[:line]>  faults of one source only, such as OrderEscrow.sol or OrderEscrow.sol:120
  --again               run those too whose result is known from an earlier run of the same sources and tests
  --list                print the faults and run nothing
  --minutes <n>         stop after this time; the next run goes on from there
  --json                print the results as JSON; progress goes to stderr
  --help                show this text

Exit code 1 when a fault survives that contracts/mutants-equivalent.json does not prove harmless, or when one listed
there is found by a test or does not exist any more. The play money TestDollar.sol is left out. A fault takes about two seconds of one core.
`

/** A result holds as long as `tests` is the hash of what it depends on. */
type KnownResult = Result & { tests: string }
/** Faults that change nothing anyone can see, each with the reason why. */
type Equivalent = { name: string; proof: string }

const here = fileURLToPath(new URL('.', import.meta.url))
const equivalentFile = join(here, 'mutants-equivalent.json')
const resultsFile = join(here, 'cache', 'mutants.json')

/** Results of earlier runs, by a hash of the faulty sources. */
function readResults(): Record<string, KnownResult> {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8')) as Record<string, KnownResult>
  } catch {
    return {}
  }
}

function saveResults(results: Record<string, KnownResult>): void {
  mkdirSync(dirname(resultsFile), { recursive: true })
  writeFileSync(resultsFile, JSON.stringify(results))
}

/** What the list of equivalents says that the results do not. */
function complaints(results: Result[], listed: Equivalent[], all: Mutant[]): string[] {
  const proven = new Set(listed.map((it) => it.name))
  const names = new Set(all.map((it) => it.name))
  return [
    ...results
      .filter((it) => it.outcome === 'survived' && !proven.has(it.name))
      .map((it) => `Survived, line ${it.line}: ${it.name}`),
    ...results
      .filter((it) => it.outcome !== 'survived' && proven.has(it.name))
      .map((it) => `Listed as equivalent, but ${it.outcome} by ${it.by?.test}: ${it.name}`),
    ...listed.filter((it) => !names.has(it.name)).map((it) => `Listed as equivalent, but does not exist: ${it.name}`),
  ]
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      again: { type: 'boolean' },
      list: { type: 'boolean' },
      minutes: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const minutes = Number(values.minutes ?? Number.POSITIVE_INFINITY)
  if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, not "${values.minutes}".`)

  using bench = new MutationBench()
  const { sources } = bench
  const all = findMutants(
    sources,
    Object.keys(sources).filter((path) => !OMITTED.includes(path)),
  )
  const [file, line] = (values.only ?? '').split(':')
  const chosen = all.filter((it) => it.file.endsWith(file!) && (line === undefined || it.line === Number(line)))
  if (chosen.length === 0) throw new Error(`No fault fits "${values.only}": name a file of contracts/src.`)
  if (values.list) return console.log(values.json ? JSON.stringify(chosen) : chosen.map((it) => it.name).join('\n'))

  const results = await runAll(bench, chosen, minutes * 60_000, values.again === true)
  const listed = JSON.parse(readFileSync(equivalentFile, 'utf8')) as Equivalent[]
  const wrong = complaints(results, listed, all)
  if (values.json) console.log(JSON.stringify(results, undefined, 2))
  for (const complaint of wrong) console.error(complaint)
  const count = (outcome: Outcome) => results.filter((it) => it.outcome === outcome).length
  const survived = count('survived')
  console.error(
    `${results.length} of ${chosen.length} faults: ${count('killed') + count('timeout')} found, ${survived} survived, ` +
      `${count('invalid')} do not compile. ${listed.length} are proven equivalent.`,
  )
  if (wrong.length > 0 || results.length < chosen.length) process.exitCode = 1
}

async function runAll(bench: MutationBench, chosen: Mutant[], limitMs: number, again: boolean): Promise<Result[]> {
  setPriority(10)
  console.error('Running the tests without a fault …')
  await bench.prepare()
  const known = again ? {} : readResults()
  const results: Result[] = []
  const startMs = performance.now()
  for (const [index, mutant] of chosen.entries()) {
    const key = bench.keyOf(mutant)
    const before = known[key]
    if (before === undefined || before.tests !== bench.testsBehind(before)) {
      if (performance.now() - startMs > limitMs) continue
      const now = await bench.run(mutant)
      known[key] = { ...now, tests: bench.testsBehind(now) }
      saveResults(known)
    }
    const result = { ...known[key]!, name: mutant.name, line: mutant.line }
    results.push(result)
    const seconds = (result.ms / 1000).toFixed(1)
    console.error(
      `${index + 1}/${chosen.length} ${result.outcome} ${result.by?.test ?? ''} ${seconds} s: ${result.name}`,
    )
  }
  return results
}

if (import.meta.main) {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
