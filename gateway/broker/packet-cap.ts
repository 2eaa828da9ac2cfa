import type { Client } from 'aedes'
import type { BrokerLimits } from './limits.ts'

/** What is used of Aedes' client and of the parser behind it; private to Aedes 1.2.0, so the version is pinned and a test watches. */
type ClientInside = { _parser?: ParserInside; _authorized?: boolean }
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
  const inside = client as unknown as ClientInside
  const parser = inside._parser
  const isKnown = typeof parser?.parse === 'function' && typeof parser.packet?.length === 'number'
  if (!isKnown || typeof inside._authorized !== 'boolean') {
    throw new Error('This version of Aedes hides its parser: packets cannot be capped. Use the pinned version.')
  }
  const check = (declaredBytes: number) => {
    // Not `connected`: a device has its CONNACK, and may send what it likes, before Aedes has sent it all that was queued.
    const cap = inside._authorized ? limits.maxPacketBytes : limits.maxPacketBytesBeforeConnack
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
