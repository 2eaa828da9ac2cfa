/** Everything that CI runs, in the order of what fails fastest. No timing thresholds: benches are commands of their own. */
import { spawnSync } from 'node:child_process'
import { installDebianPackages } from './debian.ts'

const STEPS: [what: string, script: string, ...args: string[]][] = [
  ['lint, types, dead code', 'check'],
  ['quick tests', 'test'],
  ['contracts, smallest fuzz tier', 'test:contracts'],
  ['end to end', 'test:e2e'],
  ['a million damaged serial streams', 'test:serial'],
  ['hostile devices and strangers, the reduced table', 'test:survival', '--', '--quick'],
  ['kill -9 at each point, one round each', 'test:crash', '--', '--rounds', '1'],
  ['200 homes for 60 days with every fault at once', 'test:sim'],
  ['the story', 'demo'],
]

const help = process.argv.includes('--help')
if (help) {
  console.log('npm run verify: all that CI runs.')
  for (const [what, script] of STEPS) console.log(`  npm run ${script.padEnd(16)} ${what}`)
} else {
  verify()
}

function verify(): void {
  try {
    installDebianPackages()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
    return
  }
  const table: string[] = []
  for (const [index, [what, script, ...args]] of STEPS.entries()) {
    console.log(`\n── ${index + 1}/${STEPS.length} ${what}: npm run ${script} ──`)
    const startedAt = performance.now()
    const { status } = spawnSync('npm', ['run', '--silent', script, ...args], { stdio: 'inherit' })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    table.push(`${status === 0 ? 'ok  ' : 'FAIL'} ${seconds.padStart(7)} s  ${what}`)
    if (status !== 0) {
      process.exitCode = 1
      break
    }
  }
  console.log(`\n${table.join('\n')}`)
}
