import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { signDigest } from '../../gateway/chain/digests.ts'
import { newSigningKey } from '../../gateway/chain/keys.ts'
import type { Terms } from '../../gateway/domain/mandate.ts'
import type { BuyersWord } from '../../gateway/ports/chain.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const HALF = 6_245_000n

let home: Home
let terms: Terms
beforeEach(async () => {
  home = await openHome()
  await home.signMandate({ coolingOffSeconds: 0 })
  await home.confirm('auto')
  for (const level of [1400, 800, 250]) {
    await home.level(level)
    await home.pass(HOUR_MS)
  }
  terms = await home.ship()
})
afterEach(() => home?.close())

const state = async () => (await home.onlyOrder()).state
const orderId = async () => (await home.onlyOrder()).orderId
const no = (words: string) => ({ ok: false, sentence: expect.stringContaining(words) })
const yes = (words: string) => ({ ok: true, sentence: expect.stringContaining(words) })
async function settle(toSeller: bigint, more: { validBefore?: number; by?: `0x${string}` } = {}) {
  const request = { toSeller, who: 'owner', by: 'gateway-wallet' as const, ...more }
  return home.actions.settle(home.homeId, await orderId(), request)
}
const look = async (wanted = {}) => home.actions.settlement(home.homeId, await orderId(), wanted)
/** What the seller would take, signed, for so many seconds. */
async function sellerOffers(toSeller: bigint, seconds = 3_600) {
  const settlement = { toSeller, validBefore: Math.floor(home.clock.nowMs() / 1000) + seconds }
  home.shop.offer = { ...settlement, signature: await home.selling.signSettlement(terms, settlement) }
  return home.shop.offer
}

describe('a settlement', () => {
  it('that the seller has offered goes to the chain with both signatures', async () => {
    const offer = await sellerOffers(HALF)
    expect(await look()).toMatchObject({ ok: true, heldMinorUnits: PRICE, sellersOffer: offer })
    const before = await home.balance(home.wallet.address)
    expect(await settle(HALF)).toEqual(
      yes('You and the seller agree: 6.245 TUSD to the seller, 6.245 TUSD back to you'),
    )
    await home.drain()
    expect(await state()).toBe('settled')
    expect(await home.balance(home.selling.address)).toBe(HALF)
    expect((await home.balance(home.wallet.address)) - before).toBe(PRICE - HALF)
    expect((await home.feed()).at(-1)?.text).toContain('You and the seller agreed'.toLowerCase())
    expect(await settle(HALF)).toEqual(no('On the chain the order is settled'))
  })

  it('that the seller has not offered is offered to it, signed', async () => {
    await sellerOffers(PRICE)
    expect(await settle(HALF)).toEqual(yes('Nothing moves until the seller agrees'))
    const [offer] = home.shop.offers
    expect(await home.selling.isPayersSettlement(terms, offer!)).toBe(true)
    expect((await home.onlyOrder()).steps.at(-1)?.reason).toContain('owner offered to settle: 6.245 TUSD to the seller')
    expect(await state()).toBe('shipped')
    await home.selling.settle(terms, offer!, home.transactions.save)
    await home.drain()
    expect(await state()).toBe('settled')
  })

  it('of a disputed order is signed by a wallet outside', async () => {
    await home.actions.dispute(home.homeId, await orderId(), 'owner')
    await home.drain()
    const view = await look({ toSeller: 0n })
    const { settlement } = view as { settlement: { toSeller: bigint; validBefore: number } }
    const typed = await home.actions.typedData(home.homeId, await orderId(), { kind: 'Settlement', settlement })
    expect(typed).toMatchObject({
      typedData: { primaryType: 'Settlement', message: { authorizationId: terms.authorizationId, toSeller: '0' } },
    })
    const word: BuyersWord = { kind: 'Settlement', authorizationId: terms.authorizationId, settlement }
    const stranger = signDigest(newSigningKey(), home.chain.wordDigest(word))
    expect(await settle(0n, { ...settlement, by: stranger })).toEqual(no(`no signature of ${terms.payer}`))
    expect(await settle(0n, { ...settlement, by: await home.wallet.signWord(word) })).toEqual(yes('Offered: 0.00 TUSD'))
    expect(home.shop.offers).toEqual([{ ...settlement, signature: await home.wallet.signWord(word) }])
  })

  it('that cannot be is refused with a sentence, and an offer that does not hold counts as none', async () => {
    expect(await settle(PRICE + 1n)).toEqual(no('Only 12.49 TUSD is held'))
    expect(await settle(HALF, { validBefore: 5 })).toEqual(no('The time of this offer is over'))
    expect(await settle(HALF, { validBefore: 2 ** 40 })).toEqual(no('90 days'))
    const offer = await sellerOffers(HALF)
    home.shop.offer = { ...offer, toSeller: HALF + 1n }
    expect(await look()).toMatchObject({ ok: true, sellersOffer: undefined })
    await sellerOffers(HALF, 0)
    expect(await look()).toMatchObject({ ok: true, sellersOffer: undefined })
    home.shop.isSilent = true
    expect(await look()).toMatchObject({ ok: true, sellerSays: 'no answer within 10 s' })
    expect(await settle(HALF)).toEqual(no('The seller does not take the offer: no answer'))
  })
})

