import { randomBytes } from 'node:crypto'
import { type Address, type Gtin, gtin14, type Hex32 } from '../domain/identifiers.ts'
import { HOME_HOUSEHOLD, type Mandate, type MandateFile, type MandateOffer } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import type { Product, SellerProfile } from '../domain/quote.ts'
import type { Chain, PayerWallet } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceStore, DeviceView } from '../ports/devices.ts'
import type { MandateDraft, MandateRequest, RegistrationStore } from '../ports/mandates.ts'
import type { Seller } from '../ports/seller.ts'
import { readableMandate } from './readable-mandate.ts'

const DAY_SECONDS = 86_400
/** The contract allows 3,653 days; this leaves room for a chain whose latest block is old. */
const LONGEST_DAYS = 3_600
const MAX_UINT96 = 2n ** 96n - 1n
const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`
const ZERO_HASH: Hex32 = `0x${'0'.repeat(64)}`
/** Makes two mandates different: a uint64. */
const SALT_BYTES = 8
/** Offers of one mandate, as its schema has it. */
const MAX_PRODUCTS = 64

export type Refusal = { ok: false; sentence: string }
export const refuse = (sentence: string): Refusal => ({ ok: false, sentence })

/**
 * Works out what the homeowner may sign: the products of the device which the seller has, each with its highest price, and
 * the caps asked for. Mistakes are sentences that say what to do.
 */
export async function draftMandate(
  ports: {
    devices: Pick<DeviceStore, 'get'>
    seller: Pick<Seller, 'profile'>
    chain: Chain
    registrations: Pick<RegistrationStore, 'of'>
    wallet: PayerWallet | undefined
    clock: Clock
  },
  request: MandateRequest,
): Promise<{ ok: true; draft: MandateDraft } | Refusal> {
  const { facts } = ports.chain
  const payer = request.payer ?? ports.wallet?.address
  if (payer === undefined) {
    return refuse('This gateway has no wallet of its own: give the address of the wallet that pays, with --payer.')
  }
  const device = await ports.devices.get(request.homeId, request.deviceId)
  if (device === undefined) return refuse(unknownDevice(request.deviceId))
  const gtins = wantedGtins(request, device)
  const mistake = mistakeInLimits(request) ?? mistakeInProducts(gtins, device)
  if (mistake !== undefined) return refuse(mistake)

  const answer = await ports.seller.profile(request.sellerUrl)
  if (answer.kind === 'unreachable') return refuse(`${answer.reason} Start the seller, or name another with --seller.`)
  const { profile } = answer
  if (
    request.arbiter !== undefined &&
    [payer, device.keyAddress, profile.address, ports.chain.relayer].includes(request.arbiter)
  ) {
    return refuse(
      `${request.arbiter} is a party of the mandate, or of this gateway, and cannot decide its disputes. Name another --arbiter.`,
    )
  }
  if (profile.chainId !== facts.chainId || profile.token !== facts.token.address) {
    return refuse(
      `${profile.name} is paid in token ${profile.token} on chain ${profile.chainId}, but this gateway pays in ` +
        `${facts.token.address} on chain ${facts.chainId}. Take a seller of the same chain and token.`,
    )
  }
  const sold = new Map<Gtin, Product>(profile.products.map((product) => [gtin14(product.gtin), product]))
  const missing = gtins.filter((gtin) => !sold.has(gtin))
  if (missing.length === gtins.length || (request.gtins !== undefined && missing.length > 0)) {
    return refuse(
      `${profile.name} does not sell ${missing.join(', ')}. Name another product with --gtin, or another seller with --seller.`,
    )
  }
  const products = gtins
    .flatMap((gtin) => sold.get(gtin) ?? [])
    .map((product) => ({ ...product, ...offerOf(product, profile, request, facts.token.decimals) }))
  const tooDear = products.find((product) => product.maxUnitPrice > request.maxPerOrder)
  if (tooDear !== undefined) {
    return refuse(
      `One pack of ${tooDear.name} may cost ${formatMoney(tooDear.maxUnitPrice, facts.token)}, more than ` +
        `${formatMoney(request.maxPerOrder, facts.token)} for a whole order. Raise --max-per-order or lower --max-unit-price.`,
    )
  }
  const registryId = await ports.registrations.of(request.homeId, request.deviceId)
  const registered = registryId === undefined ? undefined : await ports.chain.registeredDevice(registryId)
  if (registryId !== undefined && registered?.key !== device.keyAddress) {
    return refuse(
      `The registry has another key for ${device.deviceId}, or none: it changed hands, or was registered anew. If it is yours, ` +
        `register it again with \`adept device register ${device.deviceId}\`.`,
    )
  }
  const registration = { deviceId: registryId ?? 0n, deviceEpoch: registered?.epoch ?? 0n }
  const file = await fileOf(ports, request, { payer, device, profile, products, registration })
  const { sellerUrl, household } = request
  return { ok: true, draft: { deviceId: device.deviceId, sellerUrl, file, ...(household && { household }) } }
}

