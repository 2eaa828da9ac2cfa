import { Command } from 'commander'
import type { Config } from '../config/schema.ts'
import { loadConfig } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import { fileProblem } from '../lib/file-problem.ts'
import { storageProblem } from '../lib/storage-problem.ts'
import { damageAdvice } from '../store/damage.ts'
import { type Client, contextOf, requireGateway } from './client.ts'
import {
  backupCheck,
  certificateCheck,
  clockCheck,
  type Db,
  databaseCheck,
  diskCheck,
  type Finding,
  type Found,
  look,
  notificationsCheck,
  ok,
  openToRead,
  plainTextCheck,
  portsCheck,
  sellersOf,
  signOfLifeCheck,
  timeZoneCheck,
  transactionsCheck,
  wrong,
} from './doctor-files.ts'
import { mandatesCheck } from './doctor-mandates.ts'
import { gwei, type StatusAnswer } from './status.ts'

/** A chain of short blocks is never that old; ours, or its, then stands still. */
const OLD_HEAD_SECONDS = 900
/** A block's time may be a little ahead of ours. */
const AHEAD_SECONDS = 60

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look for what is wrong, and tell what to do; changes nothing, and works without a running gateway')
    .addHelpText('after', '\nEnds with exit code 1 when something is wrong; what you may want so is only shown.')
    .action(async (_options: unknown, command: Command) => {
      const { client, dataFolder, print } = contextOf(command)
      requireGateway(dataFolder)
      const config = loadConfig(dataFolder)
      const findings = await examine(client, dataFolder, config)
      const wrongs = findings.filter(({ state }) => state === 'wrong').length
      print({ wrong: wrongs, checks: findings }, textOf(findings, wrongs))
      if (wrongs > 0) process.exitCode = 1
    })
}

async function examine(client: Client, dataFolder: string, config: Config): Promise<Finding[]> {
  const nowMs = systemClock.nowMs()
  const findings: Finding[] = []
  const check = async (name: string, find: () => Found | Promise<Found>) => {
    const found = await (async () => find())().catch((error: unknown) => wrong(sentenceOf(error, dataFolder)))
    for (const { state, text } of [found].flat())
      findings.push({ check: name, state, text: text.replaceAll(/\s+/g, ' ') })
  }
  const isRunning = await client.get('/healthz').then(
    () => true,
    () => false,
  )
  let db: Db | undefined
  let isReadable = false
  try {
    await check('gateway', () => gatewayCheck(client, isRunning))
    await check('disk', () => diskCheck(dataFolder))
    await check('database', () => {
      db = openToRead(dataFolder)
      const found = databaseCheck(db, dataFolder)
      isReadable = true
      return found
    })
    await check('backup', () => backupCheck(dataFolder, nowMs))
    // What cannot be read once need not be tried, and waited for, again.
    if (!isReadable) {
      db?.close()
      db = undefined
    }
    await check('clock', () => clockCheck(db, nowMs))
    if (!isRunning) await check('ports', () => portsCheck(config))
    await check('plain text', () => plainTextCheck(config))
    await check('certificates', () => certificateCheck(config, dataFolder, nowMs))
    await check('chain', () => chainCheck(config, isRunning, nowMs))
    if (isRunning) await check('money', () => moneyCheck(client))
    if (isReadable) {
      await check('mandates', () => mandatesCheck(db, nowMs))
      await check('transactions', () => transactionsCheck(db, nowMs))
    }
    await check('seller', () => sellerCheck(config, sellersOf(db)))
    await check('notifications', () => notificationsCheck(db, config))
    await check('sign of life', () => signOfLifeCheck(config))
    await check('time zone', () => timeZoneCheck(config))
  } finally {
    db?.close()
  }
  return findings
}

async function gatewayCheck(client: Client, isRunning: boolean): Promise<Found> {
  if (!isRunning) return look('It does not run, or does not answer: start it with `adept start`.')
  await client.get('/readyz')
  return ok('It runs: the database, the thread that writes and the chain answer.')
}

/** The endpoint of a chain that is not ours is asked directly, whether the gateway runs or not. */
async function chainCheck({ chain }: Config, isRunning: boolean, nowMs: number): Promise<Found> {
  if (chain.kind === 'embedded')
    return ok(`The embedded one, for development, ${isRunning ? 'runs' : 'starts'} with the gateway.`)
  const { connectChain, readHead } = await import('../chain/connection.ts')
  const head = await readHead(await connectChain(chain))
  const ageSeconds = Math.floor(nowMs / 1000) - head.timestampSeconds
  const text = `Chain ${chain.chainId} answers and has the contracts; its latest block is ${head.blockNumber}`
  if (ageSeconds < -AHEAD_SECONDS)
    return wrong(`${text}, ${-ageSeconds} s in our future: the clock of this machine is late. Set it.`)
  if (ageSeconds > OLD_HEAD_SECONDS)
    return look(
      `${text}, ${ageSeconds} s old: the chain rests, the endpoint lags, or the clock of this machine is early.`,
    )
  return ok(`${text}, ${Math.max(0, ageSeconds)} s old.`)
}

async function moneyCheck(client: Client): Promise<Found> {
  const { relayer, payer, chain } = await client.get<StatusAnswer>('/v1/status')
  const gas =
    relayer.balanceWei === '0'
      ? wrong(`${relayer.address} pays the gas and has nothing: send it some of the chain's own coin.`)
      : ok(`${relayer.address} pays the gas and has ${gwei(relayer.balanceWei)} gwei.`)
  if (payer === undefined) return [gas, ok('The gateway has no wallet of its own; each mandate names who pays.')]
  if (payer.balance === '0')
    return [gas, wrong(`The wallet ${payer.address} has no ${chain.token.symbol}: send it some.`)]
  const allowed =
    payer.allowance === '0'
      ? look(`The escrow may take nothing of the wallet ${payer.address} yet: \`adept mandate sign\` lets it.`)
      : ok(`The wallet ${payer.address} has ${payer.balanceText}, and the escrow may take of it.`)
  return [gas, allowed]
}

async function sellerCheck({ seller }: Config, inMandates: string[]): Promise<Found> {
  const { sellerClient } = await import('../orders/seller-client.ts')
  const shops = sellerClient()
  return Promise.all(
    [...new Set([...inMandates, seller.url])].map(async (url) => {
      const answer = await shops.profile(url)
      if (answer.kind === 'profile') return ok(`${new URL(url).host} answers.`)
      return inMandates.includes(url)
        ? wrong(`${answer.reason} A mandate names it: its orders wait.`)
        : look(`${answer.reason} Start it, or correct seller.url.`)
    }),
  )
}

function sentenceOf(error: unknown, dataFolder: string): string {
  const code = (error as { code?: unknown } | undefined)?.code
  if (code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED')
    return 'Another program holds the database, such as a backup: ask again in a while.'
  if (storageProblem(error)?.kind === 'damaged') return `Stop the gateway. ${damageAdvice(dataFolder)}`
  return fileProblem(error) ?? (error instanceof Error ? error.message : String(error))
}

function textOf(findings: readonly Finding[], wrongs: number): string {
  const lines = findings.map(({ check, state, text }) => `${state.padEnd(5)}  ${check.padEnd(13)}  ${text}`)
  const sum = wrongs === 0 ? 'Nothing is wrong.' : wrongs === 1 ? 'One thing is wrong.' : `${wrongs} things are wrong.`
  return [...lines, sum].join('\n')
}
