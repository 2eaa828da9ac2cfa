import { randomBytes } from 'node:crypto'
import { recoverAddress } from 'ethers'
import { type Address, type Gtin, gtin14, type Hex32, type HexBytes } from '../domain/identifiers.ts'
import type { Mandate, MandateProduct } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import type { Product, SellerProfile } from '../domain/quote.ts'
import type {
  Chain,
  Clock,
  DeviceStore,
  DeviceView,
  MandateDraft,
  MandateRequest,
  MandateStore,
  MandateVerbs,
  PayerWallet,
  SaveTransaction,
  Seller,
} from '../ports.ts'
import { readableMandate } from './readable-mandate.ts'

const DAY_SECONDS = 86_400
/** The contract allows 3,653 days; this leaves room for a chain whose latest block is old. */
const LONGEST_DAYS = 3_600
const MAX_UINT96 = 2n ** 96n - 1n
const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`
const ZERO_HASH: Hex32 = `0x${'0'.repeat(64)}`
/** Leaves of one mandate, as its schema has it. */
const MAX_PRODUCTS = 64
/** Grants sent again at a start. */
const MAX_RESUMED = 100

type Refusal = { ok: false; sentence: string }
const refuse = (sentence: string): Refusal => ({ ok: false, sentence })

/** Drafts, signs, grants and revokes the homeowner's standing consents (DOMAIN.md, "Mandate"). */
export function mandateVerbs(ports: {
  devices: Pick<DeviceStore, 'get'>
  mandates: MandateStore
  seller: Pick<Seller, 'profile'>
  chain: Chain
  /** The gateway's own wallet; only beside the embedded chain. */
  wallet: PayerWallet | undefined
  save: SaveTransaction
  clock: Clock
}): MandateVerbs {
  const { chain, wallet } = ports

  async function grant(mandate: Mandate, signature: HexBytes): Promise<Hex32> {
    const { txHash } = await chain.grant(mandate, signature, ports.save)
    if (wallet?.address === mandate.payer) await wallet.allow(ports.save)
    return txHash
  }

  return {
    async draft(request) {
      const payer = request.payer ?? wallet?.address
      if (payer === undefined) {
        return refuse('This gateway has no wallet of its own: give the address of the wallet that pays, with --payer.')
      }
      const device = await ports.devices.get(request.homeId, request.deviceId)
      if (device === undefined) return refuse(unknownDevice(request.deviceId))
      const limitMistake = mistakeInLimits(request)
      if (limitMistake !== undefined) return refuse(limitMistake)

      const answer = await ports.seller.profile(request.sellerUrl)
      if (answer.kind === 'unreachable') {
        return refuse(`The seller at ${request.sellerUrl} did not answer: ${answer.reason}. Start it, or name another.`)
      }
      const { profile } = answer
      if (profile.chainId !== chain.facts.chainId || profile.token !== chain.facts.token.address) {
        return refuse(
          `${profile.name} is paid in token ${profile.token} on chain ${profile.chainId}, but this gateway pays in ` +
            `${chain.facts.token.address} on chain ${chain.facts.chainId}. Take a seller of the same chain and token.`,
        )
      }
      const chosen = chooseProducts(request, device, profile)
      if (!chosen.ok) return chosen
      const products = chosen.products.map((product) => leafOf(product, request, chain.facts.token.decimals))
      const tooDear = products.find((product) => product.maxUnitPrice > request.maxPerOrder)
      if (tooDear !== undefined) {
        return refuse(
          `One pack of ${tooDear.gtin} may cost ${formatMoney(tooDear.maxUnitPrice, chain.facts.token)}, more than ` +
            `${formatMoney(request.maxPerOrder, chain.facts.token)} for a whole order. Raise --max-per-order or lower --max-unit-price.`,
        )
      }

      const payees = [{ salt: randomHex32(), payee: profile.address }]
      const start = (await chain.head()).timestampSeconds
      // An idle chain's latest block may be old; the term is counted from today.
      const today = Math.max(start, Math.floor(ports.clock.nowMs() / 1000))
      const unreadable: Mandate = {
        payer,
        deviceKey: device.keyAddress,
        deviceId: 0n,
        deviceEpoch: 0n,
        arbiter: ZERO_ADDRESS,
        token: chain.facts.token.address,
        allowance: request.allowance,
        period: request.periodSeconds,
        start,
        end: today + request.days * DAY_SECONDS,
        maxPerOrder: request.maxPerOrder,
        maxOpenOrders: request.maxOpenOrders ?? Math.max(1, device.slots.length),
        coolingOffSeconds: request.coolingOffSeconds,
        ...chain.mandateRoots(products, payees),
        household: ZERO_HASH,
        salt: BigInt(randomHex32()),
        extraData: ZERO_HASH,
      }
      const readable = readableMandate({
        mandate: unreadable,
        device,
        products: products.map((leaf, index) => ({ ...leaf, ...nameOf(chosen.products[index]!) })),
        seller: { name: profile.name, address: profile.address, url: request.sellerUrl },
        facts: chain.facts,
      })
      const mandate = { ...unreadable, extraData: chain.readableHash(readable) }
      const file = { mandateHash: chain.mandateHash(mandate), mandate, products, payees, readable }
      return { ok: true, draft: { deviceId: device.deviceId, sellerUrl: request.sellerUrl, file } }
    },

    typedData: (draft) => chain.mandateTypedData(draft.file.mandate),

    async sign(homeId, draft, by) {
      const { mandate, mandateHash } = draft.file
      const device = await ports.devices.get(homeId, draft.deviceId)
      if (device === undefined) return refuse(unknownDevice(draft.deviceId))
      if (!isWhole(draft, device, chain)) {
        return refuse('This draft does not fit its own text, or the device has a new key. Draft it again.')
      }
      if (by === 'gateway-wallet' && wallet?.address !== mandate.payer) {
        return refuse(`Only the wallet ${mandate.payer} can sign this mandate; give its signature with --signature.`)
      }
      const signature = by === 'gateway-wallet' ? await wallet!.sign(mandate) : by
      const signer = signerOf(mandateHash, signature)
      if (signer !== mandate.payer) {
        return refuse(
          `This is ${signer === undefined ? 'no signature' : `a signature of ${signer}`}, but ${mandate.payer} pays. ` +
            'Sign the typed data of this very draft with that wallet.',
        )
      }
      const { status } = await chain.mandateStatus(mandate)
      if (status === 'revoked') return refuse('This mandate was revoked, which is for good. Draft a new one.')

      await ports.mandates.add({ ...draft, homeId, createdAtMs: ports.clock.nowMs() }, signature)
      const txHash = status === 'unknown' ? await grant(mandate, signature) : undefined
      return { ok: true, sentence: await nextStep(draft, chain), txHash }
    },

    async revoke(homeId, mandateHash) {
      const row = await ports.mandates.get(homeId, mandateHash)
      if (row === undefined) return refuse(`There is no mandate ${mandateHash}. See \`adept mandate show\`.`)
      const { mandate } = row.file
      if ((await chain.mandateStatus(mandate)).status === 'revoked') {
        return { ok: true, sentence: 'The mandate is revoked on chain; nothing can be ordered under it any more.' }
      }
      if (wallet?.address !== mandate.payer) {
        return refuse(
          `Only the wallet ${mandate.payer} can revoke this mandate: let it call revoke of the contract ` +
            `${chain.facts.escrow}; \`adept mandate show --json\` has the call data.`,
        )
      }
      const { txHash } = await wallet.revoke(mandate, ports.save)
      return {
        ok: true,
        sentence: `The revocation was sent (${txHash}). Orders already placed go on; each can be cancelled until it ships.`,
      }
    },

    async resume() {
      for (const { file, payerSignature } of await ports.mandates.ungranted(MAX_RESUMED)) {
        if ((await chain.mandateStatus(file.mandate)).status === 'unknown') await grant(file.mandate, payerSignature)
      }
    },
  }
}

