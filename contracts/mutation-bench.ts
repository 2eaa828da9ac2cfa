import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import solc from 'solc'
import { environmentName, plainBytecode } from './bytecode.ts'
import { CompileError, readSources } from './compiler.ts'
import { foundryBinary } from './foundry.ts'
import { applyMutant, type Mutant } from './mutants.ts'

export type Outcome = 'killed' | 'survived' | 'invalid' | 'timeout'
export type Result = { name: string; line: number; outcome: Outcome; by?: Failure; ms: number }
/** A test that fails, and the file that it is in. */
export type Failure = { test: string; file: string }

/** Play money: the tests make it themselves. */
export const OMITTED = ['src/TestDollar.sol']
/** A fault can make a loop endless; all tests together take seconds. */
const TIMEOUT_MS = 300_000
const TIMEOUT = 'time-out'
/** First what finds nearly all and is fast, then everything. */
const ROUNDS = [
  { args: ['--no-match-path', 'contracts/test/invariant/*'], env: { FOUNDRY_FUZZ_RUNS: '16' } },
  { args: [], env: { FOUNDRY_FUZZ_RUNS: '256', FOUNDRY_INVARIANT_RUNS: '8' } },
]
const here = fileURLToPath(new URL('.', import.meta.url))

/** A copy of sources and tests, so that edits during a run change nothing. Forge compiles it once. */
export class MutationBench implements Disposable {
  readonly folder: string
  readonly sources: Record<string, string>
  readonly #bytecode: Record<string, string>
  /** The test file that found the last fault of a function: it likely finds the next one. */
  readonly #finders = new Map<string, string>()

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

  /** Compiles the tests, once for all faults; throws when one fails without any. */
  async prepare(): Promise<void> {
    this.#checkTests()
    const { code, output } = await this.#forge(['build'], {})
    if (code !== 0) throw new Error(`The tests do not compile:\n${output}`)
    const failure = await this.#firstFailure({})
    if (failure !== undefined) throw new Error(`${failure.test} fails without any fault.`)
  }

  /** The first test that fails on the bytecode given, and on the unchanged one of the other contracts. */
  async #firstFailure(bytecode: Record<string, string>, likelyFile?: string): Promise<Failure | undefined> {
    const first = likelyFile === undefined ? [] : [{ ...ROUNDS[0]!, args: ['--match-path', likelyFile] }]
    for (const { args, env: tier } of [...first, ...ROUNDS]) {
      const failure = await this.#test(args, { ...this.#bytecode, ...bytecode, ...tier })
      if (failure !== undefined) return failure
    }
    return undefined
  }

  /** Whether a test notices the fault. */
  async run(mutant: Mutant): Promise<Result> {
    const startMs = performance.now()
    const done = (outcome: Outcome, by?: Failure): Result => ({
      name: mutant.name,
      line: mutant.line,
      outcome,
      ...(by === undefined ? {} : { by }),
      ms: Math.round(performance.now() - startMs),
    })
    let bytecode: Record<string, string>
    try {
      const faulty = this.#faulty(mutant)
      bytecode = plainBytecode(faulty, dependents(this.sources, mutant.file))
    } catch (error) {
      if (error instanceof CompileError) return done('invalid')
      throw error
    }
    const place = mutant.name.split(': ')[0]!
    const by = await this.#firstFailure(bytecode, this.#finders.get(place) ?? this.#namesake(place))
    if (by?.file) this.#finders.set(place, by.file)
    return by === undefined ? done('survived') : done(by.test === TIMEOUT ? 'timeout' : 'killed', by)
  }

  /** A test that makes a contract of its own would test forge's copy of it, never a fault. */
  #checkTests(): void {
    const names = Object.keys(this.sources)
      .filter((it) => !OMITTED.includes(it))
      .map((it) => basename(it, '.sol'))
    for (const path of filesBelow(join(this.folder, 'contracts/test'))) {
      const own = names.find((name) => new RegExp(`new ${name}\\s*[({]`).test(readFileSync(path, 'utf8')))
      if (own) throw new Error(`${path} has "new ${own}": it must deploy the bytecode of ${environmentName(own)}.`)
    }
  }

  /** The test file named after the function of `place`, such as capture.t.sol for `OrderEscrow.sol _capture`. */
  #namesake(place: string): string | undefined {
    const name = `${place.split(' ')[1]?.replace(/^_/, '')}.t.sol`
    const path = filesBelow(join(this.folder, 'contracts/test')).find((it) => basename(it) === name)
    return path === undefined ? undefined : relative(this.folder, path)
  }

  /** Hash of the tests that a result rests on: the file that found the fault and what it shares, or else all. */
  testsBehind({ outcome, by }: Result): string {
    if (outcome === 'invalid') return ''
    const files = filesBelow(join(this.folder, 'contracts/test')).sort()
    const isBehind = (path: string) => path.includes('/support/') || path.endsWith(by?.file ?? '')
    return hashOf(...files.filter((path) => by === undefined || isBehind(path)).map((it) => readFileSync(it, 'utf8')))
  }

  /** Names the fault by all of the source that it is in. */
  keyOf(mutant: Mutant): string {
    return hashOf(...Object.values(this.#faulty(mutant)))
  }

  #faulty(mutant: Mutant): Record<string, string> {
    return { ...this.sources, [mutant.file]: applyMutant(this.sources[mutant.file]!, mutant) }
  }

  async #test(args: string[], extraEnv: Record<string, string>): Promise<Failure | undefined> {
    const { code, output } = await this.#forge(
      ['test', '--fail-fast', '--fuzz-seed', '1', '-j', '1', ...args],
      extraEnv,
      TIMEOUT_MS,
    )
    if (code === 0) return undefined
    if (code === null) return { test: TIMEOUT, file: '' }
    const failed = /Ran \d+ tests? for (\S+?):\w+\n(?:(?!Ran )[^\n]*\n)*?\[FAIL.*?\] (\w+)/.exec(output)
    // Anything else, such as tests that do not compile, says nothing about the fault.
    if (failed === null) throw new Error(`forge failed without a failing test:\n${output}`)
    return { test: failed[2]!, file: failed[1]! }
  }

  /** The exit code is null when it took too long. */
  async #forge(args: string[], extraEnv: Record<string, string>, timeout?: number) {
    const forge = spawn(foundryBinary('forge'), args, {
      cwd: this.folder,
      env: { ...env, ...extraEnv, FOUNDRY_CONFIG: 'contracts/foundry.toml', SOLC_VERSION: solc.version() },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeout === undefined ? {} : { timeout }),
    })
    let output = ''
    for (const stream of [forge.stdout, forge.stderr]) stream.on('data', (chunk) => (output += chunk))
    const code = await new Promise<number | null>((resolve) => forge.on('close', resolve))
    return { code, output }
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

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name))
}

function hashOf(...texts: string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:${text}`)
  return hash.digest('hex')
}
