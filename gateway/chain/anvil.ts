import { existsSync } from 'node:fs'
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
