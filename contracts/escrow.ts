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
  Name extends 'authorizationDigest' | 'placeBasket' | 'capture' | 'mandateHash' | 'ship' | 'termsHash',
> = Encodable<AbiParameterToPrimitiveType<ExtractAbiFunction<typeof abi, Name>['inputs'][0], 'inputs'>>
export type Mandate = FirstArgument<'mandateHash'>
export type Authorization = FirstArgument<'authorizationDigest'>
export type Terms = FirstArgument<'termsHash'>
/** Orders of one payer in one token, all placed or none: a section for each mandate. */
export type Basket = FirstArgument<'placeBasket'>
export type Section = Basket[number]
export type Line = Section['lines'][number]
export type Offer = Line['offer']
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

/** The tree of the offers that a mandate names; its root is `offersRoot`. Leaves and proofs are asked for by index. */
export function offersTree(offers: readonly Offer[]) {
  const leaves = offers.map((it) => [id('adept.offer'), it.salt, it.seller, it.gtin, it.packSize, it.maxUnitPrice])
  return new MerkleTree(['bytes32', 'bytes32', 'address', 'uint256', 'uint256', 'uint256'], leaves)
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

/** A basket as `authorizeBatch` takes it; `authorize` takes one as it is. */
export function encodeBasket(basket: Basket): `0x${string}` {
  return escrow.encode('placeBasket', [basket]) as `0x${string}`
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
