import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import solc from 'solc'

/** A node of solc's syntax tree; `src` is `start:length:file` in bytes. */
export type Node = { nodeType: string; src: string; id: number } & Record<string, unknown>
export type AbiEntry = Record<string, unknown>
export type CompiledContract = {
  abi: AbiEntry[]
  devdoc?: unknown
  userdoc?: unknown
  evm?: { bytecode: { object: string }; methodIdentifiers?: Record<string, string> }
}
export type Compilation = {
  sources: Record<string, { id: number; ast?: Node }>
  contracts: Record<string, Record<string, CompiledContract>>
}
export class CompileError extends Error {}

type Output = Partial<Compilation> & {
  errors?: { severity: string; formattedMessage: string; sourceLocation?: { file: string } }[]
}

const packages = createRequire(import.meta.url)

/** Text of our own sources by path, such as `src/OrderEscrow.sol`, in the order of their names. */
export function readSources(contracts = fileURLToPath(new URL('.', import.meta.url))): Record<string, string> {
  const names = readdirSync(join(contracts, 'src')).filter((name) => name.endsWith('.sol'))
  return Object.fromEntries(
    names.sort().map((name) => [`src/${name}`, readFileSync(join(contracts, 'src', name), 'utf8')]),
  )
}

/**
 * Compiles sources and what they import; throws a CompileError with the compiler's messages. Our own warnings are
 * errors unless `lenient`; those of packages never are.
 */
export function compileSources(sources: Record<string, string>, settings: object, lenient = false): Compilation {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([path, content]) => [path, { content }])),
    settings,
  }
  const readImport = (path: string) => ({
    contents: sources[path] ?? readFileSync(packages.resolve(path), 'utf8'),
  })
  const { errors, ...output } = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport })) as Output
  const fatal =
    errors?.filter((it) => it.severity === 'error' || (!lenient && it.sourceLocation?.file.startsWith('src/'))) ?? []
  if (fatal.length > 0) throw new CompileError(fatal.map((it) => it.formattedMessage).join('\n'))
  return { sources: {}, contracts: {}, ...output }
}
