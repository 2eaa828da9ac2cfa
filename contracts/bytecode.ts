import { compileSources } from './compiler.ts'

/** As forge compiles the tests: fast, and with a place in the source for every instruction. */
const SETTINGS = { optimizer: { enabled: false }, evmVersion: 'cancun' }

/** Creation code of the contracts in the files, not optimized, by the name under which the Solidity tests ask for it. */
export function plainBytecode(sources: Record<string, string>, files: string[]): Record<string, string> {
  const outputSelection = Object.fromEntries(files.map((file) => [file, { '*': ['evm.bytecode.object'] }]))
  const { contracts } = compileSources(sources, { ...SETTINGS, outputSelection }, true)
  return Object.fromEntries(
    files
      .flatMap((file) => Object.entries(contracts[file] ?? {}))
      .map(([name, it]) => [environmentName(name), `0x${it.evm?.bytecode.object ?? ''}`])
      .filter(([, code]) => code !== '0x'),
  )
}

/** OrderEscrow → ORDER_ESCROW_BYTECODE */
export function environmentName(contract: string): string {
  return `${contract.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}_BYTECODE`
}
