import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hexlify, randomBytes, SigningKey } from 'ethers'
import { type Connection, connectChain } from '../../gateway/chain/connection.ts'
import { signDigest } from '../../gateway/chain/digests.ts'
import {
  type EmbeddedChain,
  type EmbeddedChainOptions,
  startEmbeddedChain,
} from '../../gateway/chain/embedded-chain.ts'
import { escrowChain } from '../../gateway/chain/escrow.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { sellerChain } from '../../gateway/chain/seller.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import { payerWallet } from '../../gateway/chain/signers.ts'
import type { Address, Hex32 } from '../../gateway/domain/identifiers.ts'
import type { Authorization, Mandate, MandateFile, MandateOffer } from '../../gateway/domain/mandate.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { AuthorizationItem, Chain, PayerWallet } from '../../gateway/ports/chain.ts'
import type { SellerChain } from '../../gateway/ports/merchant.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'

export const hex32 = (): Hex32 => hexlify(randomBytes(32)) as Hex32
export const ZERO_ADDRESS = `0x${'0'.repeat(40)}` as const
export const GTIN = '04006381333931'
export const DOLLAR = 1_000_000n
const PLENTY_WEI = 10n ** 12n

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'adept-chain-'))
}

/** A home, its device and a shop on a chain of their own. */
export type Market = {
  folder: string
  embedded: EmbeddedChain
  connection: Connection
  db: Db
  clock: ManualClock
  relayerKey: SigningKey
  relayer: Sender
  senderOf(key: SigningKey): Sender
  chain: Chain
  seller: SellerChain
  wallet: PayerWallet
  deviceKey: SigningKey
  /** A mandate of the payer for the device, the seller and one product. */
  mandateFile(limits?: Partial<Mandate>): MandateFile
  order(file: MandateFile, changes?: Partial<Authorization>): AuthorizationItem
  stop(): Promise<void>
}

export async function openMarket(options: Partial<EmbeddedChainOptions> = {}): Promise<Market> {
  const folder = options.dataFolder ?? temporaryFolder()
  const [relayerKey, payerKey, sellerKey, deviceKey] = [1, 2, 3, 4].map(
    (digit) => new SigningKey(`0x${String(digit).repeat(64)}`),
  ) as [SigningKey, SigningKey, SigningKey, SigningKey]
  const embedded = await startEmbeddedChain({
    dataFolder: folder,
    gasFor: [relayerKey, payerKey, sellerKey].map(addressOf),
    payer: addressOf(payerKey),
    nowMs: Date.now,
    onDeath: (reason) => console.error(reason),
    onFault: (error) => console.error(error),
    ...options,
  })
  const connection = await connectChain(embedded.access)
  const clock = new ManualClock(Date.now())
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  const store = sqliteTransactionStore(db, clock)
  const senderOf = (key: SigningKey) =>
    new Sender({
      rpc: connection.rpc,
      chainId: connection.facts.chainId,
      key,
      store,
      clock,
      maxFeePerGasWei: PLENTY_WEI,
    })
  const relayer = senderOf(relayerKey)
  const chain = escrowChain(connection, relayer)
  const seller = sellerChain(connection, senderOf(sellerKey), sellerKey)
  const wallet = payerWallet(connection, senderOf(payerKey), payerKey)
  let nonce = 0
  return {
    ...{ folder, embedded, connection, db, clock, relayerKey, relayer, senderOf, chain, seller, wallet, deviceKey },
    mandateFile(limits = {}) {
      const offers: MandateOffer[] = [
        { salt: hex32(), seller: addressOf(newSigningKey()), gtin: '96385074', packSize: 1, maxUnitPrice: 1n },
        { salt: hex32(), seller: seller.address, gtin: GTIN, packSize: 1400, maxUnitPrice: 8n * DOLLAR },
        { salt: hex32(), seller: seller.address, gtin: GTIN, packSize: 700, maxUnitPrice: 5n * DOLLAR },
      ]
      const start = Math.floor(clock.nowMs() / 1000) - 60
      const mandate: Mandate = {
        payer: wallet.address,
        deviceKey: addressOf(deviceKey),
        deviceId: 0n,
        deviceEpoch: 0n,
        arbiter: ZERO_ADDRESS,
        token: connection.facts.token.address,
        allowance: 50n * DOLLAR,
        period: 30 * 24 * 3600,
        start,
        end: start + 365 * 24 * 3600,
        maxPerOrder: 20n * DOLLAR,
        maxOpenOrders: 10,
        coolingOffSeconds: 0,
        offersRoot: chain.offersRoot(offers),
        household: 0n,
        salt: BigInt(hex32().slice(0, 18)),
        extraData: chain.readableHash('what the person saw'),
        ...limits,
      }
      return { mandateHash: chain.mandateHash(mandate), mandate, offers, readable: 'what the person saw' }
    },
    order(file, changes = {}) {
      const nowSeconds = Math.floor(clock.nowMs() / 1000)
      const authorization: Authorization = {
        mandateHash: file.mandateHash,
        seller: seller.address,
        offerLeaf: chain.offerLeaf(file.offers[1]!),
        quantity: 2,
        total: 12n * DOLLAR,
        quoteHash: hex32(),
        shipBy: nowSeconds + 7 * 24 * 3600,
        validBefore: nowSeconds + 900,
        nonce: ++nonce,
        ...changes,
      }
      const signature = signDigest(deviceKey, chain.authorizationId(authorization))
      return { authorization, file, gtin: GTIN, signature }
    },
    async stop() {
      db.close()
      await embedded.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Grants a fresh mandate and lets the escrow take the payer's tokens. */
export async function grantedFile(market: Market, limits: Partial<Mandate> = {}): Promise<MandateFile> {
  const { chain, wallet } = market
  const save = saveTo(market)
  const file = market.mandateFile(limits)
  await wallet.allow()
  await chain.grant(file.mandate, await wallet.sign(file.mandate), save)
  return file
}

export function saveTo({ db, clock }: Pick<Market, 'db' | 'clock'>) {
  return sqliteTransactionStore(db, clock).save
}

/** Reads an account's number of transactions. */
export async function countOf(market: Market, account: Address): Promise<number> {
  return Number(await market.connection.rpc.send('eth_getTransactionCount', [account, 'latest']))
}