it("a wallet's own dispute needs no device key, and nobody else's does", async () => {
  const id = await orderId()
  const word: BuyersWord = { kind: 'Dispute', authorizationId: terms.authorizationId }
  expect(await home.actions.typedData(home.homeId, id, { kind: 'Dispute' })).toMatchObject({
    typedData: { primaryType: 'Dispute', message: { authorizationId: terms.authorizationId } },
  })
  const others = await home.wallet.signWord({ ...word, kind: 'Cancellation' })
  expect(await home.actions.dispute(home.homeId, id, 'owner', others)).toEqual(no(`no signature of ${terms.payer}`))
  home.db.prepare('UPDATE devices SET key_sealed = zeroblob(1)').run()
  const signature = await home.wallet.signWord(word)
  expect(await home.actions.dispute(home.homeId, id, 'owner', signature)).toEqual(yes('on its way to the chain'))
  await home.drain()
  expect(await state()).toBe('disputed')
})

describe('what the seller offers', () => {
  const toldOffers = async () =>
    (await home.feed()).map(({ text }) => text).filter((text) => text.includes('offers to settle'))

  it('of frozen money is told within the hour, once, with how to agree and what happens otherwise', async () => {
    await home.actions.dispute(home.homeId, await orderId(), 'owner')
    const offer = await sellerOffers(HALF, 3 * 86_400)
    home.shop.offer = { ...offer, toSeller: 1n }
    await home.pass(HOUR_MS)
    expect(await toldOffers()).toEqual([])

    home.shop.offer = offer
    await home.pass(3 * HOUR_MS)
    expect(await toldOffers()).toEqual([
      expect.stringMatching(
        /^1 × Detergent for washer-1 detergent: the seller offers to settle: 6\.245 TUSD to the seller, 6\.245 TUSD back to you\. /,
      ),
    ])
    const [text] = await toldOffers()
    expect(text).toContain(
      `say \`adept order settle ${await orderId()} --to-seller 6.245\` before Thu, 7 Jan 2027, 11:00 UTC.`,
    )
    expect(text).toContain('If you do nothing, all of it comes back to you after Wed, 3 Feb 2027, 11:00 UTC.')

    await sellerOffers(2_490_000n, 86_400)
    await home.pass(HOUR_MS)
    expect((await toldOffers()).slice(1)).toEqual([expect.stringContaining('2.49 TUSD to the seller, 10.00 TUSD back')])
    await settle(2_490_000n)
    await home.drain()
    expect(await state()).toBe('settled')
  })

  it('of an order that goes its own way is told within half a day', async () => {
    await sellerOffers(HALF, 2 * 86_400)
    await home.pass(12 * HOUR_MS)
    expect(await toldOffers()).toEqual([expect.stringContaining('If you do nothing, the order goes on as before.')])
  })
})