/** The mandate with its offers, and the text whose hash it carries. */
async function fileOf(
  { chain, clock }: { chain: Chain; clock: Clock },
  request: MandateRequest,
  parties: {
    payer: Address
    device: DeviceView
    profile: SellerProfile
    products: (Product & MandateOffer)[]
    registration: Pick<Mandate, 'deviceId' | 'deviceEpoch'>
  },
): Promise<MandateFile> {
  const { payer, device, profile } = parties
  const offers = parties.products.map(({ salt, seller, gtin, packSize, maxUnitPrice }) => ({
    salt,
    seller,
    gtin,
    packSize,
    maxUnitPrice,
  }))
  const start = (await chain.head()).timestampSeconds
  // An idle chain's latest block may be old; the term is counted from today.
  const today = Math.max(start, Math.floor(clock.nowMs() / 1000))
  const withoutText: Mandate = {
    payer,
    deviceKey: device.keyAddress,
    ...parties.registration,
    arbiter: request.arbiter ?? ZERO_ADDRESS,
    token: chain.facts.token.address,
    allowance: request.allowance,
    period: request.periodSeconds,
    start,
    end: today + request.days * DAY_SECONDS,
    maxPerOrder: request.maxPerOrder,
    maxOpenOrders: request.maxOpenOrders ?? Math.max(1, device.slots.length),
    coolingOffSeconds: request.coolingOffSeconds,
    offersRoot: chain.offersRoot(offers),
    household: request.household === undefined ? 0n : HOME_HOUSEHOLD,
    salt: BigInt(`0x${randomBytes(SALT_BYTES).toString('hex')}`),
    extraData: ZERO_HASH,
  }
  const seller = { name: profile.name, address: profile.address, url: request.sellerUrl }
  const readable = readableMandate({
    mandate: withoutText,
    device,
    products: parties.products,
    household: request.household,
    seller,
    facts: chain.facts,
  })
  const mandate = { ...withoutText, extraData: chain.readableHash(readable) }
  return { mandateHash: chain.mandateHash(mandate), mandate, offers, readable }
}

export function unknownDevice(deviceId: string): string {
  return `There is no device ${deviceId}. Add it with \`adept device add ${deviceId}\`.`
}

/** The first limit that the contract would refuse, or that could never be used. */
function mistakeInLimits(request: MandateRequest): string | undefined {
  if (request.allowance <= 0n || request.allowance > MAX_UINT96) return 'The allowance per period must be above 0.'
  if (request.maxPerOrder <= 0n) return 'The most per order must be above 0.'
  if (request.maxPerOrder > request.allowance) {
    return 'One order may cost more than the whole allowance per period: raise --allowance or lower --max-per-order.'
  }
  if (request.household !== undefined && request.household.allowance < request.maxPerOrder) {
    return 'One order may cost more than the whole household may spend per period: raise --household-allowance.'
  }
  if (request.maxUnitPrice === 0n) return 'The most for one pack must be above 0.'
  if (request.days > LONGEST_DAYS) return `A mandate runs for at most ${LONGEST_DAYS} days.`
  return undefined
}

/** The products named in the request, else those of all slots of the device; as GTIN-14. */
function wantedGtins(request: MandateRequest, device: DeviceView): Gtin[] {
  const described = device.slots.flatMap((slot) =>
    (slot.description?.replacementProducts ?? []).flatMap((product) => (product.type === 'oem' ? [] : product.value)),
  )
  return [...new Set((request.gtins ?? described).map(gtin14))]
}

function mistakeInProducts(gtins: Gtin[], device: DeviceView): string | undefined {
  if (gtins.length === 0) {
    return (
      `The device ${device.deviceId} has not told which products it takes. Switch it on so that it describes itself, ` +
      'or name them with --gtin.'
    )
  }
  if (gtins.length > MAX_PRODUCTS) return `A mandate names at most ${MAX_PRODUCTS} products; name fewer with --gtin.`
  return undefined
}

function offerOf(
  product: Product,
  { address: seller }: SellerProfile,
  request: MandateRequest,
  decimals: number,
): MandateOffer {
  return {
    salt: randomHex32(),
    seller,
    gtin: gtin14(product.gtin),
    packSize: product.packSize,
    maxUnitPrice: request.maxUnitPrice ?? listPriceAndTenth(product.priceMinorUnits, decimals),
  }
}

/** 110 % of the list price, rounded up to a hundredth of the token so that a person can read it. */
function listPriceAndTenth(priceMinorUnits: bigint, decimals: number): bigint {
  const cent = 10n ** BigInt(Math.max(0, decimals - 2))
  return ((priceMinorUnits * 110n + 100n * cent - 1n) / (100n * cent)) * cent
}

function randomHex32(): Hex32 {
  return `0x${randomBytes(32).toString('hex')}`
}
