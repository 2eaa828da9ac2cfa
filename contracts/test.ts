import { spawn } from 'node:child_process'
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import { compile } from './build.ts'
import { foundryBinary } from './foundry.ts'

const HELP = `Runs the Solidity tests; every argument goes to "forge test".

Usage: node contracts/test.ts [arguments of forge test]

  --match-path 'contracts/test/OrderEscrow/*'   some of them only
  -vvvv                                         with traces

FOUNDRY_PROFILE=medium or deep runs 10 or 100 times as many fuzz cases.
`

function main(args: string[]): void {
  if (args.includes('--help')) return void process.stdout.write(HELP)

  console.log('Compiling what the tests are about …')
  const { DeviceRegistry, OrderEscrow } = compile()
  const bytecode = {
    DEVICE_REGISTRY_BYTECODE: `0x${DeviceRegistry.evm.bytecode.object}`,
    ORDER_ESCROW_BYTECODE: `0x${OrderEscrow.evm.bytecode.object}`,
  }
  // forge learns from its environment only where the configuration is. Not a terminal, so that it prints no spinner.
  const forge = spawn(foundryBinary('forge'), ['test', ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...env, FOUNDRY_CONFIG: 'contracts/foundry.toml', ...bytecode },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  forge.stdout.pipe(process.stdout)
  forge.stderr.pipe(process.stderr)
  forge.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}

try {
  main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
