import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectChain } from '../../gateway/chain/connection.ts'
import { fundGas } from '../../gateway/chain/fund-gas.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { sellerChain } from '../../gateway/chain/seller.ts'
import { Sender, settleWorker } from '../../gateway/chain/sender.ts'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { Scheduler } from '../../gateway/lib/scheduler.ts'
import { DEMO_CATALOGUE, readCatalogue } from '../../gateway/merchant/catalogue.ts'
import { takeOrder } from '../../gateway/merchant/orders.ts'
import { answerQuote } from '../../gateway/merchant/quotes.ts'
import { demoWarehouse } from '../../gateway/merchant/warehouse.ts'
import { sellerWorker } from '../../gateway/merchant/worker.ts'
import type { Fulfilment, SellerChain } from '../../gateway/ports/merchant.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sellerOrderStore } from '../../gateway/store/merchant/orders.ts'
import { quoteBook } from '../../gateway/store/merchant/quotes.ts'
import { sellerTransactionStore } from '../../gateway/store/merchant/transactions.ts'
import { DETERGENT, type Market } from './market.ts'

/** What a test breaks in the agent. */
export type Changes = { chain?: (real: SellerChain) => Partial<SellerChain>; fulfilment?: Partial<Fulfilment> }

export type Stand = Awaited<ReturnType<typeof openStand>>
type Buyable = Parameters<typeof answerQuote>[1] & Parameters<typeof takeOrder>[1]

/** A place to sell at, step by step: a key, a database and a clock that stands. Agents may die and be born there. */
export async function openStand(market: Market) {
  const key = newSigningKey()
  const folder = mkdtempSync(join(tmpdir(), 'seller-worker-'))
  const db = openDatabase(join(folder, 'merchant.db'), 'merchant')
  const clock = new ManualClock((await market.nowSeconds()) * 1000)
  const warnings: string[] = []
  await fundGas(market.access.rpcUrl, addressOf(key))

  return {
    seller: addressOf(key),
    db,
    clock,
    warnings,

    /** The agent's parts on this database, as after a start. */
    async agent({ chain: change = () => ({}), fulfilment = {} }: Changes = {}) {
      const connection = await connectChain(market.access)
      const store = sellerTransactionStore(db, clock)
      const chainId = connection.facts.chainId
      const sender = new Sender({ rpc: connection.rpc, chainId, key, store, clock, maxFeePerGasWei: 10n ** 11n })
      const real = sellerChain(connection, sender, key)
      const orders = sellerOrderStore(db)
      const parts = {
        clock,
        chain: { ...real, ...change(real) },
        orders,
        quotes: quoteBook(db),
        catalogue: readCatalogue(DEMO_CATALOGUE),
        shipAfterSeconds: 0,
        fulfilment: {
          ...demoWarehouse({ stockOf: () => undefined, promisedPacks: orders.promisedPacks }),
          ...fulfilment,
        },
        warn: (sentence: string) => void warnings.push(sentence),
        onSent: () => undefined,
      }
      const worker = sellerWorker(parts)
      const settle = settleWorker([sender])
      const scheduler = new Scheduler([settle, worker], { clock, pollMs: 1_000, onFault: () => undefined })
      const stateOf = async ({ authorizationId }: Terms) => (await orders.get(authorizationId))?.state
      return { ...parts, worker, settle, scheduler, stateOf }
    },

    /** Quotes, holds funds, and tells the agent. */
    async sell(shop: Buyable, mandate: MandateFile): Promise<Terms> {
      const answer = await answerQuote(market.requestFor(DETERGENT), shop)
      if (answer.kind !== 'quoted') throw new Error(answer.refusal.reason)
      const terms = await market.authorize(mandate, answer.signed)
      const told = await takeOrder({ signedQuote: answer.signed, terms }, shop)
      if (told.kind !== 'acknowledged') throw new Error(told.reason)
      // Holding funds made a block, which may be a second later than our clock.
      clock.set(Math.max(clock.nowMs(), (await market.nowSeconds()) * 1000))
      return terms
    },

    close(): void {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}
