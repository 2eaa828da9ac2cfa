import type { KeptPayload } from '../ports/broker-state.ts'

/** A message as Aedes hands it over, with the broker's own count of it; also the PUBREL that replaces one of QoS 2. */
export type Message = {
  cmd: string
  topic: string
  payload: Uint8Array | string
  qos: 0 | 1 | 2
  dup?: boolean
  retain?: boolean
  messageId?: number | undefined
  brokerId?: string
  brokerCounter?: number
  clientId?: string
}

/** A copy to keep. Its payload holds no more memory than its bytes: Aedes' own is a slice of what was read (64 KiB). */
export function copyOf(message: Message): Message {
  const { length: _, ...copy } = message as Message & { length?: number }
  if (typeof copy.payload !== 'string' && copy.payload !== undefined) {
    const payload = Buffer.allocUnsafeSlow(copy.payload.length)
    payload.set(copy.payload)
    copy.payload = payload
  }
  return copy
}

/** A message as the last values of its row. */
export function rowOf(message: Message): [header: string, payload: KeptPayload] {
  const { payload, messageId: _, ...header } = message
  return [JSON.stringify(header), payload ?? null]
}

export function messageOf(header: string, payload: KeptPayload): Message {
  const fields = JSON.parse(header) as Omit<Message, 'payload'>
  return payload === null ? (fields as Message) : { ...fields, payload }
}
