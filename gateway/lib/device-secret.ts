import { createHash, randomBytes } from 'node:crypto'

/** 192 bits: nobody guesses it, and a person can still type it into a board's sketch. */
const SECRET_BYTES = 24

/**
 * A new MQTT password as 32 base64url characters. The text is shown once; only its SHA-256 is kept, which is enough for a
 * secret that nobody can guess.
 */
export function newDeviceSecret(): { secret: string; secretSha256: Uint8Array } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  return { secret, secretSha256: createHash('sha256').update(secret).digest() }
}
