import type { AbiParameterToPrimitiveType, ExtractAbiFunction } from 'abitype'
import { AbiCoder } from 'ethers/abi'
import { keccak256, Signature } from 'ethers/crypto'
import { id, type TypedDataDomain, type TypedDataField } from 'ethers/hash'
import { abi, eip712Types } from './generated/OrderEscrow.ts'
import { abi as tokenAbi } from './generated/TestDollar.ts'
import { MerkleTree } from './merkle.ts'
import { coder } from './typed.ts'

type FirstArgument<
  Name extends 'authorizationDigest' | 'authorizeBasket' | 'capture' | 'mandateHash' | 'ship' | 'termsHash',
> = AbiParameterToPrimitiveType<ExtractAbiFunction<typeof abi, Name>['inputs'][0], 'inputs'>
export type Mandate = FirstArgument<'mandateHash'>
export type Authorization = FirstArgument<'authorizationDigest'>
export type Terms = FirstArgument<'termsHash'>
/** Orders of one payer in one token, all placed or none: a section for each mandate. */
export type Basket = FirstArgument<'authorizeBasket'>
export type Section = Basket[number]
export type Line = Section['lines'][number]
export type Product = Line['product']
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

/** The EIP-712 domain of an escrow. */
export function domain(chainId: bigint | number, verifyingContract: string): TypedDataDomain {
  return { name: 'ADEPT', version: '1', chainId, verifyingContract }
}

/** The types that a wallet needs to sign one message. */
export function typesOf(message: keyof typeof eip712Types): Record<string, TypedDataField[]> {
  return { [message]: eip712Types[message] }
}

/** The tree of the sellers that a mandate names; its root is `payeesRoot`. Proofs are asked for by index. */
export function payeesTree(payees: readonly { salt: string; payee: string }[]) {
  const leaves = payees.map(({ salt, payee }) => [id('adept.payee'), salt, payee])
  return new MerkleTree(['bytes32', 'bytes32', 'address'], leaves)
}

/** The tree of the products that a mandate names; its root is `productsRoot`. Proofs are asked for by index. */
export function productsTree(products: readonly Product[]) {
  const leaves = products.map((it) => [id('adept.product'), it.salt, it.gtin, it.packSize, it.maxUnitPrice])
  return new MerkleTree(['bytes32', 'bytes32', 'uint64', 'uint32', 'uint96'], leaves)
}

/** What the end of an order needs to know of its mandate; `termsHash` of it is a part of the order's key on chain. */
export function termsOf(mandate: Mandate, mandateHash: `0x${string}`): Terms {
  const { payer, deviceKey, arbiter, token, start, period, household } = mandate
  return { mandateHash, payer, deviceKey, arbiter, token, start, period, household }
}

/** The hash that stands for the terms in `ship` and `record`; the same as the contract's own `termsHash`. */
export function termsHash(terms: Terms): `0x${string}` {
  const { mandateHash, payer, deviceKey, arbiter, token, start, period, household } = terms
  const types = ['bytes32', 'address', 'address', 'address', 'address', 'uint48', 'uint32', 'uint64']
  const values = [mandateHash, payer, deviceKey, arbiter, token, start, period, household]
  return keccak256(AbiCoder.defaultAbiCoder().encode(types, values)) as `0x${string}`
}

/** A basket as `authorizeBatch` takes it; `authorize` takes one as it is. */
export function encodeBasket(basket: Basket): `0x${string}` {
  return escrow.encode('authorizeBasket', [basket]) as `0x${string}`
}

/** A signature of 65 bytes in EIP-2098's compact form; throws on anything else. */
export function compactSignature(signature: string): { r: `0x${string}`; vs: `0x${string}` } {
  const { r, yParityAndS } = Signature.from(signature)
  return { r: r as `0x${string}`, vs: yParityAndS as `0x${string}` }
}

/** Why a call reverted or a basket was refused: an error of the escrow, or of a token that follows ERC-6093. */
export function decodeRevert(data: string) {
  return escrow.decodeError(data) ?? token.decodeError(data)
}
