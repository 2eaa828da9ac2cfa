import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keccak256, toUtf8Bytes } from 'ethers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newSigningKey } from '../../gateway/chain/keys.ts'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import type { SignedQuote } from '../../gateway/domain/quote.ts'
import type { Merchant } from '../../gateway/merchant/main.ts'
import { sellerClient } from '../../gateway/orders/seller-client.ts'
import { DETERGENT, type Market, openMarket, openShop, SOFTENER } from './market.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const seller = sellerClient()
const WAIT = { timeout: 25_000, interval: 50 }
let market: Market
let shop: Merchant
let mandate: MandateFile
let slowMandate: MandateFile

beforeAll(async () => {
  market = await openMarket()
  shop = await openShop(market, 'shop')
  mandate = await market.grantMandate([shop.address], 0)
  slowMandate = await market.grantMandate([shop.address], 3_600)
})
afterAll(async () => {
  await shop?.stop()
  await market?.close()
})

async function quoteFrom(url: string, gtin = DETERGENT, quantity = 1): Promise<SignedQuote> {
  const answer = await seller.quote(url, market.requestFor(gtin, quantity))
  if (answer.kind !== 'quoted') throw new Error(JSON.stringify(answer))
  return answer.signed
}
type View = {
  state: string
  shipment: `0x${string}`
  notice: string
  sscc: string
  problem: string
  steps: { state: string }[]
}
async function viewOf({ authorizationId }: Terms): Promise<View> {
  const response = await fetch(`${shop.url}/v1/orders/${authorizationId}`)
  return (await response.json()) as View
}
async function reaches(terms: Terms, state: string): Promise<View> {
  await expect.poll(async () => (await viewOf(terms)).state, WAIT).toBe(state)
  return viewOf(terms)
}
const tell = (signedQuote: SignedQuote, terms: Terms) => seller.tell(shop.url, { kind: 'order', signedQuote, terms })
const confirm = (confirmation: ReturnType<Market['confirmationOf']>) =>
  seller.tell(shop.url, { kind: 'confirmation', ...confirmation })

test('tells who it is and what it sells', async () => {
  const answer = await seller.profile(shop.url)
  expect(answer).toMatchObject({ kind: 'profile', profile: { address: shop.address, chainId: 427_015 } })
  expect(answer).toHaveProperty(
    'profile.products',
    expect.arrayContaining([expect.objectContaining({ gtin: DETERGENT })]),
  )
})

test('a quote, held funds, goods, a confirmation: the seller is paid', async () => {
  const before = await market.balanceOf(shop.address)
  const signed = await quoteFrom(shop.url, DETERGENT, 2)
  expect(signed.quote).toMatchObject({ totalMinorUnits: 24_980_000n, packSize: 1400, seller: shop.address })
  expect(market.chain.quoteSigner(signed)).toBe(shop.address)

  const terms = await market.authorize(mandate, signed)
  expect(await tell(signed, terms)).toEqual({ kind: 'acknowledged' })
  expect(await tell(signed, terms)).toEqual({ kind: 'acknowledged' })
  const shipped = await reaches(terms, 'shipped')
  expect(await market.chain.hold(terms)).toMatchObject({ state: 'shipped' })
  expect(keccak256(toUtf8Bytes(shipped.notice))).toBe(shipped.shipment)
  expect(JSON.parse(shipped.notice)).toMatchObject({ sscc: shipped.sscc })
  expect(JSON.parse(shipped.notice).orders).toMatchObject([{ lines: [{ gtin: DETERGENT, quantity: 2 }] }])

  const confirmation = market.confirmationOf(terms, shipped.shipment)
  expect(await confirm(confirmation)).toEqual({ kind: 'acknowledged' })
  expect(await confirm(confirmation)).toEqual({ kind: 'acknowledged' })
  const paid = await reaches(terms, 'paid')
  expect(await market.balanceOf(shop.address)).toBe(before + 24_980_000n)
  expect(paid.steps.map((step) => step.state)).toEqual([
    'accepted',
    'packed',
    'shipping',
    'shipped',
    'confirmed',
    'capturing',
    'paid',
  ])
  // Replayed after the end: acknowledged, and no money moves.
  expect(await confirm(confirmation)).toEqual({ kind: 'acknowledged' })
  expect(await tell(signed, terms)).toEqual({ kind: 'acknowledged' })
  expect(await market.balanceOf(shop.address)).toBe(before + 24_980_000n)
})

test('asked again before it expires, it gives the same quote; another product needs another attempt', async () => {
  const request = market.requestFor(DETERGENT)
  const answers = await Promise.all([1, 2, 3].map(() => seller.quote(shop.url, request)))
  expect(answers[0]).toMatchObject({ kind: 'quoted' })
  expect(answers[1]).toEqual(answers[0])
  expect(answers[2]).toEqual(answers[0])
  expect(await seller.quote(shop.url, { ...request, gtin: SOFTENER })).toMatchObject({
    kind: 'refused',
    refusal: { retry: false, reason: expect.stringContaining('next attempt') },
  })
  expect(await seller.quote(shop.url, { ...request, gtin: SOFTENER, attempt: 2 })).toMatchObject({ kind: 'quoted' })
})

