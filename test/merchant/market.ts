import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZeroAddress } from 'ethers'
import pino from 'pino'
import { type Connection, connectChain, erc20 } from '../../gateway/chain/connection.ts'
import { digestsOf, offerLeaf, signDigest } from '../../gateway/chain/digests.ts'
import { startEmbeddedChain } from '../../gateway/chain/embedded-chain.ts'
import { escrowChain } from '../../gateway/chain/escrow.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { RpcBlock } from '../../gateway/chain/rpc.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import { payerWallet } from '../../gateway/chain/signers.ts'
import type { Address, Hex32, HexBytes } from '../../gateway/domain/identifiers.ts'
import {
  type Authorization,
  type Mandate,
  type MandateFile,
  offerFor,
  type Terms,
} from '../../gateway/domain/mandate.ts'
import type { QuoteRequest, SignedQuote } from '../../gateway/domain/quote.ts'
import type { SettlementOffer } from '../../gateway/domain/settlement.ts'
import { systemClock } from '../../gateway/lib/clock.ts'
import { type MerchantOptions, startMerchant } from '../../gateway/merchant/main.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'

export const DETERGENT = '04006381333931'
export const SOFTENER = '9521234000013'
const DAY_SECONDS = 86_400

const randomHex32 = () => `0x${randomBytes(32).toString('hex')}` as Hex32

/** A real chain with a home that buys on it: wallet, device key, mandates. The shop is the test's own. */
export type Market = Awaited<ReturnType<typeof openMarket>>

