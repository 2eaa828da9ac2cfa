import { hexlify, id, type JsonRpcSigner, randomBytes, type TransactionReceipt, Wallet, ZeroAddress } from 'ethers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployEscrow, deployTestDollar, ESCROW_ADDRESS, TEST_DOLLAR_ADDRESS } from '../../contracts/deployment.ts'
import {
  type Authorization,
  compactSignature,
  decodeRevert,
  domain,
  encodeBasket,
  encodeOffer,
  encodeOrder,
  escrow,
  type Mandate,
  ORDER_STATES,
  type Order,
  offersTree,
  type PlainOffer,
  type Terms,
  termsHash,
  termsOf,
  typesOf,
} from '../../contracts/escrow.ts'
import { abi as dollarAbi } from '../../contracts/generated/TestDollar.ts'
import { coder } from '../../contracts/typed.ts'
import { Anvil } from './anvil.ts'

type Hex = `0x${string}`

const DAY = 86_400
const DOLLAR = 1_000_000n
const dollar = coder(dollarAbi)
const salt = () => hexlify(randomBytes(32)) as Hex

/** A payer with one device, a mandate and enough dollars. */
type Home = { payer: JsonRpcSigner; device: Wallet; mandate: Mandate; mandateHash: Hex }

let anvil: Anvil
let relayer: JsonRpcSigner
let seller: JsonRpcSigner
let escrowDomain: ReturnType<typeof domain>

let offer: PlainOffer
let offers: ReturnType<typeof offersTree>

beforeAll(async () => {
  anvil = await Anvil.start()
  relayer = await anvil.provider.getSigner(0)
  seller = await anvil.provider.getSigner(1)
  escrowDomain = domain((await anvil.provider.getNetwork()).chainId, ESCROW_ADDRESS)
  offer = {
    ...{ salt: salt(), seller: seller.address as Hex, gtin: 4006381333931n, packSize: 40 },
    maxUnitPrice: 13n * DOLLAR,
  }
  offers = offersTree([{ ...offer, salt: salt(), gtin: 96385074n }, offer])
  await deployEscrow(relayer)
  await deployTestDollar(relayer)
})
afterAll(async () => await anvil[Symbol.asyncDispose]())

describe('deployment', () => {
  it('finds what is there and changes nothing', async () => {
    const nonce = await relayer.getNonce()
    expect(await deployEscrow(relayer)).toBe(ESCROW_ADDRESS)
    expect(await deployTestDollar(relayer)).toBe(TEST_DOLLAR_ADDRESS)
    expect(await relayer.getNonce()).toBe(nonce)
  })
})

describe('an order', () => {
  it('goes from mandate to payment and back', async () => {
    const home = await openHome(2)
    const order = await signOrder(home, 1)
    expect(await logs(await send(relayer, escrow.encode('authorizeBatch', [[basketOf(home, order)]])))).toEqual([
      {
        name: 'Authorized',
        args: {
          authorizationId: order.id,
          mandateHash: home.mandateHash,
          seller: seller.address.toLowerCase(),
          amount: order.total,
          quoteHash: order.entry.quoteHash,
        },
      },
    ])
    expect(await stateOf(order)).toBe('authorized')
    expect(await balanceOf(ESCROW_ADDRESS)).toBe(order.total)

    await anvil.wait(DAY)
    const shipment = id('shipping message') as Hex
    const item = { termsHash: termsHash(order.terms), shipment, authorizationIds: [order.id] }
    await send(seller, escrow.encode('ship', [[item]]))
    expect(await stateOf(order)).toBe('shipped')

    const amount = order.total - DOLLAR
    const confirmation = { shipment, deliveries: [{ authorizationId: order.id, amount }] }
    const signature = await home.device.signTypedData(escrowDomain, typesOf('Confirmation'), confirmation)
    const claim = { terms: order.terms, ...confirmation, ...compactSignature(signature) }
    const receipt = await send(seller, escrow.encode('capture', [[claim]]))
    expect(await logs(receipt)).toEqual([{ name: 'Captured', args: { authorizationId: order.id, amount } }])
    expect(await stateOf(order)).toBe('captured')
    expect(await balanceOf(seller.address)).toBe(amount)
    expect(await balanceOf(ESCROW_ADDRESS)).toBe(0n)

    await sendTo(TEST_DOLLAR_ADDRESS, seller, dollar.encode('approve', [ESCROW_ADDRESS as Hex, DOLLAR]))
    const refund = await send(seller, escrow.encode('refund', [order.terms, order.id, DOLLAR]))
    expect(await logs(refund)).toEqual([{ name: 'Refunded', args: { authorizationId: order.id, amount: DOLLAR } }])
    expect(await balanceOf(seller.address)).toBe(amount - DOLLAR)
  })

  it('is cancelled by a signature of the device and can be placed again', async () => {
    const home = await openHome(3)
    const order = await signOrder(home, 1)
    await send(relayer, escrow.encode('authorizeBatch', [[basketOf(home, order)]]))
    const message = { authorizationId: order.id }
    const signature = (await home.device.signTypedData(escrowDomain, typesOf('Cancellation'), message)) as Hex
    await send(relayer, escrow.encode('cancel', [order.terms, seller.address as Hex, order.id, signature]))
    expect(await stateOf(order)).toBe('cancelled')
    const next = await signOrder(home, 2)
    await send(relayer, escrow.encode('authorizeBatch', [[basketOf(home, next)]]))
    expect(await stateOf(next)).toBe('authorized')
  })
})