function unknownDevice(deviceId: string): string {
  return `There is no device ${deviceId}. Add it with \`adept device add ${deviceId}\`.`
}

/** The first limit that the contract would refuse, or that could never be used. */
function mistakeInLimits(request: MandateRequest): string | undefined {
  if (request.allowance <= 0n || request.allowance > MAX_UINT96) return 'The allowance per period must be above 0.'
  if (request.maxPerOrder <= 0n) return 'The most per order must be above 0.'
  if (request.maxPerOrder > request.allowance) {
    return 'One order may cost more than the whole allowance per period: raise --allowance or lower --max-per-order.'
  }
  if (request.days > LONGEST_DAYS) return `A mandate runs for at most ${LONGEST_DAYS} days.`
  return undefined
}

/** The products named in the request, else all of the device's slots, as the seller has them. */
function chooseProducts(
  request: MandateRequest,
  device: DeviceView,
  profile: SellerProfile,
): { ok: true; products: Product[] } | Refusal {
  const described = device.slots.flatMap((slot) =>
    (slot.description?.replacementProducts ?? []).flatMap((product) => (product.type === 'oem' ? [] : product.value)),
  )
  const wanted = [...new Set((request.gtins ?? described).map(gtin14))]
  if (wanted.length === 0) {
    return refuse(
      `The device ${device.deviceId} has not told which products it takes. Switch it on so that it describes itself, or name them with --gtin.`,
    )
  }
  if (wanted.length > MAX_PRODUCTS) return refuse(`A mandate names at most ${MAX_PRODUCTS} products.`)
  const sold = new Map<Gtin, Product>(profile.products.map((product) => [gtin14(product.gtin), product]))
  const missing = wanted.filter((gtin) => !sold.has(gtin))
  if (missing.length === wanted.length || (request.gtins !== undefined && missing.length > 0)) {
    return refuse(
      `${profile.name} does not sell ${missing.join(', ')}. Name another product with --gtin, or another seller with --seller.`,
    )
  }
  return { ok: true, products: wanted.flatMap((gtin) => sold.get(gtin) ?? []) }
}

