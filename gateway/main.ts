import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pino from 'pino'
import { plainTextWarning } from './cli/endpoints.ts'
import type { Config } from './config/schema.ts'
import { dataFolderFrom, loadConfig } from './config.ts'
import { type Gateway, startGateway } from './gateway.ts'
import type { GatewayOptions } from './ground.ts'
import { systemClock } from './lib/clock.ts'
import { sweepAfterStart } from './lib/memory.ts'
import { rotatingFile } from './lib/rotating-file.ts'
import { storageProblem } from './lib/storage-problem.ts'
import { ownVersion } from './lib/version.ts'
import { joinVirtualTime } from './lib/virtual-time.ts'
import { DamagedDatabase } from './store/damage.ts'
import { openToken } from './web/token.ts'

const HELP = `Runs the gateway until it is stopped with Ctrl-C or SIGTERM.

Usage: npm start -- [options]

  --data <folder>   where all its state is (default: ADEPT_DATA, else ~/.adept)
  --time <socket>   follow a simulator's virtual time (needs a data folder of its own)
  --help            this text
`

/** A stop that hangs nevertheless (gateway.ts bounds its parts) is ended; systemd's default would wait 90 s. */
const STOP_TIMEOUT_MS = 10_000
/** Looks so often whether the disk lets the gateway start. */
const RETRY_MS = 5_000

/** The process's exit code for what ended it: 3 says that a new start mends nothing, and a person must act. */
export const exitCodeOf = (fault: unknown): number => (fault instanceof DamagedDatabase ? 3 : 1)

/**
 * Runs the gateway of this data folder until a signal ends it. Waits while the disk is full, read-only or taken, and throws a
 * sentence when it cannot start for any other reason. Exit codes: 0 stopped; 1 a fault; 2 a mistake in the settings; 3 a damaged database.
 */
export async function run(dataFolder: string, timeSocket?: string): Promise<void> {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const config = loadConfig(dataFolder)
  const runningFile = join(dataFolder, 'gateway.json')

  const log = openLog(dataFolder, config.log)
  const virtualTime = timeSocket === undefined ? undefined : await joinVirtualTime(timeSocket, 'gateway')
  const onLost = (fault: Error) => {
    log.fatal({ err: fault }, 'the gateway ends')
    process.exit(exitCodeOf(fault))
  }
  const gateway = await startWhenPossible(
    { dataFolder, config, version: ownVersion(), log, onLost, virtualTime },
    ({ httpUrl, mqttPort }) =>
      writeFileSync(runningFile, JSON.stringify({ pid: process.pid, httpUrl, mqttPort }), { mode: 0o600 }),
  )
  const { httpUrl, endpoints } = gateway
  const addresses = endpoints.addresses.map(({ url }) => url).join(', ')
  // The token is for the person at this terminal, not for a supervisor that keeps what is printed.
  const page = process.stdout.isTTY ? `${httpUrl}/#token=${openToken(dataFolder)}` : httpUrl
  console.log(`The gateway is ready: devices on ${addresses}, you on ${page}`)
  const warning = plainTextWarning(endpoints.addresses)
  if (warning !== undefined) console.log(warning)
  if (config.chain.kind === 'embedded') {
    console.log('It uses an embedded development chain with a test dollar: no real money moves.')
  }

  sweepAfterStart()

  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    void gateway.stop().then((problems) => {
      for (const problem of problems) log.error(problem)
      rmSync(runningFile, { force: true })
      process.exit(problems.length === 0 ? 0 : 1)
    })
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

function openLog(dataFolder: string, { level, file, fileMegabytes }: Config['log']): pino.Logger {
  if (file === undefined) return pino({ level, base: null }, pino.destination({ fd: 2, sync: true }))
  const onProblem = (sentence: string) => console.error(sentence)
  return pino({ level, base: null }, rotatingFile(resolve(dataFolder, file), fileMegabytes * 1_000_000, onProblem))
}

/** Starts it, and tries again as long as only the storage is in the way: whoever makes room need not come back for more. */
async function startWhenPossible(options: GatewayOptions, onStarted: (gateway: Gateway) => void): Promise<Gateway> {
  let failedBefore: GatewayOptions['failedBefore']
  for (;;) {
    let gateway: Gateway | undefined
    try {
      gateway = await startGateway({ ...options, failedBefore })
      onStarted(gateway)
      return gateway
    } catch (error) {
      await gateway?.stop()
      const problem = storageProblem(error)
      if (problem === undefined || problem.kind === 'damaged' || error instanceof DamagedDatabase) throw error
      const sentence = `The gateway waits to start: ${problem.sentence} It goes on by itself then.`
      if (failedBefore === undefined) console.error(sentence)
      options.log.error({ err: error }, sentence)
      failedBefore ??= { atMs: systemClock.nowMs(), error }
      await wait(RETRY_MS)
    }
  }
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
    process.exit(exitCodeOf(error))
  }
}
