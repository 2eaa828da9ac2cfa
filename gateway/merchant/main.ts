import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pino from 'pino'
import { type Connection, connectChain } from '../chain/connection.ts'
import { fundGas } from '../chain/fund-gas.ts'
import { addressOf, openKeyring } from '../chain/keys.ts'
import { type NodeFile, readNodeFile } from '../chain/node-file.ts'
import { openRpc, type Rpc } from '../chain/rpc.ts'
import { sellerChain } from '../chain/seller.ts'
import { Sender, settleWorker } from '../chain/sender.ts'
import { dataFolderFrom } from '../config.ts'
import type { Address } from '../domain/identifiers.ts'
import { systemClock } from '../lib/clock.ts'
import { LOOPBACK_HOSTS } from '../lib/http.ts'
import { Scheduler } from '../lib/scheduler.ts'
import { joinVirtualTime } from '../lib/virtual-time.ts'
import { openDatabase } from '../store/database.ts'
import { lockFolder } from '../store/lock.ts'
import { sellerOrderStore } from '../store/merchant/orders.ts'
import { quoteBook } from '../store/merchant/quotes.ts'
import { sellerTransactionStore } from '../store/merchant/transactions.ts'
import { DEMO_CATALOGUE, findProduct, readCatalogue } from './catalogue.ts'
import { type ChainPlace, chainPlace, command, type Deed, type Flags } from './options.ts'
import { databaseFile } from './refund.ts'
import { merchantServer } from './server.ts'
import { demoWarehouse } from './warehouse.ts'
import { sellerWorker } from './worker.ts'

const POLL_MS = 1_000
const NODE_WAIT_MS = 30_000
const NODE_POLL_MS = 250
const STOP_WITHIN_MS = 10_000
const REPEAT_AFTER_MS = 60_000

export type MerchantOptions = {
  dataFolder: string
  port: number
  catalogueFile: string | undefined
  shipAfterSeconds: number
  chain: ChainPlace
  maxFeeGwei: number
  timeSocket: string | undefined
  log: pino.Logger
}
export type Merchant = { address: Address; name: string; url: string; stop(): Promise<void> }

/** Joins the parts of the merchant agent, starts them forwards and stops them backwards. Throws a sentence when it cannot. */
export async function startMerchant(options: MerchantOptions): Promise<Merchant> {
  const { dataFolder, log, shipAfterSeconds } = options
  const catalogue = readCatalogue(options.catalogueFile ?? DEMO_CATALOGUE)
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const lock = lockFolder(dataFolder, 'A merchant agent')
  const key = openKeyring(dataFolder).fileKey('seller')
  const connection = await connect(options.chain, addressOf(key), log)
  const time = options.timeSocket === undefined ? undefined : await joinVirtualTime(options.timeSocket, 'merchant')
  const clock = time?.clock ?? systemClock
  const db = openDatabase(join(dataFolder, 'merchant.db'), 'merchant')

  const sender = new Sender({
    rpc: connection.rpc,
    chainId: connection.facts.chainId,
    key,
    store: sellerTransactionStore(db, clock),
    clock,
    maxFeePerGasWei: BigInt(Math.round(options.maxFeeGwei * 1e9)),
  })
  const chain = sellerChain(connection, sender, key)
  const orders = sellerOrderStore(db)
  const fulfilment = demoWarehouse({
    stockOf: (gtin) => {
      const product = findProduct(catalogue, gtin)
      return product === undefined ? 0 : product.stock
    },
    promisedPacks: orders.promisedPacks,
  })
  const warn = (sentence: string) => log.warn(sentence)
  const onSent = () => scheduler.nudge('transactions')
  const scheduler: Scheduler = new Scheduler(
    [settleWorker([sender]), sellerWorker({ clock, chain, orders, fulfilment, warn, onSent })],
    { clock, pollMs: POLL_MS, onFault: (worker, error) => log.error({ err: error, worker }, `${worker} failed`) },
  )
  const server = merchantServer({
    clock,
    chain,
    quotes: quoteBook(db),
    orders,
    catalogue,
    shipAfterSeconds,
    hostnames: LOOPBACK_HOSTS,
    nudge: () => scheduler.nudge('seller-orders'),
    tell: (sentence) => log.info(sentence),
    onFault: (error) => log.error({ err: error }, 'a request failed'),
  })
  const stop = async () => {
    time?.close()
    await server.close()
    await scheduler.stop()
    db.close()
    lock.release()
  }

  try {
    await server.listen({ host: '127.0.0.1', port: options.port })
  } catch (error) {
    await stop()
    throw portError(error, options.port)
  }
  if (time === undefined) scheduler.start()
  else time.follow({ scheduler, onLost: warn })
  const { port } = server.server.address() as AddressInfo
  return { address: sender.address, name: catalogue.name, url: `http://127.0.0.1:${port}`, stop }
}