describe('a batch', () => {
  it('refuses one basket, with the reason, while another goes on', async () => {
    const [poor, rich] = [await openHome(4), await openHome(5)]
    await sendTo(TEST_DOLLAR_ADDRESS, poor.payer, dollar.encode('approve', [ESCROW_ADDRESS as Hex, DOLLAR]))
    const [refused, placed] = [await signOrder(poor, 1), await signOrder(rich, 1)]
    const baskets = [basketOf(poor, refused), basketOf(rich, placed)]
    const [first, second] = await logs(await send(relayer, escrow.encode('authorizeBatch', [baskets])))
    expect(second?.name).toBe('Authorized')
    if (first?.name !== 'Refused') throw new Error(`expected a refusal, not ${first?.name}`)
    expect(first.args.basket).toBe(0n)
    expect(decodeRevert(first.args.reason)).toEqual({
      name: 'ERC20InsufficientAllowance',
      args: { spender: ESCROW_ADDRESS.toLowerCase(), allowance: DOLLAR, needed: refused.total },
    })
    expect(await stateOf(refused)).toBe('none')
    expect(await stateOf(placed)).toBe('authorized')
  })
})

describe('an encoded order', () => {
  const largest = { quantity: 2n ** 32n, total: 2n ** 96n, shipBy: 2n ** 40n, validBefore: 2n ** 40n, nonce: 2n ** 48n }
  const signature = `0x${'1'.repeat(128)}1b`
  const fitting: Authorization = {
    ...{ mandateHash: salt(), seller: ZeroAddress as Hex, offerLeaf: salt(), quoteHash: salt() },
    ...{ quantity: 2n ** 32n - 1n, total: 2n ** 96n - 1n, shipBy: 2n ** 40n - 1n, validBefore: 2n ** 40n - 1n },
    nonce: 2n ** 48n - 1n,
  }

  it('has all of its numbers in one word', () => {
    expect(encodeOrder(fitting, signature).numbers).toBe(2n ** 256n - 1n)
    const small = { ...fitting, quantity: 1, total: 2, shipBy: 3, validBefore: 4, nonce: 5 }
    expect(encodeOrder(small, signature)).toEqual({
      numbers: 1n + (2n << 32n) + (3n << 128n) + (4n << 168n) + (5n << 208n),
      quoteHash: fitting.quoteHash,
      ...compactSignature(signature),
    })
  })

  it.each(Object.entries(largest))('refuses a %s that does not fit', (name, value) => {
    for (const wrong of [value, -1n])
      expect(() => encodeOrder({ ...fitting, [name]: wrong }, signature)).toThrow(
        new RegExp(`^The ${name} ${wrong} of an order does not fit \\d+ bits\\.$`),
      )
  })
})

