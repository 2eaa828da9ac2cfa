import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { EMBEDDED_CHAIN_ID } from './connection.ts'

export type AnvilOptions = {
  port: number
  /** Of its only account, which has no funds. */
  mnemonic: string
  /** State that was kept, if there is such a file. */
  stateFile: string
  virtualTimeSeconds: number | undefined
}

export function anvilArguments({ port, mnemonic, stateFile, virtualTimeSeconds }: AnvilOptions): string[] {
  const hasState = existsSync(stateFile)
  return [
    ['--host', '127.0.0.1', '--port', String(port), '--no-cors', '--quiet'],
    ['--chain-id', String(EMBEDDED_CHAIN_ID), '--enable-tx-gas-limit'],
    ['--accounts', '1', '--balance', '0', '--mnemonic', mnemonic],
    // Historic states would fill its cache folder with gigabytes; the latest few allow a reorg in tests.
    ['--prune-history', '16'],
    hasState ? ['--load-state', stateFile] : [],
    virtualTimeSeconds === undefined || hasState ? [] : ['--timestamp', String(virtualTimeSeconds)],
  ].flat()
}

/** The npm package of anvil only starts this binary; doing it ourselves saves a process. */
export function anvilBinary(): string {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const packages = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'))
  const executable = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  try {
    return packages.resolve(`@foundry-rs/anvil-${platform}/bin/${executable}`)
  } catch (cause) {
    throw new Error(
      `There is no embedded chain for ${platform}. Run npm ci on this machine, or configure another chain (chain.kind: rpc).`,
      { cause },
    )
  }
}
