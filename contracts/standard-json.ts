import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { posix } from 'node:path'

/** solc's input with every source in it: what compiles here, and what a block explorer takes to verify the source. */
export type StandardInput = { language: 'Solidity'; sources: Record<string, { content: string }>; settings: object }

/** The contracts that other code uses. */
export const CONTRACTS = ['DeviceRegistry', 'OrderEscrow', 'TestDollar'] as const
export type ContractName = (typeof CONTRACTS)[number]

/** No metadata: the bytecode, and with it the CREATE2 address, changes only with the code. */
export const SETTINGS = {
  optimizer: { enabled: true, runs: 10_000 },
  viaIR: true,
  evmVersion: 'cancun',
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
  outputSelection: Object.fromEntries(
    CONTRACTS.map((name) => [`src/${name}.sol`, { [name]: ['abi', 'evm.bytecode.object'] }]),
  ),
}

const packages = createRequire(import.meta.url)

/** The input of the compiler, complete: with it anyone can verify the deployed code. */
export function sourceInput(): StandardInput {
  return standardInput(
    CONTRACTS.map((name) => `src/${name}.sol`),
    SETTINGS,
  )
}

/** The input of these files (such as `src/OrderEscrow.sol`) and of all that they import. */
export function standardInput(files: readonly string[], settings: object): StandardInput {
  const sources: StandardInput['sources'] = {}
  const waiting = [...files]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (sources[path] !== undefined) continue
    const content = readSource(path)
    sources[path] = { content }
    for (const [, imported] of content.matchAll(/^import[^;"]*"([^"]+)";/gm)) {
      waiting.push(imported!.startsWith('.') ? posix.join(posix.dirname(path), imported!) : imported!)
    }
  }
  // In the order of their names: solc numbers what it reads, and its output depends on the numbers.
  const sorted = Object.fromEntries(Object.entries(sources).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return { language: 'Solidity', sources: sorted, settings }
}

function readSource(path: string): string {
  return readFileSync(path.startsWith('src/') ? new URL(path, import.meta.url) : packages.resolve(path), 'utf8')
}
