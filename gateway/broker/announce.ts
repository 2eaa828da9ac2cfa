import { hostname } from 'node:os'
import type Bonjour from 'bonjour-service'
import { isLoopback } from './addresses.ts'
import type { Listening } from './listeners.ts'

const TYPES = { tcp: 'mqtt', tls: 'secure-mqtt' } as const
const ANY = ['0.0.0.0', '::']

/**
 * Tells the network by mDNS where devices connect: `_mqtt._tcp` for plain TCP, `_secure-mqtt._tcp` for TLS. Listeners on
 * loopback are nobody's business. Returns how to take it back; undefined when there is nothing to tell.
 */
export async function announce(
  listening: readonly Listening[],
  options: {
    name: string
    /** mDNS is a help, never a condition: without multicast the gateway runs all the same. */
    onFault(error: unknown): void
    /** For tests: also what is on loopback, there. */
    onLoopback?: boolean
  },
): Promise<(() => Promise<void>) | undefined> {
  const told = listening.flatMap(({ transport, host, port }) =>
    (transport === 'tcp' || transport === 'tls') && (options.onLoopback || !isLoopback(host))
      ? [{ type: TYPES[transport], host, port }]
      : [],
  )
  if (told.length === 0) return undefined
  const { default: Responder } = await import('bonjour-service')
  const machine = hostname().split('.')[0]
  // One responder for each address; on `interface` alone it would not hear the queries, which go to the group's address.
  const responders = new Map<string, Bonjour>()
  for (const { type, host, port } of told) {
    let responder = responders.get(host)
    if (responder === undefined) {
      responder = new Responder(
        (ANY.includes(host) ? {} : { interface: host, bind: '0.0.0.0' }) as object,
        options.onFault,
      )
      responders.set(host, responder)
    }
    // Two gateways of one network, or of one machine, often serve a home of the same name.
    responder
      .publish({ name: `${options.name} on ${machine}:${port}`, type, port, host: `${machine}.local` })
      .on('error', options.onFault)
  }
  return async () => {
    await Promise.all(
      [...responders.values()].map(
        (responder) => new Promise<void>((resolve) => responder.unpublishAll(() => responder.destroy(() => resolve()))),
      ),
    )
  }
}
