#!/usr/bin/env node
// The command line which forge expects of a solc binary, over the compiler from npm: `--version` and `--standard-json`.
import { env, stdin } from 'node:process'
import { text } from 'node:stream/consumers'

if (process.argv.includes('--version')) {
  // forge asks at every start. Loading the compiler takes longer than a test: who starts forge often tells the answer.
  const version = env.SOLC_VERSION ?? (await import('solc')).default.version()
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`)
} else {
  // forge puts the text of every source into the input, so that there is nothing to read.
  const input = await text(stdin)
  const { default: solc } = await import('solc')
  process.stdout.write(solc.compile(input))
}
