import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type pino from 'pino'
import { type Keyring, openKeyring } from './chain/keys.ts'
import { type OpenChain, openChain } from './chain/open-chain.ts'
import { deviceSigner } from './chain/signers.ts'
import type { Config } from './config/schema.ts'
import type { WriterPort } from './ingest/batch.ts'
import { type StorageWatch, storageWatch } from './ingest/storage-watch.ts'
import { startWriter } from './ingest/thread.ts'
import { systemClock } from './lib/clock.ts'
import type { VirtualTime } from './lib/virtual-time.ts'
import { checkStoredMandates } from './orders/mandate-check.ts'
import { mandateVerbs } from './orders/mandates.ts'
import { sellerClient } from './orders/seller-client.ts'
import type { DeviceSigner } from './ports/chain.ts'
import type { Clock } from './ports/clock.ts'
import type { DeviceStore } from './ports/devices.ts'
import type { MandateStore, MandateVerbs } from './ports/mandates.ts'
import type { OrderStore } from './ports/orders.ts'
import type { Seller } from './ports/seller.ts'
import { DamagedDatabase, damageAdvice } from './store/damage.ts'
import { type Db, openDatabase } from './store/database.ts'
import { sqliteDeviceStore } from './store/devices.ts'
import { sqliteStorageLog } from './store/health.ts'
import { ensureHome } from './store/homes.ts'
import { lockFolder } from './store/lock.ts'
import { sqliteMandateCheckStore } from './store/mandate-check.ts'
import { sqliteMandateStore } from './store/mandates.ts'
import { type Channel, notifier } from './store/notifications.ts'
import { orderTransactionStore } from './store/order-transactions.ts'
import { sqliteOrderStore } from './store/orders.ts'
import { sqliteRegistrationStore } from './store/registrations.ts'

/** How long the main thread, which all wait for, waits for another program that holds the database. */
const BUSY_TIMEOUT_MS = 2_000
const IS_BACK =
  'The gateway is back: it had ended without being stopped, as in a power cut. What devices said meanwhile they send again.'

export type GatewayOptions = {
  dataFolder: string
  config: Config
  version: string
  log: pino.Logger
  /** Told when the gateway cannot go on: nothing more is acknowledged, and the process must end. */
  onLost(fault: Error): void
  /** When and why an earlier try to start failed for want of its storage. */
  failedBefore?: { atMs: number; error: unknown } | undefined
  /** Follows the simulator's time instead of the machine's. */
  virtualTime?: VirtualTime | undefined
}

/** What the line and the homeowner's side both stand on: the folder, the database with its writer, keys, chain and seller. */
export type Ground = Omit<GatewayOptions, 'virtualTime'> & {
  clock: Clock
  /** The clock is the simulator's: nothing happens between its moments. */
  isVirtual: boolean
  onFault(error: unknown): void
  db: Db
  storage: StorageWatch
  /** Where each entry of the feed is also sent. */
  channels: readonly Channel[]
  devices: DeviceStore
  mandates: MandateStore
  orders: OrderStore
  writer: WriterPort
  /** Resolves when the writer thread has ended unasked. */
  writerLost: Promise<Error>
  keyring: Keyring
  opened: OpenChain
  signer: DeviceSigner
  seller: Seller
  verbs: MandateVerbs
}

/** What was started and how it ends; the last is ended first. */
export type Ends = { part: string; end(): unknown }[]

/** Takes the folder, opens the database, and starts the writer and the chain. Throws a sentence when one of them cannot. */
export async function openGround({ virtualTime, ...options }: GatewayOptions, ends: Ends): Promise<Ground> {
  const { dataFolder, config, log } = options
  const clock = virtualTime?.clock ?? systemClock

  const lock = lockFolder(dataFolder, 'A gateway')
  ends.push({ part: 'the lock of the folder', end: () => lock.release() })
  // It takes the file away when it is stopped.
  const wasKilled = existsSync(join(dataFolder, 'gateway.json'))
  const db = openDatabase(join(dataFolder, 'gateway.db'), 'gateway', { check: true })
  ends.push({ part: 'the database', end: () => void db.close() })
  // All else here waits for it: longer waits are the writer's.
  db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
  ensureHome(db, config.home)
  const channels = config.notify.webhookUrl === undefined ? [] : (['webhook'] as const)
  const storage = storageWatch({
    store: sqliteStorageLog(db, channels),
    clock,
    onDamaged: () => options.onLost(new DamagedDatabase(damageAdvice(dataFolder))),
    failedBefore: options.failedBefore,
  })
  const onFault = (error: unknown) => {
    log.error({ err: error }, 'a fault')
    storage.hear(error)
  }
  if (wasKilled) notifier(db, channels)({ homeId: config.home.id, kind: 'gateway-back', text: IS_BACK }, clock.nowMs())
  const devices = sqliteDeviceStore(db)
  const mandates = sqliteMandateStore(db)
  const transactions = orderTransactionStore(db, clock)

  // The writer begins beside the chain: each takes its time.
  const lost = Promise.withResolvers<Error>()
  const writing = startWriter(join(dataFolder, 'gateway.db'), lost.resolve)
  // It is awaited last; until then nobody would hear that it failed.
  const begun = writing.catch(() => undefined)
  ends.push({ part: 'the writer', end: async () => (await begun)?.stop() })
  const keyring = openKeyring(dataFolder)
  const opened = await openChain(config.chain, {
    dataFolder,
    keyring,
    transactions,
    clock,
    virtualTimeSeconds: virtualTime && Math.floor(clock.nowMs() / 1000),
    onDeath(text) {
      log.error(text)
      notifier(db, channels)({ homeId: config.home.id, kind: 'problem', text }, clock.nowMs())
    },
    onFault,
  })
  ends.push({ part: 'the chain', end: opened.stop })

  const { chain, wallet } = opened
  await checkStoredMandates({ store: sqliteMandateCheckStore(db, channels), chain, clock })
  const seller = sellerClient()
  return {
    ...options,
    clock,
    isVirtual: virtualTime !== undefined,
    onFault,
    db,
    storage,
    channels,
    devices,
    mandates,
    orders: sqliteOrderStore(db, channels),
    writer: (await writing).port,
    writerLost: lost.promise,
    keyring,
    opened,
    signer: deviceSigner(keyring, devices, chain.facts),
    seller,
    verbs: mandateVerbs({
      devices,
      mandates,
      registrations: sqliteRegistrationStore(db),
      seller,
      chain,
      wallet,
      save: transactions.save,
      clock,
      onFault,
    }),
  }
}
