import { Wallet } from 'ethers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import type { Address, HexBytes } from '../../gateway/domain/identifiers.ts'
import type { MandateDraft, MandateRequest } from '../../gateway/ports/mandates.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { type Market, openMarket } from '../chain/fixture.ts'
import { HOME, type MandateHome, openHome, REQUEST, SELLER } from './mandate-home.ts'

let market: Market
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market.stop())

let home: MandateHome
beforeEach(async () => {
  home = await openHome(market)
  return () => home.db.close()
})

async function drafted(changes: Partial<MandateRequest> = {}): Promise<MandateDraft> {
  const result = await home.verbs.draft({ ...REQUEST, ...changes })
  if (!result.ok) throw new Error(result.sentence)
  return result.draft
}

async function refusal(changes: Partial<MandateRequest>): Promise<string> {
  const result = await home.verbs.draft({ ...REQUEST, ...changes })
  return result.ok ? 'drafted' : result.sentence
}

/** anvil makes the block just after it has taken the transaction. */
function becomes({ file }: MandateDraft, status: string): Promise<void> {
  return expect.poll(async () => (await home.chain.mandateStatus(file.mandate)).status, { interval: 5 }).toBe(status)
}

function states(): unknown[] {
  return home.db.prepare('SELECT state FROM mandates').pluck().all()
}

test('a draft names the product with its highest price, the caps, the seller and the way out, and signs that text', async () => {
  home.describeSlot('4006381333931')
  const { file } = await drafted()
  expect(file.offers).toMatchObject([{ gtin: '04006381333931', packSize: 1400, maxUnitPrice: 13_740_000n }])
  expect(file.mandate).toMatchObject({ payer: home.wallet.address, maxOpenOrders: 1, household: 0n })
  expect(file.mandate.extraData).toBe(home.chain.readableHash(file.readable))
  for (const words of [
    'ORDER WITH OBLIGATION TO PAY',
    'Detergent, pack of 1400 ml',
    `at most 13.74 ${home.chain.facts.token.symbol} a pack`,
    '25.00',
    '50.00',
    '30 days',
    'Corner Shop',
    SELLER,
    'within 1 day',
    'adept mandate revoke washer',
  ]) {
    expect(file.readable).toContain(words)
  }
})

test('nobody decides a dispute of their own: not the wallet, the device, the seller or who sends for them', async () => {
  home.describeSlot('4006381333931')
  for (const arbiter of [home.wallet.address, addressOf(market.deviceKey), SELLER, home.chain.relayer]) {
    expect(await refusal({ arbiter })).toContain(`${arbiter} is a party of the mandate, or of this gateway`)
  }
  expect(await refusal({ arbiter: addressOf(newSigningKey()) })).toBe('drafted')
})

test('the gateway wallet signs: granted on chain, the escrow may take tokens, and a repeat changes nothing', async () => {
  home.describeSlot('4006381333931')
  const draft = await drafted()
  const signed = await home.verbs.sign(HOME, draft, 'gateway-wallet')
  expect(signed).toMatchObject({ ok: true, txHash: expect.stringMatching(/^0x/) })
  await becomes(draft, 'granted')
  expect((await home.chain.funds(home.wallet.address)).allowance).toBeGreaterThan(draft.file.mandate.allowance)
  expect(await home.verbs.sign(HOME, draft, 'gateway-wallet')).toMatchObject({ ok: true, txHash: undefined })
  expect(states()).toEqual(['signed'])
})

test("a wallet of the homeowner's own signs the typed data", async () => {
  home.describeSlot('4006381333931')
  const own = Wallet.createRandom()
  const draft = await drafted({ payer: own.address.toLowerCase() as Address })
  const typed = home.verbs.typedData(draft) as { domain: object; types: Record<string, []>; message: object }
  const { EIP712Domain: _, ...types } = JSON.parse(JSON.stringify(typed.types))
  const signature = (await own.signTypedData(typed.domain, types, typed.message)) as HexBytes

  const stranger = (await Wallet.createRandom().signTypedData(typed.domain, types, typed.message)) as HexBytes
  expect(await home.verbs.sign(HOME, draft, stranger)).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/signature of 0x/),
  })
  expect(await home.verbs.sign(HOME, draft, '0x1234')).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/no signature/),
  })
  expect(await home.verbs.sign(HOME, draft, 'gateway-wallet')).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/Only the wallet/),
  })
  expect(states()).toEqual([])

  expect(await home.verbs.sign(HOME, draft, signature)).toMatchObject({
    ok: true,
    sentence: expect.stringMatching(/approve the contract/),
  })
  await becomes(draft, 'granted')
  expect(await home.verbs.revoke(HOME, draft.file.mandateHash)).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/call data/),
  })
})

