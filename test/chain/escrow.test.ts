import { TypedDataEncoder } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectChain } from '../../gateway/chain/connection.ts'
import { signDigest } from '../../gateway/chain/digests.ts'
import { watchHeads } from '../../gateway/chain/heads.ts'
import { ChainRefusal } from '../../gateway/chain/refusals.ts'
import { chainWatch } from '../../gateway/chain/watcher.ts'
import type { AuthorizationItem, ChainEvent } from '../../gateway/ports/chain.ts'
import { DOLLAR, grantedFile, hex32, type Market, openMarket, saveTo, ZERO_ADDRESS } from './fixture.ts'

let market: Market
beforeAll(async () => {
  market = await openMarket()
})
afterAll(() => market.stop())

/** The escrow's events from the block after `from` on. */
async function eventsAfter(from: number): Promise<ChainEvent[]> {
  const watch = chainWatch(market.connection, { confirmations: 0, from: 'genesis' })
  const answer = await watch.after([])
  if (answer.kind !== 'events') throw new Error('there was a reorg')
  return answer.events.filter((event) => event.blockNumber > from)
}
async function whatHappened<T>(act: () => Promise<T>): Promise<ChainEvent[]> {
  const { blockNumber } = await market.chain.head()
  await act()
  return eventsAfter(blockNumber)
}
const authorize = (...baskets: AuthorizationItem[][]) => market.chain.authorize(baskets, saveTo(market))
const termsOf = (item: AuthorizationItem) => market.chain.termsOf(item)

describe('the life of an order', () => {
  test('is granted, authorized, shipped and captured, and each step is an event with its time', async () => {
    const { chain, seller, wallet } = market
    const save = saveTo(market)
    const file = market.mandateFile()
    await wallet.allow()
    const granted = await whatHappened(async () => chain.grant(file.mandate, await wallet.sign(file.mandate), save))
    expect(granted).toMatchObject([{ type: 'mandate-granted', mandateHash: file.mandateHash }])
    expect(await chain.mandateStatus(file.mandate)).toMatchObject({ status: 'granted', spent: 0n, openOrders: 0 })
    const before = await chain.funds(wallet.address)

    const [one, two] = [market.order(file), market.order(file, { total: 3n * DOLLAR })]
    const authorized = await whatHappened(() => authorize([one, two]))
    expect(authorized).toMatchObject([
      { type: 'authorized', authorizationId: chain.authorizationId(one.authorization), amount: 12n * DOLLAR },
      { type: 'authorized', authorizationId: chain.authorizationId(two.authorization), amount: 3n * DOLLAR },
    ])
    expect(Math.abs(authorized[0]!.atSeconds - Date.now() / 1000)).toBeLessThan(60)
    expect(await chain.mandateStatus(file.mandate)).toEqual({
      status: 'granted',
      spent: 15n * DOLLAR,
      openOrders: 2,
      lastNonce: two.authorization.nonce,
    })
    expect(before.balance - (await chain.funds(wallet.address)).balance).toBe(15n * DOLLAR)
    expect(await chain.hold(termsOf(one))).toMatchObject({ state: 'authorized', amount: 12n * DOLLAR })
    expect(await seller.authorizedQuote(chain.authorizationId(one.authorization))).toBe(one.authorization.quoteHash)
    expect(await seller.authorizedQuote(hex32())).toBeUndefined()

    const shipment = seller.shipmentHash('{"sscc":"1"}')
    const shipped = await whatHappened(() =>
      seller.ship(
        [one, two].map((item) => ({ terms: termsOf(item), shipment })),
        save,
      ),
    )
    expect(shipped.map(({ type }) => type)).toEqual(['shipped', 'shipped'])
    expect(shipped[0]).toMatchObject({ shipment })

    const confirmation = { authorizationId: termsOf(one).authorizationId, shipment, amount: 10n * DOLLAR }
    const signature = signDigest(market.deviceKey, digestOfConfirmation(confirmation))
    expect(seller.confirmationSigner({ shipment, deliveries: [confirmation], signature })).toBe(file.mandate.deviceKey)
    const captured = await whatHappened(() =>
      seller.capture([{ ...confirmation, terms: termsOf(one), signature }], save),
    )
    expect(captured).toMatchObject([{ type: 'captured', amount: 10n * DOLLAR }])
    expect(await seller.hold(termsOf(one))).toMatchObject({ state: 'captured', amount: 10n * DOLLAR })
  })

  test('cancel and decline give the funds back', async () => {
    const { chain, seller, deviceKey } = market
    const save = saveTo(market)
    const file = await grantedFile(market)
    const [one, two] = [market.order(file), market.order(file)]
    await authorize([one, two])
    const terms = termsOf(one)
    const domain = { name: 'ADEPT', version: '1', chainId: chain.facts.chainId, verifyingContract: chain.facts.escrow }
    const digest = TypedDataEncoder.hash(
      domain,
      { Cancellation: [{ name: 'authorizationId', type: 'bytes32' }] },
      { authorizationId: terms.authorizationId },
    )
    const cancelled = await whatHappened(() =>
      chain.cancel(terms, signDigest(deviceKey, digest as `0x${string}`), save),
    )
    expect(cancelled).toMatchObject([{ type: 'cancelled', amount: 12n * DOLLAR }])
    expect(await whatHappened(() => seller.decline(termsOf(two), save))).toMatchObject([{ type: 'declined' }])
    expect(await chain.mandateStatus(file.mandate)).toMatchObject({ spent: 0n, openOrders: 0 })
    // What would revert is told before it is sent, and nothing is saved.
    const again = chain.reclaim(terms, () => Promise.reject(new Error('it was saved')))
    await expect(again).rejects.toThrow(
      new ChainRefusal({ errorName: 'WrongState', sentence: 'The order is cancelled and not authorized.' }),
    )
  })
})