export async function openMarket(options: { virtualTimeSeconds?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'market-'))
  const payerKey = newSigningKey()
  const deviceKey = newSigningKey()
  const relayerKey = newSigningKey()
  const payer = addressOf(payerKey)
  const embedded = await startEmbeddedChain({
    dataFolder: folder,
    gasFor: [payer, addressOf(relayerKey)],
    payer,
    nowMs: systemClock.nowMs,
    onDeath: () => undefined,
    onFault: () => undefined,
    ...options,
  })
  const connection = await connectChain(embedded.access)
  const digests = digestsOf(connection.facts)
  const db = openDatabase(join(folder, 'home.db'), 'gateway')
  const store = sqliteTransactionStore(db, systemClock)
  const senderOf = (key: typeof payerKey) =>
    new Sender({
      rpc: connection.rpc,
      chainId: connection.facts.chainId,
      key,
      store,
      clock: systemClock,
      maxFeePerGasWei: 10n ** 11n,
    })
  const chain = escrowChain(connection, senderOf(relayerKey))
  const wallet = payerWallet(connection, senderOf(payerKey), payerKey)
  await wallet.allow()

  async function nowSeconds(): Promise<number> {
    return RpcBlock.parse(await connection.rpc.send('eth_getBlockByNumber', ['latest', false])).timestamp
  }

  /** A mandate for everything the demo shop sells, from these sellers. */
  async function grantMandate(sellers: Address[], coolingOffSeconds: number): Promise<MandateFile> {
    const offers = sellers.flatMap((seller) =>
      [DETERGENT, SOFTENER, '9521234000051'].map((gtin) => ({
        ...{ salt: randomHex32(), seller, gtin, packSize: 1 },
        maxUnitPrice: 10n ** 9n,
      })),
    )
    const mandate: Mandate = {
      payer,
      deviceKey: addressOf(deviceKey),
      deviceId: 0n,
      deviceEpoch: 0n,
      arbiter: ZeroAddress as Address,
      token: connection.facts.token.address,
      allowance: 10n ** 12n,
      period: 30 * DAY_SECONDS,
      start: (await nowSeconds()) - 60,
      end: (await nowSeconds()) + 365 * DAY_SECONDS,
      maxPerOrder: 10n ** 11n,
      maxOpenOrders: 1000,
      coolingOffSeconds,
      household: 0n,
      salt: BigInt(randomHex32().slice(0, 18)),
      extraData: chain.readableHash('test'),
      offersRoot: chain.offersRoot(offers),
    }
    await chain.grant(mandate, await wallet.sign(mandate), store.save)
    return { mandateHash: digests.mandate(mandate), mandate, offers, readable: 'test' }
  }

  let nonce = 0
  /** Holds funds for a quote; `changes` lets the home sign something else than it was quoted. */
  async function authorize(
    file: MandateFile,
    { quote }: SignedQuote,
    changes: Partial<Authorization> = {},
  ): Promise<Terms> {
    const now = await nowSeconds()
    const authorization: Authorization = {
      mandateHash: file.mandateHash,
      seller: quote.seller,
      offerLeaf: offerLeaf(offerFor(file, quote)!),
      quantity: quote.quantity,
      total: quote.totalMinorUnits,
      quoteHash: digests.quote(quote),
      shipBy: now + file.mandate.coolingOffSeconds + quote.shipWithinSeconds,
      validBefore: now + 900,
      nonce: ++nonce,
      ...changes,
    }
    const signature = signDigest(deviceKey, digests.authorization(authorization))
    await chain.authorize([[{ authorization, file, gtin: quote.gtin, signature }]], store.save)
    const terms = chain.termsOf({ authorization, file })
    const hold = await chain.hold(terms)
    if (hold.state !== 'authorized') throw new Error('The test could not hold funds.')
    return terms
  }

  return {
    folder,
    chain,
    connection,
    payer,
    access: embedded.access,
    setTime: embedded.setTime,
    nowSeconds,
    grantMandate,
    authorize,
    requestFor(gtin: string, quantity = 1): QuoteRequest {
      return { orderId: randomUUID(), attempt: 1, buyer: payer, gtin, quantity }
    },
    /** Of the first order's parcel: one signature for all of them. */
    confirmationOf(parcel: Terms | [Terms, ...Terms[]], shipment: Hex32, key = deviceKey) {
      const orders = [parcel].flat() as [Terms, ...Terms[]]
      const deliveries = orders.map(({ authorizationId, amount }) => ({ authorizationId, amount }))
      const signed = deliveries.map((delivery) => ({ ...delivery, shipment }))
      const signature = signDigest(key, digests.confirmation(signed))
      return { authorizationId: orders[0].authorizationId, shipment, deliveries, signature }
    },
    /** What the payer signs to end an order by agreement, good for a day. */
    async offerOf({ authorizationId }: Terms, toSeller: bigint, validSeconds = DAY_SECONDS): Promise<SettlementOffer> {
      const settlement = { toSeller, validBefore: (await nowSeconds()) + validSeconds }
      return { ...settlement, signature: await wallet.signWord({ kind: 'Settlement', authorizationId, settlement }) }
    },
    async dispute(terms: Terms): Promise<void> {
      await chain.dispute(terms, signDigest(deviceKey, digests.dispute(terms.authorizationId)), store.save)
    },
    async cancel(terms: Terms): Promise<void> {
      const signature: HexBytes = signDigest(deviceKey, digests.cancellation(terms.authorizationId))
      await chain.cancel(terms, signature, store.save)
    },
    async reclaim(terms: Terms): Promise<void> {
      await chain.reclaim(terms, store.save)
    },
    balanceOf: (account: Address) => balanceOf(connection, account),
    /** Moves the chain's time ahead, and its head with it. */
    async warp(seconds: number): Promise<void> {
      await connection.rpc.send('evm_increaseTime', [seconds])
      await connection.rpc.send('evm_mine', [])
    },
    async close(): Promise<void> {
      db.close()
      await embedded.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

async function balanceOf({ rpc, facts }: Connection, account: Address): Promise<bigint> {
  const data = erc20.encode('balanceOf', [account])
  return erc20.decodeResult(
    'balanceOf',
    (await rpc.send('eth_call', [{ to: facts.token.address, data }, 'latest'])) as string,
  )
}

/** A merchant agent in this process, on the market's chain. */
export function openShop(market: Pick<Market, 'folder'>, name: string, changes: Partial<MerchantOptions> = {}) {
  return startMerchant({
    dataFolder: join(market.folder, name),
    port: 0,
    catalogueFile: undefined,
    shipAfterSeconds: 0,
    chain: { kind: 'gateway-data', folder: market.folder },
    maxFeeGwei: 100,
    timeSocket: undefined,
    log: pino({ level: 'silent' }),
    ...changes,
  })
}