async function connect(place: ChainPlace, account: Address, log: pino.Logger): Promise<Connection> {
  if (place.kind === 'rpc') return connectChain(place)
  const { node, connection } = await waitForNode(place.folder, log)
  await fundGas(node.rpcUrl, account)
  return { ...connection, rpc: followingRpc(node, connection.rpc, place.folder, account) }
}

/** A gateway that was killed leaves its file behind, and a new chain has no contracts at first: only one that is whole counts. */
async function waitForNode(folder: string, log: pino.Logger): Promise<{ node: NodeFile; connection: Connection }> {
  let problem: unknown
  for (let waitedMs = 0; waitedMs < NODE_WAIT_MS; waitedMs += NODE_POLL_MS) {
    const node = readNodeFile(folder)
    if (node?.isWhole) {
      try {
        return { node, connection: await connectChain(node) }
      } catch (error) {
        problem = error
      }
    }
    if (waitedMs === 0) log.info(`Waiting up to ${NODE_WAIT_MS / 1000} s for the chain of the gateway in ${folder}`)
    await wait(NODE_POLL_MS)
  }
  throw new Error(
    `The gateway in ${folder} has no chain that answers. Start it first, or give --rpc-url, --chain-id, --escrow and --token.`,
    { cause: problem },
  )
}

/**
 * The embedded chain may be started again, at another port too: it is looked up before each question. Gas is a gift there
 * and no transaction, so that a chain which was made again from its blocks may not know it: it is given once more.
 */
function followingRpc(first: NodeFile, firstRpc: Rpc, folder: string, account: Address): Rpc {
  let current = { pid: first.pid, rpc: firstRpc }
  async function ask<T>(question: (rpc: Rpc) => Promise<T>): Promise<T> {
    const node = readNodeFile(folder)
    if (node?.isWhole && node.pid !== current.pid) {
      await fundGas(node.rpcUrl, account)
      current = { pid: node.pid, rpc: openRpc(node.rpcUrl) }
    }
    return await question(current.rpc)
  }
  return {
    send: (method, params) => ask((rpc) => rpc.send(method, params)),
    batch: (calls) => ask((rpc) => rpc.batch(calls)),
  }
}

function portError(error: unknown, port: number): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') return error
  return new Error(`Port ${port} is taken by another program. Stop it, or choose another with --port.`, {
    cause: error,
  })
}

/** JSON lines, or lines that a person can read: the same one again is told once a minute. */
function openLog(json: boolean): pino.Logger {
  if (json) return pino({ base: null }, pino.destination({ dest: 2, sync: true }))
  let last = { text: '', atMs: 0 }
  return pino(
    { base: null },
    {
      write(line) {
        const { atMs, text } = humanLine(line)
        if (text === last.text && atMs - last.atMs < REPEAT_AFTER_MS) return
        last = { text, atMs }
        process.stderr.write(`${new Date(atMs).toISOString()} ${text}\n`)
      },
    },
  )
}

function humanLine(line: string): { atMs: number; text: string } {
  const { time, level, msg, err } = JSON.parse(line) as {
    time: number
    level: number
    msg: string
    err?: { message: string }
  }
  const cause = err === undefined ? '' : `: ${err.message}`
  return { atMs: time, text: `${pino.levels.labels[level]} ${msg}${cause}` }
}

async function main(): Promise<void> {
  await command(sell, note).parseAsync()
}

const folderOf = (flags: Flags) => flags.data ?? join(homedir(), '.adept-shop')

/** Notes something in the database; the agent that runs beside it, or the next one, does it. */
async function note(deed: Deed, flags: Flags): Promise<void> {
  const db = openDatabase(databaseFile(folderOf(flags)), 'merchant')
  try {
    const sentence = await deed({ orders: sellerOrderStore(db), clock: systemClock })
    process.stdout.write(`${flags.json ? JSON.stringify({ sentence }) : sentence}\n`)
  } finally {
    db.close()
  }
}

async function sell(flags: Flags): Promise<void> {
  const log = openLog(flags.json === true)
  const merchant = await startMerchant({
    dataFolder: folderOf(flags),
    port: flags.port,
    catalogueFile: flags.catalogue,
    shipAfterSeconds: flags.shipAfter,
    chain: chainPlace(flags, dataFolderFrom(undefined)),
    maxFeeGwei: flags.maxFeeGwei,
    timeSocket: flags.time,
    log,
  })
  const { name, address, url } = merchant
  const ready = flags.json
    ? JSON.stringify({ ready: true, name, address, url })
    : `${name} (${address}) sells at ${url}`
  process.stdout.write(`${ready}\n`)

  const stop = () => {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
    merchant.stop().catch((error: unknown) => {
      log.error({ err: error }, 'stopping failed')
      process.exitCode = 1
    })
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
