import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Hex32 } from '../../gateway/domain/identifiers.ts'
import type { Terms } from '../../gateway/domain/mandate.ts'
import type { Quote, SignedQuote } from '../../gateway/domain/quote.ts'
import type { SignedTransaction } from '../../gateway/ports/chain.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { StaleSellerOrderError, sellerOrderStore } from '../../gateway/store/merchant/orders.ts'
import { quoteBook } from '../../gateway/store/merchant/quotes.ts'

let folder: string
let db: Db
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'merchant-store-'))
  db = openDatabase(join(folder, 'merchant.db'), 'merchant')
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

const hash = (number: number) => `0x${number.toString(16).padStart(64, '0')}` as Hex32
const address = (digit: string) => `0x${digit.repeat(40)}` as const

function quoteOf(number: number, changes: Partial<Quote> = {}): Quote {
  return {
    orderId: `0193d2a4-0000-7000-8000-${String(number).padStart(12, '0')}`,
    attempt: 1,
    buyer: address('1'),
    seller: address('2'),
    token: address('3'),
    gtin: '4006381333931',
    productName: 'Detergent',
    packSize: 1400,
    contentUnit: 'ml',
    quantity: 2,
    totalMinorUnits: 24_980_000n,
    validBeforeSeconds: 1_000,
    shipWithinSeconds: 604_800,
    ...changes,
  }
}
function termsOf(number: number): Terms {
  return {
    authorizationId: hash(number),
    mandateHash: hash(900),
    payer: address('1'),
    deviceKey: address('4'),
    arbiter: address('0'),
    token: address('3'),
    seller: address('2'),
    amount: 24_980_000n,
    shipBy: 700_000,
    coolingOffSeconds: 86_400,
    household: 0n,
  }
}
function orderOf(number: number) {
  return { quoteHash: hash(1000 + number), quote: quoteOf(number), terms: termsOf(number), heldSinceSeconds: 100 }
}
function txOf(number: number): SignedTransaction {
  return { txHash: hash(5000 + number), sender: address('2'), nonce: number, purpose: 'ship', raw: '0x02' }
}
const start = (nextAtMs: number) => ({ state: 'accepted' as const, reason: 'held', nextAtMs })
const packed = { carrier: 'Parcel', sscc: '095212340000000011', notice: '{}', shipment: hash(77) }

test('one attempt of an order has one quote until it expires', async () => {
  const book = quoteBook(db)
  const first: SignedQuote = { quote: quoteOf(1), signature: '0x01' }
  const second: SignedQuote = { quote: quoteOf(1, { totalMinorUnits: 1n }), signature: '0x02' }
  expect(await book.keep(first, 100)).toEqual({ kind: 'kept', signed: first })
  expect(await book.keep(second, 999)).toEqual({ kind: 'kept', signed: first })
  expect(await book.find(first.quote, 999)).toEqual(first)
  expect(await book.find(first.quote, 1_000)).toBeUndefined()
  expect(await book.keep(second, 1_000)).toMatchObject({ kind: 'kept' })
  expect(await book.find({ ...first.quote, buyer: address('9') }, 100)).toBeUndefined()
})

test('open quotes are bounded, and expired ones make room', async () => {
  const book = quoteBook(db, { maxOpenQuotes: 2 })
  await book.keep({ quote: quoteOf(1), signature: '0x01' }, 0)
  await book.keep({ quote: quoteOf(2), signature: '0x01' }, 0)
  expect(await book.keep({ quote: quoteOf(3), signature: '0x01' }, 0)).toEqual({ kind: 'full' })
  const later = { quote: quoteOf(3, { validBeforeSeconds: 2_000 }), signature: '0x01' as const }
  expect(await book.keep(later, 1_000)).toMatchObject({ kind: 'kept' })
})

test('an order is kept once, and its quote is used once', async () => {
  const store = sellerOrderStore(db)
  expect(await store.accept(orderOf(1), start(500), 10)).toBe('accepted')
  expect(await store.accept(orderOf(1), start(900), 20)).toBe('exists')
  expect(await store.accept({ ...orderOf(2), quoteHash: hash(1001) }, start(500), 20)).toBe('quote-used')
  expect(await store.list(10)).toHaveLength(1)
  expect(await store.get(hash(1))).toMatchObject({ ...orderOf(1), orderNumber: 1, state: 'accepted', failures: 0 })
  expect(await store.get(hash(2))).toBeUndefined()
})

