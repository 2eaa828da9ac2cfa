import { verifyTypedData } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signDigest } from '../../gateway/chain/digests.ts'
import type { Quote } from '../../gateway/domain/quote.ts'
import { DOLLAR, GTIN, type Market, openMarket } from './fixture.ts'

let market: Market
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market.stop())

test('what is signed is what the contract and a wallet compute', async () => {
  const { chain, wallet, deviceKey } = market
  const file = market.mandateFile()
  const typed = chain.mandateTypedData(file.mandate) as Parameters<typeof JSON.stringify>[0]
  const { domain, types, message, primaryType } = JSON.parse(JSON.stringify(typed))
  expect(primaryType).toBe('Mandate')
  delete types.EIP712Domain
  const signer = verifyTypedData(domain, types, message, await wallet.sign(file.mandate))
  expect(signer.toLowerCase()).toBe(wallet.address)

  const quote: Quote = {
    orderId: '0193f5a2-0000-7000-8000-000000000001',
    attempt: 1,
    buyer: wallet.address,
    seller: market.seller.address,
    token: chain.facts.token.address,
    gtin: GTIN,
    productName: 'Flüssigwaschmittel',
    packSize: 1400,
    contentUnit: 'ml',
    quantity: 2,
    totalMinorUnits: 12n * DOLLAR,
    validBeforeSeconds: 1_900_000_000,
    shipWithinSeconds: 86_400,
  }
  const signed = { quote, signature: await market.seller.signQuote(quote) }
  expect(chain.quoteSigner(signed)).toBe(market.seller.address)
  for (const field of Object.keys(quote) as (keyof Quote)[]) {
    const value = quote[field]
    const text = typeof value === 'string' && /^0x/.test(value) ? `${value.slice(0, -1)}0` : `${value}9`
    const changed = { ...quote, [field]: typeof value === 'string' ? text : BigInt(value) + 1n } as Quote
    expect(chain.quoteSigner({ ...signed, quote: changed }), field).not.toBe(market.seller.address)
  }
  expect(chain.quoteSigner({ ...signed, signature: '0x12' })).toBeUndefined()
  expect(chain.quoteSigner({ ...signed, quote: { ...quote, productName: '\ud800' } })).toBeUndefined()
  const fake = { quote, signature: signDigest(deviceKey, chain.quoteHash(quote)) }
  expect(chain.quoteSigner(fake)).toBe(file.mandate.deviceKey)
})
