/**
 * PUBLISH packets of MQTT 3.1.1 as bytes: those that arrive all day are taken out of their chunk here, and go to the intake as
 * they came. A general parser makes five objects of each, which cost as much as all the rest.
 */

const DUP = 0x08
/** Bits of the first byte that tell a PUBLISH: packet type 3, table 2.1. */
const PUBLISH = 0x30

/** Where the parts of one PUBLISH packet are; used again and again, so that reading one makes no object. */
export class PublishFrame {
  qos = 0
  /** 0: none, with QoS 0. */
  messageId = 0
  topicStart = 0
  topicEnd = 0
  payloadStart = 0
  /** Of the packet; the next one begins here. */
  end = 0

  /**
   * Reads the packet that begins at `at`. `cut`: it goes on after the last byte. `other`: it is another kind of packet, too
   * long, of QoS 2 or against the protocol, and the general parser must see it. The topic's text is not checked.
   */
  read(bytes: Uint8Array, at: number, maxBytes: number): 'whole' | 'cut' | 'other' {
    const first = bytes[at]!
    if ((first & 0xf0) !== PUBLISH) return 'other'
    this.qos = (first >> 1) & 3
    if (this.qos > 1 || (this.qos === 0 && (first & DUP) !== 0)) return 'other'

    let length = 0
    let position = at + 1
    for (let shift = 0; ; shift += 7, position++) {
      if (shift > 21) return 'other'
      if (position >= bytes.length) return 'cut'
      const byte = bytes[position]!
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    this.topicStart = position + 3
    this.end = position + 1 + length
    if (length > maxBytes || length < 2) return 'other'
    if (this.end > bytes.length) return 'cut'
    this.topicEnd = this.topicStart + ((bytes[position + 1]! << 8) | bytes[position + 2]!)
    this.payloadStart = this.topicEnd + (this.qos === 0 ? 0 : 2)
    if (this.topicEnd === this.topicStart || this.payloadStart > this.end) return 'other'
    this.messageId = this.qos === 0 ? 0 : (bytes[this.topicEnd]! << 8) | bytes[this.topicEnd + 1]!
    // [MQTT-2.3.1-1]
    return this.qos > 0 && this.messageId === 0 ? 'other' : 'whole'
  }
}

/** The packet of a message that came another way: QoS 0, as nobody acknowledges it from here on. */
export function publishPacket(topic: string, payload: Uint8Array): Uint8Array {
  const topicBytes = Buffer.byteLength(topic)
  let length = 2 + topicBytes + payload.byteLength
  const head = [PUBLISH]
  for (; length > 0x7f; length = Math.floor(length / 128)) head.push((length & 0x7f) | 0x80)
  head.push(length, topicBytes >> 8, topicBytes & 0xff)
  return Buffer.concat([Uint8Array.from(head), Buffer.from(topic), payload])
}
