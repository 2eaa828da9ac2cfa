import type { Duplex } from 'node:stream'

/** One connection of a device, as a listener hands it to the broker: a stream of MQTT packets, and where it comes from. */
export type Connection = {
  stream: Duplex
  transport: 'tcp' | 'tls' | 'websocket'
  remoteAddress: string
  /** DER of the certificate that the device proved to have the key of, signed by our own authority; undefined: none. */
  certificate?: Uint8Array | undefined
}
