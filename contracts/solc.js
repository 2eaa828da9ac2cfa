#!/usr/bin/env node
// The command line which forge expects of a solc binary, over the compiler from npm: `--version` and `--standard-json`.
import { readFileSync } from 'node:fs'
import solc from 'solc'

if (process.argv.includes('--version')) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`)
} else {
  // forge puts the text of every source into the input, so that there is nothing to read.
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')))
}