describe('a basket that the contract refuses', () => {
  test('is a sentence, and the other baskets go on', async () => {
    const file = await grantedFile(market)
    const other = await grantedFile(market)
    const unknown = market.mandateFile()
    const good = market.order(other)
    const events = await whatHappened(() =>
      authorize(
        [market.order(file, { quantity: 10, total: 25n * DOLLAR })],
        [good],
        [market.order(file), market.order(file, { quantity: 1, total: 9n * DOLLAR })],
        [market.order(unknown)],
        [market.order(file, { validBefore: 1_700_000_000 })],
      ),
    )
    expect(events).toMatchObject([
      {
        type: 'refused',
        basket: 0,
        errorName: 'OverOrderCap',
        sentence: 'The order costs 25.00 TUSD, more than the 20.00 TUSD that the mandate allows for one order.',
      },
      { type: 'authorized', authorizationId: market.chain.authorizationId(good.authorization) },
      {
        type: 'refused',
        basket: 2,
        errorName: 'OverPrice',
        sentence: 'The order costs 9.00 TUSD, more than the 8.00 TUSD that the mandate allows for these packs.',
      },
      { type: 'refused', basket: 3, sentence: 'The mandate is not on chain yet. Grant it first.' },
      { type: 'refused', basket: 4, errorName: 'AuthorizationExpired' },
    ])
    const tooDear = market.order(await grantedFile(market, { allowance: 10n * DOLLAR }))
    expect(await whatHappened(() => authorize([tooDear]))).toMatchObject([
      {
        sentence:
          'With this order 12.00 TUSD would be spent in this period, more than the 10.00 TUSD that the mandate allows.',
      },
    ])
  })

  test('names what the wallet lacks', async () => {
    const file = await grantedFile(market, { allowance: 5_000n * DOLLAR, maxPerOrder: 5_000n * DOLLAR })
    const dear = market.order(file, { quantity: 600, total: 4_000n * DOLLAR })
    const [event] = await whatHappened(() => authorize([dear]))
    expect(event).toMatchObject({ errorName: 'ERC20InsufficientBalance' })
    expect(event).toHaveProperty(
      'sentence',
      expect.stringMatching(/^The wallet has \d+\.\d\d TUSD, and 4000\.00 TUSD is needed\./),
    )
  })

  test('cannot be so large that the gas of a transaction does not suffice', async () => {
    const file = await grantedFile(market)
    const order = market.order(file)
    await expect(authorize(...Array.from({ length: 80 }, () => [order]))).rejects.toThrow('send fewer at once')
  })
})