test('due orders come longest due first, and a postponed one later', async () => {
  const store = sellerOrderStore(db)
  await store.accept(orderOf(1), start(500), 0)
  await store.accept(orderOf(2), start(300), 0)
  expect(await store.due(299, 10)).toEqual([])
  expect((await store.due(500, 10)).map((order) => order.terms.authorizationId)).toEqual([hash(2), hash(1)])
  expect(await store.nextDueAtMs()).toBe(300)
  await store.postpone(hash(2), 'accepted', 800, 'the warehouse sleeps')
  await store.postpone(hash(1), 'packed', 900)
  expect(await store.nextDueAtMs()).toBe(500)
  expect(await store.get(hash(2))).toMatchObject({ failures: 1, problem: 'the warehouse sleeps' })
})

test('only legal arrows from the right state move an order', async () => {
  const store = sellerOrderStore(db)
  await store.accept(orderOf(1), start(0), 0)
  const how = { atMs: 1, nextAtMs: undefined, reason: 'test' }
  await expect(store.move(hash(1), 'packed', 'shipping', how)).rejects.toThrow(StaleSellerOrderError)
  await expect(store.move(hash(1), 'accepted', 'paid' as 'packed', how)).rejects.toThrow('cannot go')
  await store.move(hash(1), 'accepted', 'refusing', { ...how, reason: 'out of stock' })
  await expect(store.move(hash(1), 'accepted', 'refusing', how)).rejects.toThrow(StaleSellerOrderError)
  expect(await store.get(hash(1))).toMatchObject({ state: 'refusing', problem: 'out of stock' })
  expect((await store.steps(hash(1))).map((step) => step.toState)).toEqual(['accepted', 'refusing'])
})

test('signed bytes and the arrows of all their orders are one transaction', async () => {
  const store = sellerOrderStore(db)
  for (const number of [1, 2]) await store.accept(orderOf(number), start(0), 0)
  await store.pack([hash(1)], packed, 5)
  const how = { atMs: 6, nextAtMs: 6 }
  await expect(store.send([hash(1), hash(2)], 'packed', 'shipping', txOf(1), how)).rejects.toThrow(
    StaleSellerOrderError,
  )
  expect(await store.get(hash(1))).toMatchObject({ state: 'packed', transaction: undefined })
  expect(db.prepare('SELECT count(*) AS n FROM transactions').get()).toEqual({ n: 0 })

  await store.send([hash(1)], 'packed', 'shipping', txOf(1), how)
  expect(await store.get(hash(1))).toMatchObject({ state: 'shipping', packed, transaction: { state: 'sent' } })
})

test('an order follows the transaction that replaced its own', async () => {
  const store = sellerOrderStore(db)
  await store.accept(orderOf(1), start(0), 0)
  await store.pack([hash(1)], packed, 5)
  await store.send([hash(1)], 'packed', 'shipping', txOf(1), { atMs: 6, nextAtMs: 6 })
  db.prepare(`UPDATE transactions SET state = 'replaced'`).run()
  db.prepare(
    `INSERT INTO transactions (tx_hash, sender, nonce, purpose, raw, state, created_at_ms) VALUES (?, ?, 1, 'ship', '0x', 'reverted', 9)`,
  ).run(hash(6000), address('2'))
  expect((await store.get(hash(1)))?.transaction).toEqual({ txHash: txOf(1).txHash, state: 'reverted' })
})

test('the first confirmation stands', async () => {
  const store = sellerOrderStore(db)
  await store.accept(orderOf(1), start(0), 0)
  await expect(
    store.confirm([hash(1)], { deliveries: [{ authorizationId: hash(1), amount: 1n }], signature: '0x01' }, 1),
  ).rejects.toThrow(StaleSellerOrderError)
  await store.pack([hash(1)], packed, 1)
  await store.send([hash(1)], 'packed', 'shipping', txOf(1), { atMs: 1, nextAtMs: 1 })
  await store.move(hash(1), 'shipping', 'shipped', { atMs: 2, nextAtMs: undefined, reason: 'test' })
  await store.confirm([hash(1)], { deliveries: [{ authorizationId: hash(1), amount: 5n }], signature: '0x01' }, 3)
  await store.confirm([hash(1)], { deliveries: [{ authorizationId: hash(1), amount: 6n }], signature: '0x02' }, 4)
  expect(await store.get(hash(1))).toMatchObject({
    state: 'confirmed',
    confirmation: { deliveries: [{ authorizationId: hash(1), amount: 5n }], signature: '0x01' },
  })
})

test('packs are promised until the order ends without goods', async () => {
  const store = sellerOrderStore(db)
  await store.accept(orderOf(1), start(0), 0)
  await store.accept(orderOf(2), start(0), 0)
  expect(await store.promisedPacks('04006381333931')).toBe(4)
  await store.move(hash(1), 'accepted', 'cancelled', { atMs: 1, nextAtMs: undefined, reason: 'test' })
  expect(await store.promisedPacks('4006381333931')).toBe(2)
  expect(await store.promisedPacks('9521234000013')).toBe(0)
})
