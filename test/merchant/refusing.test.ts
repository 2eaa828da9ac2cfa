import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import type { SignedQuote } from '../../gateway/domain/quote.ts'
import type { Merchant } from '../../gateway/merchant/main.ts'
import { sellerClient } from '../../gateway/orders/seller-client.ts'
import { DETERGENT, type Market, openMarket, openShop } from './market.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const seller = sellerClient()
let market: Market
let shop: Merchant
let otherShop: Merchant
let mandate: MandateFile

beforeAll(async () => {
  market = await openMarket()
  shop = await openShop(market, 'shop')
  otherShop = await openShop(market, 'other-shop')
  mandate = await market.grantMandate([shop.address, otherShop.address], 0)
})
afterAll(async () => {
  await shop?.stop()
  await otherShop?.stop()
  await market?.close()
})

async function quoteFrom(url: string): Promise<SignedQuote> {
  const answer = await seller.quote(url, market.requestFor(DETERGENT))
  if (answer.kind !== 'quoted') throw new Error(JSON.stringify(answer))
  return answer.signed
}
const tell = (signedQuote: SignedQuote, terms: Terms) => seller.tell(shop.url, { kind: 'order', signedQuote, terms })
const isKnown = async ({ authorizationId }: Terms) => (await fetch(`${shop.url}/v1/orders/${authorizationId}`)).ok

test('refuses what it does not sell and what is out of stock', async () => {
  expect(await seller.quote(shop.url, market.requestFor('4012345678901'))).toEqual({
    kind: 'refused',
    refusal: { retry: false, reason: expect.stringContaining('does not sell') },
  })
  expect(await seller.quote(shop.url, market.requestFor('9521234000051', 501))).toEqual({
    kind: 'refused',
    refusal: { retry: true, reason: expect.stringContaining('500 packs are left') },
  })
})

test('an altered quote, a foreign quote and terms that do not fit are refused, and the funds stay', async () => {
  const signed = await quoteFrom(shop.url)
  const terms = await market.authorize(mandate, signed)
  const altered = { ...signed, quote: { ...signed.quote, totalMinorUnits: 1n } }
  expect(await tell(altered, terms)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('our signature'),
  })
  const foreign = await quoteFrom(otherShop.url)
  expect(await tell(foreign, terms)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining(otherShop.address),
  })
  for (const [change, says] of [
    [{ seller: otherShop.address }, 'this seller is'],
    [{ payer: otherShop.address }, 'pays'],
    [{ token: otherShop.address }, 'token'],
    [{ amount: 1n }, 'minor units'],
  ] as const) {
    expect(await tell(signed, { ...terms, ...change })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining(says),
    })
  }
  expect(await market.chain.hold(terms)).toMatchObject({ state: 'authorized' })
  expect(await isKnown(terms)).toBe(false)
})

test('without held funds there is no order, and the buyer may tell it again', async () => {
  const signed = await quoteFrom(shop.url)
  const terms = await market.authorize(mandate, await quoteFrom(shop.url))
  const invented = { ...terms, authorizationId: `0x${'1'.repeat(64)}` as const }
  expect(await tell(signed, invented)).toMatchObject({
    kind: 'unreachable',
    reason: expect.stringContaining('No funds'),
  })
  expect(await tell(signed, { ...terms, household: terms.household + 1n })).toMatchObject({ kind: 'unreachable' })
  expect(await tell(signed, { ...terms, shipBy: terms.shipBy + 1 })).toMatchObject({ kind: 'refused' })
  expect(await isKnown(invented)).toBe(false)
})

test('funds that were held for one quote do not pay for another', async () => {
  const [mine, other] = [await quoteFrom(shop.url), await quoteFrom(shop.url)]
  const terms = await market.authorize(mandate, mine)
  expect(await tell(other, terms)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('another quote') })
  expect(await tell(mine, terms)).toEqual({ kind: 'acknowledged' })
  const again = await market.authorize(mandate, mine)
  expect(await tell(mine, again)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('another authorization'),
  })
})
