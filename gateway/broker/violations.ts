import type { Client, ConnectPacket, PublishPacket, SubscribePacket, UnsubscribePacket } from 'aedes'
import { isFilter } from './topic-filter.ts'

type Packet = ConnectPacket | PublishPacket | SubscribePacket | UnsubscribePacket | { cmd: 'other' }

/**
 * What is wrong with a packet that the parser let through; undefined: nothing. Whoever sends such a one is disconnected
 * without an answer [MQTT-4.8.0-1]. Clause numbers are those of MQTT 3.1.1.
 */
export function violationOf(packet: Packet): string | undefined {
  switch (packet.cmd) {
    case 'connect':
      return ofConnect(packet)
    case 'publish':
      if (packet.messageId === 0) return 'a packet id of 0 [MQTT-2.3.1-1]'
      if (packet.dup && packet.qos === 0) return 'DUP with QoS 0 [MQTT-3.3.1-2]'
      return ofText(packet.topic)
    case 'subscribe':
      return ofFilters(
        packet.messageId,
        packet.subscriptions.map(({ topic }) => topic),
      )
    case 'unsubscribe':
      return ofFilters(packet.messageId, packet.unsubscriptions)
    default:
      return undefined
  }
}

function ofConnect({ clientId, will, username, password }: ConnectPacket): string | undefined {
  if (password !== undefined && username === undefined) return 'a password without a user name [MQTT-3.1.2-22]'
  if (will !== undefined) {
    if ((will.qos as number) > 2) return 'a will of QoS 3 [MQTT-3.1.2-14]'
    if (will.topic === '' || /[+#]/.test(will.topic)) return 'a will on a filter or nowhere [MQTT-4.7.1-1, 4.7.3-1]'
  }
  return ofText(clientId) ?? ofText(username ?? '') ?? ofText(will?.topic ?? '')
}

function ofFilters(messageId: number | undefined, filters: string[]): string | undefined {
  if (messageId === 0) return 'a packet id of 0 [MQTT-2.3.1-1]'
  if (filters.length === 0) return 'no topic filter [MQTT-3.8.3-3, 3.10.3-2]'
  for (const filter of filters) {
    if (!isFilter(filter))
      return 'a wildcard inside a level, # before the end, or nothing [MQTT-4.7.1-2, 4.7.1-3, 4.7.3-1]'
    const wrong = ofText(filter)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** The parser writes U+FFFD for bytes that are no UTF-8. One that was sent as such is refused with them. */
function ofText(text: string): string | undefined {
  if (text.includes('\0')) return 'U+0000 in a text [MQTT-1.5.3-2]'
  return text.includes('\uFFFD') ? 'a text that is no UTF-8 [MQTT-1.5.3-1]' : undefined
}

/** What is used of the parser behind Aedes' client; private to Aedes 1.2.0, so the version is pinned and a test watches. */
type ParserInside = { emit(event: string, argument: unknown): boolean }

/** CONNACK with return code 1. */
const UNACCEPTABLE_PROTOCOL_LEVEL = Buffer.of(0x20, 2, 0, 1)

/** Disconnects this client at its first violation, before Aedes sees the packet. */
export function refuseViolations(client: Client): void {
  const parser = (client as unknown as { _parser: ParserInside })._parser
  const emit = parser.emit.bind(parser)
  parser.emit = (event, argument) => {
    const violation = event === 'packet' ? violationOf(argument as Packet) : undefined
    if (violation !== undefined) return emit('error', new Error(violation))
    // The parser knows the levels 3 to 5 only; Aedes answers 3 and 5 [MQTT-3.1.2-2].
    const isUnknownLevel = event === 'error' && (argument as Error).message === 'Invalid protocol version'
    if (isUnknownLevel && !client.connected) client.conn.write(UNACCEPTABLE_PROTOCOL_LEVEL)
    return emit(event, argument)
  }
}
