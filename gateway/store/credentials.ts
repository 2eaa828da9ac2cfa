import { createHash, randomBytes } from 'node:crypto'

/**
 * A new MQTT password of 128 random bits as 22 base64url characters. The text is shown once; only its SHA-256 is kept,
 * which is enough for a secret that nobody can guess.
 */
export function newDeviceSecret(): { secret: string; secretSha256: Uint8Array } {
  const secret = randomBytes(16).toString('base64url')
  return { secret, secretSha256: createHash('sha256').update(secret).digest() }
}
