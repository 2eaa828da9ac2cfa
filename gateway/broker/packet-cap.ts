import type { Client } from 'aedes'
import type { BrokerLimits } from './limits.ts'

/** What is used of the parser behind Aedes' client; private to Aedes 1.2.0, so the version is pinned and a test watches. */
type ParserInside = {
  parse(chunk: Buffer): number
  on(event: 'packet', listener: (packet: { length: number }) => void): void
  packet: { length: number }
}

/**
 * Destroys the connection as soon as a packet declares more bytes than the cap. Aedes has no cap: without this four
 * strangers took 400 MB of memory by announcing packets of 100 MB.
 */
export function capPacketLength(
  client: Client,
  limits: Pick<BrokerLimits, 'maxPacketBytes' | 'maxPacketBytesBeforeConnack'>,
): void {
  const parser = (client as unknown as { _parser?: ParserInside })._parser
  if (typeof parser?.parse !== 'function' || typeof parser.packet?.length !== 'number') {
    throw new Error('This version of Aedes hides its parser: packets cannot be capped. Use the pinned version.')
  }
  const check = (declaredBytes: number) => {
    const cap = client.connected ? limits.maxPacketBytes : limits.maxPacketBytesBeforeConnack
    if (declaredBytes > cap)
      client.conn.destroy(new Error(`A packet of ${declaredBytes} bytes is over the cap of ${cap}.`))
  }
  parser.on('packet', (packet) => check(packet.length))
  const parse = parser.parse.bind(parser)
  parser.parse = (chunk) => {
    const left = parse(chunk)
    check(parser.packet.length)
    return left
  }
}