test('takes only the confirmation of this shipment, for all of it, by the buyer', async () => {
  const signed = await quoteFrom(shop.url)
  const terms = await market.authorize(slowMandate, signed)
  await tell(signed, terms)
  const early = market.confirmationOf(terms, `0x${'1'.repeat(64)}`)
  expect(await confirm(early)).toMatchObject({
    kind: 'unreachable',
    reason: expect.stringContaining('not been shipped'),
  })

  const quick = await quoteFrom(shop.url)
  const quickTerms = await market.authorize(mandate, quick)
  expect(await confirm(market.confirmationOf(quickTerms, `0x${'1'.repeat(64)}`))).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('no order'),
  })
  await tell(quick, quickTerms)
  const { shipment } = await reaches(quickTerms, 'shipped')
  const good = market.confirmationOf(quickTerms, shipment)
  expect(await confirm(market.confirmationOf(quickTerms, `0x${'1'.repeat(64)}`))).toMatchObject({
    reason: expect.stringContaining(shipment),
  })
  expect(
    await confirm({ ...good, deliveries: good.deliveries.map((it) => ({ ...it, amount: it.amount - 1n })) }),
  ).toMatchObject({
    reason: expect.stringContaining('of all'),
  })
  expect(await confirm(market.confirmationOf(quickTerms, shipment, newSigningKey()))).toMatchObject({
    reason: expect.stringContaining('neither by the device key'),
  })
  expect((await viewOf(quickTerms)).state).toBe('shipped')
  expect(await confirm(good)).toEqual({ kind: 'acknowledged' })
  expect(
    await confirm({ ...good, deliveries: good.deliveries.map((it) => ({ ...it, amount: it.amount - 1n })) }),
  ).toMatchObject({ kind: 'refused' })
})

test('ships only when cooling off is over, and not what was cancelled meanwhile', async () => {
  const [first, second] = [await quoteFrom(shop.url), await quoteFrom(shop.url)]
  const kept = await market.authorize(slowMandate, first)
  const cancelled = await market.authorize(slowMandate, second)
  expect(await tell(first, kept)).toEqual({ kind: 'acknowledged' })
  expect(await tell(second, cancelled)).toEqual({ kind: 'acknowledged' })
  await market.cancel(cancelled)
  expect((await viewOf(kept)).state).toBe('accepted')
  await market.warp(3_600)
  await reaches(kept, 'shipped')
  expect(await reaches(cancelled, 'cancelled')).toMatchObject({ problem: expect.stringContaining('cancelled') })
  expect(await tell(second, cancelled)).toEqual({ kind: 'acknowledged' })
})

test('goods that are gone after acceptance: the shop declines, and the buyer has the money back', async () => {
  const catalogue = (stock: number) =>
    `name: Small\nproducts:\n  - { sku: A, gtin: '${DETERGENT}', name: Detergent, packSize: 1, contentUnit: ml, priceMinorUnits: '5000000', stock: ${stock} }\n`
  const file = join(market.folder, 'small.yaml')
  writeFileSync(file, catalogue(1))
  const small = await openShop(market, 'small', { catalogueFile: file })
  const smallMandate = await market.grantMandate([small.address], 0)
  const request = market.requestFor(DETERGENT)
  const answer = await seller.quote(small.url, request)
  if (answer.kind !== 'quoted') throw new Error(JSON.stringify(answer))
  const { signed } = answer
  await small.stop()
  writeFileSync(file, catalogue(0))
  const empty = await openShop(market, 'small', { catalogueFile: file })
  try {
    // A quote binds: who asks again gets it, though nothing is left.
    expect(await seller.quote(empty.url, request)).toEqual({ kind: 'quoted', signed })
    const before = await market.balanceOf(market.payer)
    const terms = await market.authorize(smallMandate, signed)
    expect(await seller.tell(empty.url, { kind: 'order', signedQuote: signed, terms })).toEqual({
      kind: 'acknowledged',
    })
    await expect.poll(async () => (await market.chain.hold(terms)).state, WAIT).toBe('declined')
    expect(await market.balanceOf(market.payer)).toBe(before)
    await expect
      .poll(() => seller.tell(empty.url, { kind: 'order', signedQuote: signed, terms }), WAIT)
      .toMatchObject({ kind: 'refused', reason: expect.stringContaining('out of stock') })
  } finally {
    await empty.stop()
  }
})

test('funds that were held after the quote had expired go back', async () => {
  const signed = await quoteFrom(shop.url)
  await market.warp(16 * 60)
  const before = await market.balanceOf(market.payer)
  const terms = await market.authorize(mandate, signed)
  expect(await tell(signed, terms)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('expired') })
  await reaches(terms, 'declined')
  expect(await market.balanceOf(market.payer)).toBe(before)
  expect(await tell(signed, terms)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('go back') })
})

test('an offer to settle goes over HTTP, and so does what the shop would take', async () => {
  const signed = await quoteFrom(shop.url)
  const terms = await market.authorize(mandate, signed)
  await tell(signed, terms)
  await reaches(terms, 'shipped')
  const id = terms.authorizationId
  expect(await seller.offered(shop.url, id)).toEqual({ kind: 'offered', offer: undefined })
  const offer = await market.offerOf(terms, 5_000_000n)
  expect(await seller.offer(shop.url, id, { ...offer, toSeller: 1n })).toMatchObject({ kind: 'refused' })
  expect(await seller.offer(shop.url, id, offer)).toEqual({ kind: 'acknowledged' })
  expect(await viewOf(terms)).toMatchObject({ state: 'shipped', offeredMinorUnits: '5000000' })
  const stranger = `0x${'7'.repeat(64)}` as const
  expect(await seller.offered(shop.url, stranger)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('no order'),
  })
  expect(await seller.offer(shop.url, stranger, offer)).toMatchObject({ kind: 'refused' })
})
