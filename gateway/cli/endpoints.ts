import type { BrokerAddress } from '../ports/onboarding.ts'

/** What to know of listeners beyond this machine without encryption; undefined: there is none. */
export function plainTextWarning(addresses: readonly BrokerAddress[]): string | undefined {
  const plain = addresses.filter(({ isLoopback, secure }) => !isLoopback && !secure)
  if (plain.length === 0) return undefined
  return (
    `WARNING: ${plain.map(({ url }) => url).join(', ')} is plain text: everybody in that network can read passwords and levels. ` +
    'Set mqtt.tls, and take mqtt.allowPlainText away.'
  )
}

/** `SHA-256` of a certificate in groups that a person can compare. */
export function fingerprintText(sha256: string): string {
  return sha256.toUpperCase().match(/.{4}/g)!.join(' ')
}