/** A home whose mandate is granted by a signature that the relayer sends. */
async function openHome(account: number): Promise<Home> {
  const payer = await anvil.provider.getSigner(account)
  const device = new Wallet(hexlify(randomBytes(32)))
  const start = await anvil.now()
  const mandate: Mandate = {
    payer: payer.address as Hex,
    deviceKey: device.address as Hex,
    deviceId: 0n,
    deviceEpoch: 0n,
    arbiter: ZeroAddress as Hex,
    token: TEST_DOLLAR_ADDRESS as Hex,
    allowance: 100n * DOLLAR,
    period: 30 * DAY,
    start,
    end: start + 365 * DAY,
    maxPerOrder: 50n * DOLLAR,
    maxOpenOrders: 3,
    coolingOffSeconds: DAY,
    offersRoot: offers.root,
    household: 0n,
    salt: 1n,
    extraData: id('the readable mandate') as Hex,
  }
  await sendTo(TEST_DOLLAR_ADDRESS, relayer, dollar.encode('mint', [mandate.payer, 1000n * DOLLAR]))
  await sendTo(TEST_DOLLAR_ADDRESS, payer, dollar.encode('approve', [ESCROW_ADDRESS as Hex, 1000n * DOLLAR]))
  const signature = (await payer.signTypedData(escrowDomain, typesOf('Mandate'), mandate)) as Hex
  const [granted] = await logs(await send(relayer, escrow.encode('grant', [mandate, signature])))
  if (granted?.name !== 'MandateGranted') throw new Error(`expected a grant, not ${granted?.name}`)
  const mandateHash = escrow.decodeResult('mandateHash', await read(escrow.encode('mandateHash', [mandate])))
  expect(granted.args.mandateHash).toBe(mandateHash)
  return { payer, device, mandate, mandateHash }
}

type SignedOrder = { entry: Order; id: Hex; terms: Terms; total: bigint }

async function signOrder(home: Home, nonce: number): Promise<SignedOrder> {
  const now = await anvil.now()
  const authorization: Authorization = {
    mandateHash: home.mandateHash,
    seller: seller.address as Hex,
    offerLeaf: offers.getLeaf(1),
    quantity: 2,
    total: 25n * DOLLAR,
    quoteHash: salt(),
    shipBy: now + 7 * DAY,
    validBefore: now + 900,
    nonce,
  }
  const data = await read(escrow.encode('authorizationDigest', [authorization]))
  const signature = await home.device.signTypedData(escrowDomain, typesOf('Authorization'), authorization)
  return {
    entry: encodeOrder(authorization, signature),
    id: escrow.decodeResult('authorizationDigest', data),
    terms: termsOf(home.mandate, home.mandateHash),
    total: 25n * DOLLAR,
  }
}

function basketOf({ mandate }: Home, { entry }: SignedOrder): Hex {
  return encodeBasket([{ mandate, offer: encodeOffer(offer), proof: offers.getProof(1), orders: [entry] }])
}

async function send(from: JsonRpcSigner, data: string): Promise<TransactionReceipt> {
  return await sendTo(ESCROW_ADDRESS, from, data)
}

/** Estimates gas first, which reports a revert. A busy anvil answers before it has included the transaction. */
async function sendTo(to: string, from: JsonRpcSigner, data: string): Promise<TransactionReceipt> {
  const hash = await from.sendUncheckedTransaction({ to, data })
  let receipt: TransactionReceipt | null = null
  while (receipt === null) receipt = await anvil.provider.getTransactionReceipt(hash)
  expect(receipt.status).toBe(1)
  return receipt
}

async function read(data: string): Promise<string> {
  return await anvil.provider.call({ to: ESCROW_ADDRESS, data })
}

async function logs(receipt: TransactionReceipt) {
  return receipt.logs.filter((log) => log.address === ESCROW_ADDRESS).map((log) => escrow.decodeLog(log)!)
}

async function stateOf({ terms, id }: SignedOrder) {
  const key = escrow.encode('record', [termsHash(terms), seller.address as Hex, id])
  return ORDER_STATES[escrow.decodeResult('record', await read(key)).state]
}

async function balanceOf(account: string): Promise<bigint> {
  const data = dollar.encode('balanceOf', [account as Hex])
  return dollar.decodeResult('balanceOf', await anvil.provider.call({ to: TEST_DOLLAR_ADDRESS, data }))
}
