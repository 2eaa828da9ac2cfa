import type { AbiParameterToPrimitiveType, ExtractAbiFunction } from 'abitype'
import { id, type TypedDataDomain, type TypedDataField } from 'ethers'
import { abi, eip712Types } from './generated/OrderEscrow.ts'
import { abi as tokenAbi } from './generated/TestDollar.ts'
import { MerkleTree } from './merkle.ts'
import { coder } from './typed.ts'

type FirstArgument<Name extends 'authorizationId' | 'authorizeBasket' | 'mandateHash' | 'record'> =
  AbiParameterToPrimitiveType<ExtractAbiFunction<typeof abi, Name>['inputs'][0], 'inputs'>
export type Mandate = FirstArgument<'mandateHash'>
export type Authorization = FirstArgument<'authorizationId'>
export type Terms = FirstArgument<'record'>
export type Basket = FirstArgument<'authorizeBasket'>
export type Product = Basket['orders'][number]['product']

/** `MandateStatus` of the contract, in its order. */
export const MANDATE_STATUSES = ['none', 'granted', 'revoked'] as const

/** `State` of the contract, in its order. */
export const ORDER_STATES = ['none', 'authorized', 'shipped', 'captured', 'cancelled', 'declined', 'reclaimed'] as const

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

/** The terms under which the contract keeps an order; known before it is placed. */
export function termsOf(mandate: Mandate, authorization: Authorization, authorizationId: `0x${string}`): Terms {
  return {
    authorizationId,
    mandateHash: authorization.mandateHash,
    payer: mandate.payer,
    deviceKey: mandate.deviceKey,
    arbiter: mandate.arbiter,
    token: mandate.token,
    seller: authorization.seller,
    amount: authorization.total,
    shipBy: authorization.shipBy,
    coolingOffSeconds: mandate.coolingOffSeconds,
    start: mandate.start,
    period: mandate.period,
    household: mandate.household,
  }
}

/** Why a call reverted or a basket was refused: an error of the escrow, or of a token that follows ERC-6093. */
export function decodeRevert(data: string) {
  return escrow.decodeError(data) ?? token.decodeError(data)
}