test('fifty baskets fit into the gas that is reckoned for them', async () => {
  const baskets: AuthorizationItem[][] = []
  for (let index = 0; index < 50; index++) {
    const file = await grantedFile(market)
    baskets.push([market.order(file, { quantity: 1, total: DOLLAR })])
  }
  const events = await whatHappened(() => authorize(...baskets))
  expect(events.map(({ type }) => type)).toEqual(Array(50).fill('authorized'))
})

test('a wrong chain id, no escrow and no token are sentences', async () => {
  const { access } = market.embedded
  await expect(connectChain({ ...access, chainId: 1 })).rejects.toThrow(
    /has the id 427015, but 1 is configured\. Correct the endpoint or the chain id\./,
  )
  await expect(connectChain({ ...access, escrow: ZERO_ADDRESS })).rejects.toThrow('There is no order escrow at 0x0000')
  await expect(connectChain({ ...access, token: ZERO_ADDRESS })).rejects.toThrow('There is no token at 0x0000')
  await expect(connectChain({ ...access, token: access.escrow })).rejects.toThrow('is no ERC-20 token')
  await expect(connectChain({ ...access, rpcUrl: 'http://127.0.0.1:9/secret' })).rejects.toThrow(
    /^No chain answers at 127\.0\.0\.1:9\. /,
  )
})

test('a new block wakes the watcher', async () => {
  let heads = 0
  let wake: () => void = () => undefined
  const awake = () => new Promise<void>((resolve) => (wake = resolve))
  const connected = awake()
  const end = watchHeads(market.embedded.access.rpcUrl, () => {
    heads++
    wake()
  })
  await connected
  const announced = awake()
  await market.connection.rpc.send('evm_mine', [])
  await announced
  expect(heads).toBeGreaterThanOrEqual(2)
  end()
})

/** Worked out apart from the code under test. */
function digestOfConfirmation(order: { authorizationId: string; shipment: string; amount: bigint }): `0x${string}` {
  const { chainId, escrow } = market.chain.facts
  const domain = { name: 'ADEPT', version: '1', chainId, verifyingContract: escrow }
  const types = {
    Confirmation: [
      { name: 'shipment', type: 'bytes32' },
      { name: 'deliveries', type: 'Delivery[]' },
    ],
    Delivery: [
      { name: 'authorizationId', type: 'bytes32' },
      { name: 'amount', type: 'uint256' },
    ],
  }
  const { authorizationId, shipment, amount } = order
  const message = { shipment, deliveries: [{ authorizationId, amount }] }
  return TypedDataEncoder.hash(domain, types, message) as `0x${string}`
}

test('a contract wallet signs by its own word (ERC-1271), and a mandate of it can be granted', async () => {
  const { chain, connection } = market
  const payer = `0x${'12'.repeat(20)}` as const
  const file = market.mandateFile({ payer })
  const says = (code: string) => connection.rpc.send('anvil_setCode', [payer, code])
  const isSigned = () => chain.isSignedBy(payer, file.mandateHash, '0x1234')
  expect(await isSigned()).toBe(false)
  await says('0x60206000f3')
  expect(await isSigned()).toBe(false)
  await says('0x60006000fd')
  expect(await isSigned()).toBe(false)
  // Returns the magic value, whatever it is asked.
  await says('0x631626ba7e60e01b60005260206000f3')
  expect(await isSigned()).toBe(true)
  await chain.grant(file.mandate, '0x1234', saveTo(market))
  expect(await chain.mandateStatus(file.mandate)).toMatchObject({ status: 'granted' })
})
