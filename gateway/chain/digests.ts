import { keccak256, type SigningKey } from 'ethers/crypto'
import { TypedDataEncoder } from 'ethers/hash'
import { recoverAddress } from 'ethers/transaction'
import { concat, toUtf8Bytes } from 'ethers/utils'
import { domain, offersTree, typesOf } from '../../contracts/escrow.ts'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Authorization, Mandate, MandateOffer } from '../domain/mandate.ts'
import type { Quote, SignedQuote } from '../domain/quote.ts'
import type { ChainFacts } from '../ports/chain.ts'

/**
 * A signed quote is no message of the contract: it binds the seller off chain, so its domain has the chain and no
 * contract. Numbers are uint256: no value that our schemas let pass overflows. The GTIN is text, as it was quoted.
 */
const QUOTE_TYPES = {
  Quote: [
    { name: 'orderId', type: 'string' },
    { name: 'attempt', type: 'uint256' },
    { name: 'buyer', type: 'address' },
    { name: 'seller', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'gtin', type: 'string' },
    { name: 'productName', type: 'string' },
    { name: 'packSize', type: 'uint256' },
    { name: 'contentUnit', type: 'string' },
    { name: 'quantity', type: 'uint256' },
    { name: 'totalMinorUnits', type: 'uint256' },
    { name: 'validBeforeSeconds', type: 'uint256' },
    { name: 'shipWithinSeconds', type: 'uint256' },
  ],
}

/** One order of a parcel. */
type ConfirmationMessage = { authorizationId: Hex32; shipment: Hex32; amount: bigint }

/** EIP-712 digests of everything that is signed around the escrow of one chain. */
export type Digests = {
  mandate(mandate: Mandate): Hex32
  authorization(authorization: Authorization): Hex32
  /** Of the orders of one parcel, at least one; they have the same shipment. */
  confirmation(orders: ConfirmationMessage[]): Hex32
  cancellation(authorizationId: Hex32): Hex32
  dispute(authorizationId: Hex32): Hex32
  invalidation(mandateHash: Hex32, nonce: number): Hex32
  quote(quote: Quote): Hex32
}

export function digestsOf({ chainId, escrow }: Pick<ChainFacts, 'chainId' | 'escrow'>): Digests {
  const escrowDomain = TypedDataEncoder.hashDomain(domain(chainId, escrow))
  const quoteDomain = TypedDataEncoder.hashDomain({ name: 'ADEPT Quote', version: '1', chainId })
  const mandate = TypedDataEncoder.from(typesOf('Mandate'))
  const authorization = TypedDataEncoder.from(typesOf('Authorization'))
  const confirmation = TypedDataEncoder.from(typesOf('Confirmation'))
  const cancellation = TypedDataEncoder.from(typesOf('Cancellation'))
  const dispute = TypedDataEncoder.from(typesOf('Dispute'))
  const invalidation = TypedDataEncoder.from(typesOf('Invalidation'))
  const quote = TypedDataEncoder.from(QUOTE_TYPES)
  const digest = (domainHash: string, structHash: string) =>
    keccak256(concat(['0x1901', domainHash, structHash])) as Hex32
  return {
    mandate: (value) => digest(escrowDomain, mandate.hash(value)),
    authorization: (value) => digest(escrowDomain, authorization.hash(value)),
    confirmation: (orders) =>
      digest(escrowDomain, confirmation.hash({ shipment: orders[0]!.shipment, deliveries: orders })),
    cancellation: (authorizationId) => digest(escrowDomain, cancellation.hash({ authorizationId })),
    dispute: (authorizationId) => digest(escrowDomain, dispute.hash({ authorizationId })),
    invalidation: (mandateHash, nonce) => digest(escrowDomain, invalidation.hash({ mandateHash, nonce })),
    quote: (value) => digest(quoteDomain, quote.hash(value)),
  }
}

/** EIP-712 typed data of a mandate as JSON, for `eth_signTypedData_v4` of a wallet. */
export function mandateTypedData(
  facts: Pick<ChainFacts, 'chainId' | 'escrow'>,
  mandate: Mandate,
): Record<string, unknown> {
  return TypedDataEncoder.getPayload(domain(facts.chainId, facts.escrow), typesOf('Mandate'), mandate)
}

export function signDigest(key: SigningKey, digest: Hex32): HexBytes {
  return key.sign(digest).serialized as HexBytes
}

/** Whose key signed the digest; undefined when the signature is malformed. */
export function signerOf(digest: Hex32, signature: HexBytes): Address | undefined {
  try {
    return recoverAddress(digest, signature).toLowerCase() as Address
  } catch {
    return undefined
  }
}

/** Who signed the quote; undefined when the signature, or text in the quote, is malformed. */
export function quoteSigner(digests: Digests, { quote, signature }: SignedQuote): Address | undefined {
  try {
    return signerOf(digests.quote(quote), signature)
  } catch {
    return undefined
  }
}

/** keccak256 of the UTF-8 bytes of a text; lone surrogates count as U+FFFD. */
export function textHash(text: string): Hex32 {
  return keccak256(toUtf8Bytes(text.toWellFormed())) as Hex32
}

/** The offer's leaf in the tree of a mandate; a tree of one offer is its leaf. */
export function offerLeaf(offer: MandateOffer): Hex32 {
  return offersTree([offer]).root
}
