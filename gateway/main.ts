import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pino from 'pino'
import { plainTextWarning } from './cli/endpoints.ts'
import { dataFolderFrom, loadConfig } from './config.ts'
import { startGateway } from './gateway.ts'
import { sweepAfterStart } from './lib/memory.ts'
import { ownVersion } from './lib/version.ts'
import { joinVirtualTime } from './lib/virtual-time.ts'
import { openToken } from './web/token.ts'

const HELP = `Runs the gateway until it is stopped with Ctrl-C or SIGTERM.

Usage: npm start -- [options]

  --data <folder>   where all its state is (default: ADEPT_DATA, else ~/.adept)
  --time <socket>   follow a simulator's virtual time (needs a data folder of its own)
  --help            this text
`

/** After this a stop that hangs is ended; systemd's default would wait 90 s. */
const STOP_TIMEOUT_MS = 10_000

/** Runs the gateway of this data folder until a signal ends it; throws a sentence when it cannot start. */
export async function run(dataFolder: string, timeSocket?: string): Promise<void> {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const config = loadConfig(dataFolder)
  const runningFile = join(dataFolder, 'gateway.json')

  const log = pino({ level: config.log.level, base: null }, pino.destination({ fd: 2, sync: true }))
  const virtualTime = timeSocket === undefined ? undefined : await joinVirtualTime(timeSocket, 'gateway')
  const onLost = (fault: Error) => {
    log.fatal({ err: fault }, 'the gateway ends; whoever supervises it starts it again')
    process.exit(1)
  }
  const gateway = await startGateway({ dataFolder, config, version: ownVersion(), log, onLost, virtualTime })
  const { httpUrl, mqttPort, endpoints } = gateway
  writeFileSync(runningFile, JSON.stringify({ pid: process.pid, httpUrl, mqttPort }), { mode: 0o600 })
  const addresses = endpoints.addresses.map(({ url }) => url).join(', ')
  console.log(`The gateway is ready: devices on ${addresses}, you on ${httpUrl}/#token=${openToken(dataFolder)}`)
  const warning = plainTextWarning(endpoints.addresses)
  if (warning !== undefined) console.log(warning)
  if (config.chain.kind === 'embedded') {
    console.log('It uses an embedded development chain with a test dollar: no real money moves.')
  }

  sweepAfterStart()

  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    void gateway.stop().then(
      () => {
        rmSync(runningFile, { force: true })
        process.exit(0)
      },
      (error: unknown) => {
        log.fatal({ err: error }, 'the stop failed')
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: { data: { type: 'string' }, time: { type: 'string' }, help: { type: 'boolean' } },
    })
    if (values.help) console.log(HELP)
    else await run(dataFolderFrom(values.data), values.time)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(1)
  }
}
