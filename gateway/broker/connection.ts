import type { Duplex } from 'node:stream'
import type { BrokerLimits } from './limits.ts'

/** One connection of a device, as a listener hands it to the broker: a stream of MQTT packets, and where it comes from. */
export type Connection = {
  stream: Duplex
  transport: 'tcp' | 'tls' | 'ws' | 'wss'
  remoteAddress: string
  /** DER of the certificate that the device proved to have the key of, signed by our own authority; undefined: none. */
  certificate?: Uint8Array | undefined
}

/** Of every listener. A vanished device without a keepalive of its own is noticed by TCP. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
/** What listeners hold themselves to before the broker sees a connection. */
export type ListenerLimits = Pick<
  BrokerLimits,
  'maxConnections' | 'maxPendingConnections' | 'connectTimeoutMs' | 'maxPacketBytes'
>
