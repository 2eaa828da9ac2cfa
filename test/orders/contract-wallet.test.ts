import { readFileSync } from 'node:fs'
import { AbiCoder, concat, type SigningKey } from 'ethers'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { plainBytecode } from '../../contracts/bytecode.ts'
import { erc20 } from '../../gateway/chain/connection.ts'
import { signDigest } from '../../gateway/chain/digests.ts'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import type { Address, HexBytes } from '../../gateway/domain/identifiers.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const SOURCE = 'test/support/Wallet.sol'
const PURSE = 100_000_000n

let home: Home
let owner: SigningKey
let payer: Address
beforeAll(async () => {
  home = await openHome()
  owner = newSigningKey()
  const text = readFileSync(`contracts/${SOURCE}`, 'utf8')
  const code = plainBytecode({ [SOURCE]: text }, [SOURCE])['WALLET_BYTECODE']!
  const receipt = await sendAs(home.wallet.address, undefined, concat([code, abi(['address'], [addressOf(owner)])]))
  payer = receipt.contractAddress
  await sendAs(home.wallet.address, home.chain.facts.token.address, erc20.encode('transfer', [payer, PURSE]))
})
afterAll(() => home?.close())

const abi = (types: string[], values: unknown[]) => AbiCoder.defaultAbiCoder().encode(types, values)
const state = async () => (await home.orders()).map((order) => order.state)

async function sendAs(from: Address, to: Address | undefined, data: string): Promise<{ contractAddress: Address }> {
  const { rpc } = home.connection
  await rpc.send('anvil_impersonateAccount', [from])
  await rpc.send('anvil_setBalance', [from, '0x56bc75e2d63100000'])
  // With its receipt: after the hash alone the block may still be to come.
  const receipt = await rpc.send('eth_sendTransactionSync', [{ from, ...(to && { to }), data, gas: '0x4c4b40' }])
  await rpc.send('anvil_stopImpersonatingAccount', [from])
  return receipt as { contractAddress: Address }
}
async function runLow(): Promise<void> {
  for (const level of [1400, 800, 250]) {
    await home.level(level)
    await home.pass(HOUR_MS)
  }
}

it('a wallet that is a contract grants, orders and pays, and its owner signs for it (ERC-1271)', async () => {
  const limits = { allowance: 50_000_000n, periodSeconds: 30 * 86_400, maxPerOrder: 25_000_000n, days: 365 }
  const drafted = await home.verbs.draft({
    ...{
      homeId: home.homeId,
      deviceId: 'washer-1',
      sellerUrl: 'http://shop.test',
      coolingOffSeconds: 0,
      payer,
      ...limits,
    },
  })
  if (!drafted.ok) throw new Error(drafted.sentence)
  const { draft } = drafted
  const sign = (key: SigningKey) => home.verbs.sign(home.homeId, draft, signDigest(key, draft.file.mandateHash))
  expect(await sign(newSigningKey())).toMatchObject({
    ok: false,
    sentence: expect.stringContaining(`but ${payer} pays`),
  })
  expect(await sign(owner)).toMatchObject({ ok: true, sentence: expect.stringContaining(`let the wallet ${payer}`) })
  await home.drain()
  expect(await home.chain.mandateStatus(draft.file.mandate)).toMatchObject({ status: 'granted' })

  // The one thing that only the wallet itself can do.
  await sendAs(payer, home.chain.facts.token.address, erc20.encode('approve', [home.chain.facts.escrow, PURSE]))
  await home.confirm('auto')
  await runLow()
  expect(await state()).toEqual(['due'])
  expect(await home.balance(payer)).toBe(PURSE - PRICE)

  await home.ship()
  await home.pass(HOUR_MS)
  await home.level(1400)
  await home.actions.received(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  await home.capture()
  expect(await state()).toEqual(['completed'])
  expect(await home.balance(home.selling.address)).toBe(PRICE)
})

it('its owner cancels and settles for it', async () => {
  await runLow()
  const [order] = await home.orders()
  const { orderId } = order!
  const word = (more: object) => ({ authorizationId: order!.authorizationId!, ...more }) as never
  const split = { toSeller: 2_490_000n }
  const looked = await home.actions.settlement(home.homeId, orderId, split)
  if (!looked.ok || looked.settlement === undefined) throw new Error('There is nothing to settle.')
  const { settlement } = looked
  const by: HexBytes = signDigest(owner, home.chain.wordDigest(word({ kind: 'Settlement', settlement })))
  expect(await home.actions.settle(home.homeId, orderId, { ...settlement, who: 'owner', by })).toMatchObject({
    ok: true,
  })
  expect(await home.selling.isPayersSettlement(looked.terms, home.shop.offers[0]!)).toBe(true)

  const signature = signDigest(owner, home.chain.wordDigest(word({ kind: 'Cancellation' })))
  expect(await home.actions.cancel(home.homeId, orderId, 'owner', signature)).toMatchObject({ ok: true })
  await home.drain()
  expect(await state()).toEqual(['cancelled', 'completed'])
  expect(await home.balance(payer)).toBe(PURSE - PRICE)
})
