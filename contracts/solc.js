#!/usr/bin/env node
// The command line which forge expects of a solc binary, over the compiler from npm: `--version` and `--standard-json`.
import { readFileSync } from 'node:fs'
import { env } from 'node:process'

if (process.argv.includes('--version')) {
  // forge asks at every start. Loading the compiler takes longer than a test: who starts forge often tells the answer.
  const version = env.SOLC_VERSION ?? (await import('solc')).default.version()
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`)
} else {
  const { default: solc } = await import('solc')
  // forge puts the text of every source into the input, so that there is nothing to read.
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')))
}
