import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JsonRpcProvider, Wallet } from 'ethers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deployEscrow, deployTestDollar, ESCROW_ADDRESS, TEST_DOLLAR_ADDRESS } from '../../contracts/deploy.ts'
import { foundryBinary } from '../../contracts/foundry.ts'
import { connectChain } from '../../gateway/chain/connection.ts'
import { escrowChain } from '../../gateway/chain/escrow.ts'
import { newSigningKey } from '../../gateway/chain/keys.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import { payerWallet } from '../../gateway/chain/signers.ts'
import type { Address, HexBytes } from '../../gateway/domain/identifiers.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import type { SellerProfile } from '../../gateway/domain/quote.ts'
import { systemClock } from '../../gateway/lib/clock.ts'
import { mandateVerbs } from '../../gateway/orders/mandates.ts'
import type { Chain, MandateDraft, MandateRequest, MandateVerbs, PayerWallet, Seller } from '../../gateway/ports.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'

const CHAIN_ID = 31337
const HOME = 'home'
const SELLER: Address = '0x00000000000000000000000000000000000000aa'
const folder = mkdtempSync(join(tmpdir(), 'mandates-'))
const detergent = { sku: 'D', gtin: '4006381333931', name: 'Detergent', packSize: 1400, contentUnit: 'ml' } as const

let anvil: ReturnType<typeof spawn>
let connection: Awaited<ReturnType<typeof connectChain>>
let provider: JsonRpcProvider

beforeAll(async () => {
  anvil = spawn(foundryBinary('anvil'), ['--port', '0', '--chain-id', String(CHAIN_ID), '--prune-history'])
  let output = ''
  anvil.stdout!.on('data', (chunk) => {
    output += chunk
  })
  while (!/Listening on/.test(output)) await once(anvil.stdout!, 'data')
  const rpcUrl = `http://${/Listening on (\S+)/.exec(output)![1]}`
  provider = new JsonRpcProvider(rpcUrl, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 })
  const deployer = await provider.getSigner(0)
  await deployEscrow(deployer)
  await deployTestDollar(deployer)
  connection = await connectChain({
    rpcUrl,
    chainId: CHAIN_ID,
    escrow: ESCROW_ADDRESS.toLowerCase() as Address,
    token: TEST_DOLLAR_ADDRESS.toLowerCase() as Address,
  })
})
afterAll(async () => {
  provider.destroy()
  anvil.kill()
  await once(anvil, 'exit')
  rmSync(folder, { recursive: true })
})

type Home = {
  db: Db
  chain: Chain
  wallet: PayerWallet
  verbs: MandateVerbs
  profile: SellerProfile
  faults: unknown[]
}
let home: Home
let homes = 0

beforeEach(async () => {
  home = await makeHome()
  return () => home.db.close()
})

async function makeHome(): Promise<Home> {
  const db = openDatabase(join(folder, `${++homes}.db`), 'gateway')
  const store = sqliteTransactionStore(db, systemClock)
  const senderOf = async () => {
    const key = newSigningKey()
    const options = { rpc: connection.rpc, chainId: CHAIN_ID, store, clock: systemClock, maxFeePerGasWei: 10n ** 12n }
    const sender = new Sender({ ...options, key })
    await provider.send('anvil_setBalance', [sender.address, '0xde0b6b3a7640000'])
    return { sender, key }
  }
  const chain = escrowChain(connection, (await senderOf()).sender)
  const payer = await senderOf()
  const wallet = payerWallet(connection, payer.sender, payer.key)
  const profile: SellerProfile = {
    name: 'Corner Shop',
    address: SELLER,
    token: chain.facts.token.address,
    chainId: CHAIN_ID,
    products: [{ ...detergent, priceMinorUnits: 12_490_000n }],
  }
  const seller: Pick<Seller, 'profile'> = { profile: async () => ({ kind: 'profile', profile }) }
  db.prepare(`INSERT INTO homes VALUES (?, 'UTC')`).run(HOME)
  const devices = sqliteDeviceStore(db)
  const keyAddress: Address = '0x00000000000000000000000000000000000000dd'
  const secret = Buffer.alloc(32)
  await devices.add({ deviceId: 'washer', homeId: HOME, secretSha256: secret, keyAddress, keySealed: secret }, 1)
  const faults: unknown[] = []
  const verbs = mandateVerbs({
    devices,
    mandates: sqliteMandateStore(db),
    seller,
    chain,
    wallet,
    save: store.save,
    clock: systemClock,
    onFault: (error) => faults.push(error),
  })
  return { db, chain, wallet, verbs, profile, faults }
}

