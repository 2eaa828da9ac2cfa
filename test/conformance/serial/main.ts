/** `npm run test:serial -- [--streams 1000000] [--seed name]`: damaged serial streams against the gateway's codec and the boards'. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startDriver } from '../../firmware-bridge/firmware/native.ts'
import { fuzzCodec } from './fuzz.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: 'serial-1' },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log('Damaged serial streams against the codec: flips, cuts, splices, floods.\n')
  console.log('  --streams <number>  how many (default 1000000)\n  --seed <name>       the same name, the same streams')
} else {
  const streams = Number(values.streams)
  const startedAt = performance.now()
  const result = fuzzCodec(streams, values.seed, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${streams} streams`)
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log({ ...result, seconds: Number(seconds) })
  const { forgedLevels, lostAfterOneLine, surelyFoundButAccepted } = result
  if (forgedLevels + lostAfterOneLine + surelyFoundButAccepted > 0) process.exitCode = 1

  // The boards' own reader in C++, under the sanitizers. Commands carry no MAC: damage in two places may pass, once in 65,536.
  const folder = mkdtempSync(join(tmpdir(), 'adept-serial-'))
  const library = startDriver(folder)
  const found = await library.ask(`fuzz 1 ${streams}`)
  await library.stop()
  rmSync(folder, { recursive: true })
  console.log(`The board's reader: ${found}`)
  if (!found.startsWith('lost 0 lightly damaged taken 0 ')) process.exitCode = 1
}
