import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { environmentName, plainBytecode } from './bytecode.ts'
import { CompileError, readSources } from './compiler.ts'
import { foundryBinary } from './foundry.ts'
import { applyMutant, findMutants, type Mutant } from './mutants.ts'

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

type Outcome = 'killed' | 'survived' | 'invalid' | 'timeout'
type Result = { name: string; line: number; outcome: Outcome; by?: string; ms: number }
/** Faults that change nothing anyone can see, each with the reason why. */
type Equivalent = { name: string; proof: string }

const OMITTED = ['src/TestDollar.sol']
/** A fault can make a loop endless. */
const TIMEOUT_MS = 180_000
/** First what finds nearly all and is fast, then everything. */
const ROUNDS = [
  { args: ['--no-match-path', 'contracts/test/invariant/*'], fuzzRuns: 16 },
  { args: [], fuzzRuns: 256 },
]

const here = fileURLToPath(new URL('.', import.meta.url))
const equivalentFile = join(here, 'mutants-equivalent.json')
const resultsFile = join(here, 'cache', 'mutants.json')

/** A copy of sources and tests, so that edits during a run change nothing. Forge compiles it once. */
class Bench implements Disposable {
  readonly folder: string
  readonly sources: Record<string, string>
  readonly #bytecode: Record<string, string>

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'adept-mutants-'))
    for (const name of ['src', 'test', 'foundry.toml', 'solc.js']) {
      cpSync(join(here, name), join(this.folder, 'contracts', name), { recursive: true })
    }
    cpSync(join(here, '../package.json'), join(this.folder, 'package.json'))
    symlinkSync(join(here, '../node_modules'), join(this.folder, 'node_modules'))
    this.sources = readSources(join(this.folder, 'contracts'))
    this.#bytecode = plainBytecode(this.sources, Object.keys(this.sources))
  }

  /** The first test that fails on the bytecode given, and on the unchanged one of the other contracts. */
  async firstFailure(bytecode: Record<string, string>): Promise<string | undefined> {
    for (const { args, fuzzRuns } of ROUNDS) {
      const failure = await this.#forge(args, fuzzRuns, { ...this.#bytecode, ...bytecode })
      if (failure !== undefined) return failure
    }
    return undefined
  }

  async #forge(args: string[], fuzzRuns: number, bytecode: Record<string, string>): Promise<string | undefined> {
    const forge = spawn(foundryBinary('forge'), ['test', '--fail-fast', '--fuzz-seed', '1', '-j', '1', ...args], {
      cwd: this.folder,
      env: { ...env, ...bytecode, FOUNDRY_CONFIG: 'contracts/foundry.toml', FOUNDRY_FUZZ_RUNS: String(fuzzRuns) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
    })
    let output = ''
    for (const stream of [forge.stdout, forge.stderr]) stream.on('data', (chunk) => (output += chunk))
    const code = await new Promise<number | null>((resolve) => forge.on('close', resolve))
    if (code === 0) return undefined
    if (code === null) return 'timeout'
    const failed = /\[FAIL.*?\] (\w+)/.exec(output)
    // Anything else, such as tests that do not compile, says nothing about the fault.
    if (failed === null) throw new Error(`forge failed without a failing test:\n${output}`)
    return failed[1]
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The file itself and every one that imports it, by whatever way. */
function dependents(sources: Record<string, string>, file: string): string[] {
  const name = file.slice('src/'.length)
  const importers = Object.keys(sources).filter((it) => sources[it]!.includes(`from "./${name}"`))
  return [...new Set([file, ...importers.flatMap((it) => dependents(sources, it))])]
}

/** A test that makes a contract of its own would test forge's copy of it, never a fault. */
function checkTests(bench: Bench): void {
  const names = Object.keys(bench.sources)
    .filter((it) => !OMITTED.includes(it))
    .map((it) => basename(it, '.sol'))
  for (const path of filesBelow(join(bench.folder, 'contracts/test'))) {
    const own = names.find((name) => new RegExp(`new ${name}\\s*[({]`).test(readFileSync(path, 'utf8')))
    if (own) throw new Error(`${path} has "new ${own}": it must deploy the bytecode of ${environmentName(own)}.`)
  }
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name))
}

async function run(bench: Bench, mutant: Mutant): Promise<Result> {
  const startMs = performance.now()
  const done = (outcome: Outcome, by?: string): Result => ({
    name: mutant.name,
    line: mutant.line,
    outcome,
    ...(by === undefined ? {} : { by }),
    ms: Math.round(performance.now() - startMs),
  })
  let bytecode: Record<string, string>
  try {
    const faulty = { ...bench.sources, [mutant.file]: applyMutant(bench.sources[mutant.file]!, mutant) }
    bytecode = plainBytecode(faulty, dependents(bench.sources, mutant.file))
  } catch (error) {
    if (error instanceof CompileError) return done('invalid')
    throw error
  }
  const by = await bench.firstFailure(bytecode)
  return by === undefined ? done('survived') : done(by === 'timeout' ? 'timeout' : 'killed', by)
}

function hashOf(...texts: string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:${text}`)
  return hash.digest('hex')
}

/** Results of earlier runs, by a hash of the faulty sources and of the tests. */
function readResults(): Record<string, Result> {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8')) as Record<string, Result>
  } catch {
    return {}
  }
}

function saveResults(results: Record<string, Result>): void {
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
      .map((it) => `Listed as equivalent, but ${it.outcome} by ${it.by}: ${it.name}`),
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

  using bench = new Bench()
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

async function runAll(bench: Bench, chosen: Mutant[], limitMs: number, again: boolean): Promise<Result[]> {
  checkTests(bench)
  setPriority(10)
  console.error('Running the tests without a fault …')
  const failure = await bench.firstFailure({})
  if (failure !== undefined) throw new Error(`${failure} fails without any fault.`)

  const tests = hashOf(...filesBelow(join(bench.folder, 'contracts/test')).map((it) => readFileSync(it, 'utf8')))
  const known = again ? {} : readResults()
  const results: Result[] = []
  const startMs = performance.now()
  for (const [index, mutant] of chosen.entries()) {
    const faulty = { ...bench.sources, [mutant.file]: applyMutant(bench.sources[mutant.file]!, mutant) }
    const key = hashOf(tests, ...Object.values(faulty))
    if (known[key] === undefined) {
      if (performance.now() - startMs > limitMs) continue
      known[key] = await run(bench, mutant)
      saveResults(known)
    }
    const result = { ...known[key], name: mutant.name, line: mutant.line }
    results.push(result)
    const seconds = (result.ms / 1000).toFixed(1)
    console.error(`${index + 1}/${chosen.length} ${result.outcome} ${result.by ?? ''} ${seconds} s: ${result.name}`)
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