function leafOf(product: Product, request: MandateRequest, decimals: number): MandateProduct {
  return {
    salt: randomHex32(),
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

function nameOf(product: Product): { name: string; contentUnit: string } {
  return { name: product.name, contentUnit: product.contentUnit }
}

/** Whether hash, roots and text of a draft belong together, and to this device: it comes back from outside. */
function isWhole(draft: MandateDraft, device: DeviceView, chain: Chain): boolean {
  const { mandate, mandateHash, products, payees, readable } = draft.file
  const roots = chain.mandateRoots(products, payees)
  return (
    chain.mandateHash(mandate) === mandateHash &&
    chain.readableHash(readable) === mandate.extraData &&
    roots.productsRoot === mandate.productsRoot &&
    roots.payeesRoot === mandate.payeesRoot &&
    mandate.deviceKey === device.keyAddress &&
    mandate.token === chain.facts.token.address
  )
}

/** The mandate's hash is the digest that the wallet signs. */
function signerOf(mandateHash: Hex32, signature: HexBytes): Address | undefined {
  try {
    return recoverAddress(mandateHash, signature).toLowerCase() as Address
  } catch {
    return undefined
  }
}

async function nextStep(draft: MandateDraft, chain: Chain): Promise<string> {
  const { mandate } = draft.file
  const { allowance } = await chain.funds(mandate.payer)
  if (allowance >= mandate.maxPerOrder) return `The mandate for ${draft.deviceId} is signed and sent to the chain.`
  return (
    `The mandate for ${draft.deviceId} is signed and sent to the chain. Before the first order, let the wallet ${mandate.payer} ` +
    `approve the contract ${chain.facts.escrow} for ${chain.facts.token.symbol} (token ${mandate.token}).`
  )
}

function randomHex32(): Hex32 {
  return `0x${randomBytes(32).toString('hex')}`
}