test('a draft that was changed on its way is not signed', async () => {
  home.describeSlot('4006381333931')
  const { file, ...rest } = await drafted()
  const dearer = { ...file, offers: file.offers.map((offer) => ({ ...offer, maxUnitPrice: 99_000_000n })) }
  const otherText = { ...file, readable: file.readable.replace('25.00', '1.00') }
  const otherCap = { ...file, mandate: { ...file.mandate, allowance: 10n ** 12n } }
  for (const changed of [dearer, otherText, otherCap]) {
    expect(await home.verbs.sign(HOME, { ...rest, file: changed }, 'gateway-wallet')).toMatchObject({
      ok: false,
      sentence: expect.stringMatching(/Draft it again/),
    })
  }
  expect(states()).toEqual([])
})

test('a revoked mandate stays revoked', async () => {
  home.describeSlot('4006381333931')
  const draft = await drafted()
  await home.verbs.sign(HOME, draft, 'gateway-wallet')
  await becomes(draft, 'granted')
  expect(await home.verbs.revoke(HOME, draft.file.mandateHash)).toMatchObject({
    ok: true,
    sentence: expect.stringMatching(/was sent/),
  })
  await becomes(draft, 'revoked')
  expect(await home.verbs.revoke(HOME, draft.file.mandateHash)).toMatchObject({
    ok: true,
    sentence: expect.stringMatching(/is revoked/),
  })
  expect(await home.verbs.sign(HOME, draft, 'gateway-wallet')).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/for good/),
  })
  expect(await home.verbs.revoke('other', draft.file.mandateHash)).toMatchObject({
    ok: false,
    sentence: expect.stringMatching(/no mandate/),
  })
})

test('a grant that a stop kept from the chain is sent at the next start', async () => {
  home.describeSlot('4006381333931')
  const draft = await drafted()
  const signature = await home.wallet.sign(draft.file.mandate)
  await sqliteMandateStore(home.db).add({ ...draft, homeId: HOME, createdAtMs: 1 }, signature)
  await home.verbs.resume()
  await becomes(draft, 'granted')
  expect((await home.chain.funds(home.wallet.address)).allowance).toBeGreaterThan(0n)
  const sent = () => market.db.prepare('SELECT count(*) FROM transactions').pluck().get()
  const before = sent()
  await home.verbs.resume()
  expect(sent()).toBe(before)
  expect(home.faults).toEqual([])
})

test('what was kept comes back as it was', async () => {
  home.describeSlot('4006381333931')
  const draft = await drafted()
  await home.verbs.sign(HOME, draft, 'gateway-wallet')
  const [row] = await sqliteMandateStore(home.db).list(HOME)
  expect(row).toMatchObject({ ...draft, homeId: HOME, state: 'signed' })
  expect(await sqliteMandateStore(home.db).list('other')).toEqual([])
})

test('each mistake is a sentence that says what to do', async () => {
  expect(await refusal({})).toMatch(/has not told which products.*--gtin/)
  home.describeSlot('96385074')
  expect(await refusal({})).toMatch(/Corner Shop does not sell 00000096385074/)
  expect(await refusal({ gtins: ['4006381333931', '96385074'] })).toMatch(/does not sell 00000096385074/)
  expect(await refusal({ gtins: ['04006381333931'] })).toBe('drafted')
  const named = { gtins: ['04006381333931'] }
  expect(await refusal({ ...named, deviceId: 'dryer' })).toMatch(/no device dryer/)
  expect(await refusal({ ...named, maxPerOrder: 60_000_000n })).toMatch(/raise --allowance/)
  expect(await refusal({ ...named, maxPerOrder: 10_000_000n })).toMatch(
    /of Detergent may cost 13\.74 .* Raise --max-per-order/,
  )
  expect(await refusal({ ...named, allowance: 2n ** 96n })).toMatch(/allowance/)
  expect(await refusal({ ...named, days: 4000 })).toMatch(/3600 days/)
  home.profile.chainId = 1
  expect(await refusal(named)).toMatch(/chain 1.*same chain and token/)
})
