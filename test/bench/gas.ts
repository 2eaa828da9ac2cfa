/** What orders cost on chain, from the receipts of a real anvil: `npm run bench:gas -- [--update] [--json]`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type GasRow, measureGas, movedFigures, readSnapshot, writeSnapshot } from './gas-figures.ts'
import { readmeGas } from './gas-readme.ts'

const HELP = `Usage: npm run bench:gas -- [--update] [--json]

Places, ships and captures orders on a chain of its own and prints the gas of each, as the receipts have it.

  --update   writes the figures to test/bench/gas-snapshot.json and into the README
  --json     prints one line: {"bench":"gas","figures":{…},"rows":[…]}
Without --update it exits 1 when a figure has moved by more than 1 % from the snapshot.`

const README = new URL('../../README.md', import.meta.url)

const { values } = parseArgs({
  options: { update: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
})
if (values.help) console.log(HELP)
else await bench()

async function bench(): Promise<void> {
  if (!values.json) console.log('Measuring …')
  const rows = await measureGas()
  if (values.json) console.log(JSON.stringify({ bench: 'gas', figures: figuresOf(rows), rows }))
  else console.table(rows)
  if (values.update) {
    writeSnapshot(rows)
    const readme = readFileSync(README, 'utf8')
    writeFileSync(README, readme.replace(/<!-- gas -->[\s\S]*<!-- \/gas -->/, readmeGas(rows)))
    return
  }
  const moved = movedFigures(rows, readSnapshot())
  for (const sentence of moved) console.error(sentence)
  if (moved.length > 0) {
    console.error('If that is meant: npm run bench:gas -- --update')
    process.exitCode = 1
  }
}

function figuresOf([single, batched, , , , fifty]: GasRow[]) {
  return {
    authorizeSingleGas: single!.authorize,
    orderLifeBatchedGas: batched!.perOrder,
    orderLifeFiftyHouseholdsGas: fifty!.perOrder,
  }
}
