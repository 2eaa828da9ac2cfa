import type { AbiParameterToPrimitiveType, ExtractAbiFunction } from 'abitype'
import { AbiCoder } from 'ethers/abi'
import { keccak256, Signature } from 'ethers/crypto'
import { id, type TypedDataDomain, type TypedDataField } from 'ethers/hash'
import { abi as registryAbi } from './generated/DeviceRegistry.ts'
import { abi, eip712Types } from './generated/OrderEscrow.ts'
import { abi as tokenAbi } from './generated/TestDollar.ts'
import { MerkleTree } from './merkle.ts'
import { coder, type Encodable } from './typed.ts'

type FirstArgument<
  Name extends 'authorizationDigest' | 'authorizeBasket' | 'capture' | 'mandateHash' | 'ship' | 'termsHash',
> = Encodable<AbiParameterToPrimitiveType<ExtractAbiFunction<typeof abi, Name>['inputs'][0], 'inputs'>>
export type Mandate = FirstArgument<'mandateHash'>
export type Authorization = FirstArgument<'authorizationDigest'>
export type Terms = FirstArgument<'termsHash'>
/** Orders of one payer in one token, all placed or none: a section for each mandate and offer. */
export type Basket = FirstArgument<'authorizeBasket'>
export type Section = Basket[number]
export type Order = Section['orders'][number]
export type Offer = Section['offer']
export type Shipment = FirstArgument<'ship'>[number]
export type Claim = FirstArgument<'capture'>[number]

/** `MandateStatus` of the contract, in its order. */
export const MANDATE_STATUSES = ['none', 'granted', 'revoked'] as const

/** `State` of the contract, in its order. */
export const ORDER_STATES = [
  'none',
  'authorized',
  'shipped',
  'captured',
  'cancelled',
  'declined',
  'reclaimed',
  'disputed',
  'settled',
  'decided',
] as const

export const escrow = coder(abi)
const token = coder(tokenAbi)
const registry = coder(registryAbi)

/** The EIP-712 domain of an escrow. */
export function domain(chainId: bigint | number, verifyingContract: string): TypedDataDomain {
  return { name: 'ADEPT', version: '1', chainId, verifyingContract }
}

/** The types that a wallet needs to sign one message: its own and those of the structs in it. */
export function typesOf(message: keyof typeof eip712Types): Record<string, TypedDataField[]> {
  const fields: TypedDataField[] = eip712Types[message]
  const structs = fields.map(({ type }) => type.replace('[]', '')).filter((type) => type in eip712Types)
  return Object.assign({ [message]: fields }, ...structs.map((type) => typesOf(type as keyof typeof eip712Types)))
}

/** A product of a seller at a highest price; `packSize` is pieces in a pack. */
export type PlainOffer = {
  salt: `0x${string}`
  seller: `0x${string}`
  gtin: string | bigint | number
  packSize: bigint | number
  maxUnitPrice: bigint | number
}

/** An offer as a section holds it. */
export function encodeOffer({ salt, seller, gtin, packSize, maxUnitPrice }: PlainOffer): Offer {
  const product = AbiCoder.defaultAbiCoder().encode(['bytes32', 'uint256', 'uint256'], [salt, BigInt(gtin), packSize])
  return { product: keccak256(product) as `0x${string}`, seller, maxUnitPrice }
}

/** The tree of the offers that a mandate names; its root is `offersRoot`. Leaves and proofs are asked for by index. */
export function offersTree(offers: readonly PlainOffer[]) {
  const leaves = offers.map(encodeOffer).map((it) => [id('adept.offer'), it.product, it.seller, it.maxUnitPrice])
  return new MerkleTree(['bytes32', 'bytes32', 'address', 'uint256'], leaves)
}

/** What the end of an order needs to know of its mandate; `termsHash` of it is a part of the order's key on chain. */
export function termsOf<Household extends bigint | number>(
  { payer, deviceKey, arbiter, token, household }: Mandate & { household: Household },
  mandateHash: `0x${string}`,
) {
  return { mandateHash, payer, deviceKey, arbiter, token, household }
}

/** The hash that stands for the terms in `ship` and `record`; the same as the contract's own `termsHash`. */
export function termsHash(terms: Terms): `0x${string}` {
  const { mandateHash, payer, deviceKey, arbiter, token, household } = terms
  const types = ['bytes32', 'address', 'address', 'address', 'address', 'uint256']
  const values = [mandateHash, payer, deviceKey, arbiter, token, household]
  return keccak256(AbiCoder.defaultAbiCoder().encode(types, values)) as `0x${string}`
}

/** The selector of a call, with its 0x. */
const SELECTOR_DIGITS = 10

/** A basket as `authorizeBatch` takes it, without a selector; `authorize` takes one as it is. */
export function encodeBasket(basket: Basket): `0x${string}` {
  return `0x${escrow.encode('authorizeBasket', [basket]).slice(SELECTOR_DIGITS)}`
}

/** An order as a section holds it; throws a RangeError on a number that its place in the word cannot hold. */
export function encodeOrder(authorization: Authorization, signature: string): Order {
  const { quantity, total, quoteHash, shipBy, validBefore, nonce } = authorization
  const numbers = [
    ['quantity', quantity, 32n],
    ['total', total, 96n],
    ['shipBy', shipBy, 40n],
    ['validBefore', validBefore, 40n],
    ['nonce', nonce, 48n],
  ] as const
  let word = 0n
  for (const [name, value, bits] of numbers.toReversed()) {
    if (BigInt(value) >> bits !== 0n)
      throw new RangeError(`The ${name} ${value} of an order does not fit ${bits} bits.`)
    word = (word << bits) | BigInt(value)
  }
  return { numbers: word, quoteHash, ...compactSignature(signature) }
}

/** A signature of 65 bytes in EIP-2098's compact form; throws on anything else. */
export function compactSignature(signature: string): { r: `0x${string}`; vs: `0x${string}` } {
  const { r, yParityAndS } = Signature.from(signature)
  return { r: r as `0x${string}`, vs: yParityAndS as `0x${string}` }
}

/** Why a call reverted or a basket was refused: an error of the escrow, of a token that follows ERC-6093, or of the registry. */
export function decodeRevert(data: string) {
  return escrow.decodeError(data) ?? token.decodeError(data) ?? registry.decodeError(data)
}