function describeSlot(...gtins: string[]): void {
  const description: SlotDescription = {
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    degradationDirection: 'down',
    replacementProducts: gtins.map((value) => ({ type: 'ean', value })),
  }
  home.db
    .prepare('INSERT INTO slots (device_id, slot, description) VALUES (?, ?, ?)')
    .run('washer', 'detergent', JSON.stringify(description))
}

const REQUEST: MandateRequest = {
  homeId: HOME,
  deviceId: 'washer',
  sellerUrl: 'http://127.0.0.1:8788',
  allowance: 50_000_000n,
  periodSeconds: 30 * 86_400,
  maxPerOrder: 25_000_000n,
  coolingOffSeconds: 86_400,
  days: 365,
}

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
  describeSlot('4006381333931')
  const { file } = await drafted()
  expect(file.products).toMatchObject([{ gtin: '04006381333931', packSize: 1400, maxUnitPrice: 13_740_000n }])
  expect(file.mandate).toMatchObject({ payer: home.wallet.address, maxOpenOrders: 1, household: `0x${'0'.repeat(64)}` })
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

test('the gateway wallet signs: granted on chain, the escrow may take tokens, and a repeat changes nothing', async () => {
  describeSlot('4006381333931')
  const draft = await drafted()
  const signed = await home.verbs.sign(HOME, draft, 'gateway-wallet')
  expect(signed).toMatchObject({ ok: true, txHash: expect.stringMatching(/^0x/) })
  await becomes(draft, 'granted')
  expect((await home.chain.funds(home.wallet.address)).allowance).toBeGreaterThan(draft.file.mandate.allowance)
  expect(await home.verbs.sign(HOME, draft, 'gateway-wallet')).toMatchObject({ ok: true, txHash: undefined })
  expect(states()).toEqual(['signed'])
})

test("a wallet of the homeowner's own signs the typed data", async () => {
  describeSlot('4006381333931')
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
  describeSlot('4006381333931')
  const { file, ...rest } = await drafted()
  const dearer = { ...file, products: file.products.map((product) => ({ ...product, maxUnitPrice: 99_000_000n })) }
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
  describeSlot('4006381333931')
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
  describeSlot('4006381333931')
  const draft = await drafted()
  const signature = await home.wallet.sign(draft.file.mandate)
  await sqliteMandateStore(home.db).add({ ...draft, homeId: HOME, createdAtMs: 1 }, signature)
  await home.verbs.resume()
  await becomes(draft, 'granted')
  expect((await home.chain.funds(home.wallet.address)).allowance).toBeGreaterThan(0n)
  const sent = () => home.db.prepare('SELECT count(*) FROM transactions').pluck().get()
  const before = sent()
  await home.verbs.resume()
  expect(sent()).toBe(before)
  expect(home.faults).toEqual([])
})

test('what was kept comes back as it was', async () => {
  describeSlot('4006381333931')
  const draft = await drafted()
  await home.verbs.sign(HOME, draft, 'gateway-wallet')
  const [row] = await sqliteMandateStore(home.db).list(HOME)
  expect(row).toMatchObject({ ...draft, homeId: HOME, state: 'signed' })
  expect(await sqliteMandateStore(home.db).list('other')).toEqual([])
})

test('each mistake is a sentence that says what to do', async () => {
  expect(await refusal({})).toMatch(/has not told which products.*--gtin/)
  describeSlot('96385074')
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
