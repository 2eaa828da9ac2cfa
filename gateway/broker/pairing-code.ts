import { createHash, randomInt, timingSafeEqual } from 'node:crypto'

/** Crockford's base 32: no I, L, O or U, which people confuse. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const GROUPS = 2
/** Ten characters: 50 bits, of which five guesses are allowed. */
const GROUP_LENGTH = 5

/** A one-time code such as `K7QF2-9XM3D`. */
export function newPairingCode(): string {
  const group = () => Array.from({ length: GROUP_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  return Array.from({ length: GROUPS }, group).join('-')
}

/** What is kept of a code; the same for all the ways in which a person may type it. */
export function codeDigest(typed: string): Buffer {
  const plain = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1')
  return createHash('sha256').update(plain).digest()
}

/** In constant time. */
export function isCode(typed: Uint8Array | undefined, digest: Uint8Array): boolean {
  return timingSafeEqual(codeDigest(Buffer.from(typed ?? []).toString()), digest)
}
