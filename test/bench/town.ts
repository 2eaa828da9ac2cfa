import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SigningKey, type TransactionReceipt } from 'ethers'
import { deployEscrow, deployTestDollar, ESCROW_ADDRESS, TEST_DOLLAR_ADDRESS } from '../../contracts/deployment.ts'
import { type Connection, connectChain, erc20, readHead } from '../../gateway/chain/connection.ts'
import { digestsOf, signDigest } from '../../gateway/chain/digests.ts'
import { escrowChain } from '../../gateway/chain/escrow.ts'
import { fundGas } from '../../gateway/chain/fund-gas.ts'
import { addressOf } from '../../gateway/chain/keys.ts'
import { sellerChain } from '../../gateway/chain/seller.ts'
import { Sender } from '../../gateway/chain/sender.ts'
import { payerWallet } from '../../gateway/chain/signers.ts'
import type { Address, Hex32, HexBytes } from '../../gateway/domain/identifiers.ts'
import {
  HOME_HOUSEHOLD,
  type Mandate,
  type MandateFile,
  type MandateOffer,
  type Terms,
} from '../../gateway/domain/mandate.ts'
import { systemClock } from '../../gateway/lib/clock.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import type { AuthorizationItem, Chain, SaveTransaction, SignedTransaction } from '../../gateway/ports/chain.ts'
import type { SellerChain } from '../../gateway/ports/merchant.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteTransactionStore } from '../../gateway/store/transactions.ts'
import { Anvil } from '../contracts/anvil.ts'

