import { keccak256 } from 'ethers/crypto'
import { TypedDataEncoder } from 'ethers/hash'
import { concat } from 'ethers/utils'
import { domain, escrow, typesOf } from '../../contracts/escrow.ts'
import type { Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import type { Settlement } from '../domain/settlement.ts'
import type { BuyersWord, ChainFacts } from '../ports/chain.ts'

/** Messages about one order that a person's wallet may sign, as typed data and as digest. */
export function buyersWords(facts: Pick<ChainFacts, 'chainId' | 'escrow'>) {
  const escrowDomain = domain(facts.chainId, facts.escrow)
  const messageOf = ({ authorizationId, kind, ...word }: BuyersWord) =>
    ({
      types: typesOf(kind),
      message: { authorizationId, ...('settlement' in word ? word.settlement : {}) },
    }) as const
  return {
    typedData(word: BuyersWord): Record<string, unknown> {
      const { types, message } = messageOf(word)
      return TypedDataEncoder.getPayload(escrowDomain, types, message)
    },
    digest(word: BuyersWord): Hex32 {
      const { types, message } = messageOf(word)
      const hash = TypedDataEncoder.from(types).hash(message)
      return keccak256(concat(['0x1901', TypedDataEncoder.hashDomain(escrowDomain), hash])) as Hex32
    },
  }
}

/** Call data of `settle`. A side that sends it needs no signature: `0x`. */
export function settleCall(terms: Terms, settlement: Settlement, signatures: { payer: HexBytes; seller: HexBytes }) {
  return escrow.encode('settle', [
    terms,
    terms.seller,
    terms.authorizationId,
    settlement,
    signatures.payer,
    signatures.seller,
  ])
}