/** The first block's second. Fixed, as all keys, salts and times are: two runs use the same gas to the unit. */
const START_SECONDS = 1_800_000_000
const DAY_SECONDS = 86_400
const PURSE_MINOR_UNITS = 10n ** 15n
/** Of a household with several devices; the figures hold for homes that use everything. */
const SHARED_CAP = { allowance: PURSE_MINOR_UNITS, periodSeconds: 30 * DAY_SECONDS }
const PRICE_MINOR_UNITS = 12_490_000n
const PLENTY_WEI = 10n ** 12n
const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`

export type Device = { key: SigningKey; file: MandateFile; lastNonce: number }
export type Household = { payer: Address; devices: Device[] }
export type SignedOrder = { item: AuthorizationItem; terms: Terms; device: Device }
/** An order in a parcel; all orders of a parcel have the same shipment and the same signed confirmation. */
export type Packed = { terms: Terms; shipment: Hex32; amount: bigint; signature: HexBytes }

/** Households with mandates, and sellers, on a chain of their own (plain anvil), ready to order: steady state. */
export type Town = AsyncDisposable & {
  anvil: Anvil
  connection: Connection
  chain: Chain
  relayer: Sender
  households: Household[]
  sellers: SellerChain[]
  save: SaveTransaction
  newSender(key: SigningKey): Promise<Sender>
  signOrder(device: Device, sellerIndex: number): SignedOrder
  /** Packs and confirms orders of one device and one seller as one parcel. */
  pack(orders: SignedOrder[]): Packed[]
  gasUsed(tx: SignedTransaction): Promise<bigint>
}

/** `devices[i]` is how many devices the household i has; a mandate names 2^`merkleDepth` offers. */
export async function openTown(options: {
  devices: number[]
  sellers: number
  merkleDepth: number
  seed: string
}): Promise<Town> {
  const seed = new Seed(options.seed)
  const keyOf = (name: string) => new SigningKey(`0x${seed.fork(name).hex(64)}`)
  const folder = mkdtempSync(join(tmpdir(), 'adept-town-'))
  const anvil = await Anvil.start(['--timestamp', String(START_SECONDS), '--prune-history', '16', '--order', 'fifo'])
  await anvil.provider.send('anvil_setBlockTimestampInterval', [1])
  const deployer = await anvil.provider.getSigner(0)
  await deployEscrow(deployer)
  await deployTestDollar(deployer)
  const connection = await connectChain({
    rpcUrl: anvil.rpcUrl,
    chainId: Number((await anvil.provider.getNetwork()).chainId),
    escrow: ESCROW_ADDRESS.toLowerCase() as Address,
    token: TEST_DOLLAR_ADDRESS.toLowerCase() as Address,
  })
  const { facts } = connection
  const db = openDatabase(join(folder, 'town.db'), 'gateway')
  const store = sqliteTransactionStore(db, systemClock)
  const digests = digestsOf(facts)

  async function newSender(key: SigningKey): Promise<Sender> {
    const common = { rpc: connection.rpc, chainId: facts.chainId, store, clock: systemClock }
    const sender = new Sender({ ...common, key, maxFeePerGasWei: PLENTY_WEI })
    await fundGas(anvil.rpcUrl, sender.address)
    return sender
  }
  async function mint(to: Address, amount: bigint): Promise<void> {
    await deployer.sendUncheckedTransaction({ to: facts.token.address, data: erc20.encode('mint', [to, amount]) })
  }
  const relayer = await newSender(keyOf('relayer'))
  const chain = escrowChain(connection, relayer)
  const sellers: SellerChain[] = []
  for (let index = 0; index < options.sellers; index++) {
    const key = keyOf(`seller ${index}`)
    sellers.push(sellerChain(connection, await newSender(key), key))
    await mint(sellers[index]!.address, 1n)
  }
  await mint(facts.escrow, 1n)

  const offers: MandateOffer[] = Array.from({ length: 2 ** options.merkleDepth }, (_, index) => ({
    salt: `0x${seed.fork(`offer ${index}`).hex(64)}`,
    seller: sellers[index]?.address ?? addressOf(keyOf(`seller ${index}`)),
    gtin: String(4_006_381_000_000 + index).padStart(14, '0'),
    packSize: 1400,
    maxUnitPrice: 13_000_000n,
  }))
  const offersRoot = chain.offersRoot(offers)
  const { timestampSeconds: start } = await readHead(connection)

  function mandateOf(payer: Address, deviceKey: SigningKey, household: bigint): MandateFile {
    const mandate: Mandate = {
      payer,
      deviceKey: addressOf(deviceKey),
      deviceId: 0n,
      deviceEpoch: 0n,
      arbiter: ZERO_ADDRESS,
      token: facts.token.address,
      allowance: PURSE_MINOR_UNITS,
      period: 30 * DAY_SECONDS,
      start,
      end: start + 365 * DAY_SECONDS,
      maxPerOrder: 50_000_000n,
      maxOpenOrders: 65_535,
      coolingOffSeconds: 0,
      offersRoot,
      household,
      salt: 0n,
      extraData: chain.readableHash('what the person saw'),
    }
    return { mandateHash: chain.mandateHash(mandate), mandate, offers, readable: 'what the person saw' }
  }

  let ordersSigned = 0
  function signOrder(device: Device, sellerIndex: number): SignedOrder {
    const seller = sellers[sellerIndex]!
    const number = ++ordersSigned
    const authorization = {
      mandateHash: device.file.mandateHash,
      seller: seller.address,
      offerLeaf: chain.offerLeaf(offers[sellerIndex]!),
      quantity: 1,
      total: PRICE_MINOR_UNITS,
      quoteHash: `0x${seed.fork(`quote ${number}`).hex(64)}` as Hex32,
      shipBy: start + 7 * DAY_SECONDS,
      validBefore: start + 5 * DAY_SECONDS,
      nonce: ++device.lastNonce,
    }
    const signature = signDigest(device.key, chain.authorizationId(authorization))
    const item = { authorization, file: device.file, gtin: offers[sellerIndex]!.gtin, signature }
    return { item, terms: chain.termsOf(item), device }
  }
  function pack(orders: SignedOrder[]): Packed[] {
    const shipment = `0x${seed.fork(`shipment ${orders[0]!.terms.authorizationId}`).hex(64)}` as Hex32
    const packed = orders.map(({ terms }) => ({ terms, shipment, amount: terms.amount }))
    const ids = packed.map((order) => ({ ...order, authorizationId: order.terms.authorizationId }))
    const signature = signDigest(orders[0]!.device.key, digests.confirmation(ids))
    return packed.map((order) => ({ ...order, signature }))
  }

  async function openHousehold(home: number, deviceCount: number): Promise<Household> {
    const payerKey = keyOf(`payer ${home}`)
    const wallet = payerWallet(connection, await newSender(payerKey), payerKey)
    await mint(wallet.address, PURSE_MINOR_UNITS)
    await wallet.allow()
    if (deviceCount > 1) await wallet.setHousehold(SHARED_CAP)
    const household: Household = { payer: wallet.address, devices: [] }
    for (let index = 0; index < deviceCount; index++) {
      const key = keyOf(`device ${home} ${index}`)
      const file = mandateOf(wallet.address, key, deviceCount > 1 ? HOME_HOUSEHOLD : 0n)
      await chain.grant(file.mandate, await wallet.sign(file.mandate), store.save)
      household.devices.push({ key, file, lastNonce: 0 })
    }
    // An order of every mandate stays open: its counters, and the escrow's balance, are in use from here on.
    await chain.authorize([household.devices.map((device) => signOrder(device, 0).item)], store.save)
    return household
  }
  const households: Household[] = []
  for (const [home, devices] of options.devices.entries()) households.push(await openHousehold(home, devices))
  const town: Town = {
    ...{ anvil, connection, chain, relayer, households, sellers, newSender, signOrder, pack, save: store.save },
    async gasUsed(tx) {
      // A busy anvil answers before it has included the transaction.
      let receipt: TransactionReceipt | null = null
      while (receipt === null) receipt = await anvil.provider.getTransactionReceipt(tx.txHash)
      if (receipt.status !== 1) throw new Error(`The transaction to ${tx.purpose} did not succeed.`)
      return receipt.gasUsed
    },
    async [Symbol.asyncDispose]() {
      db.close()
      await anvil[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return town
}
