import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser, type QoS } from 'mqtt-packet'

/** A peer that waits longer for a packet has waited in vain: everything here happens on the loopback. */
const PATIENCE_MS = 3_000

type Cmd = Packet['cmd']
export type ConnectOptions = Partial<Omit<IConnectPacket, 'cmd'>>
export type Message = { topic: string; payload: string; qos: QoS; retain: boolean; dup: boolean }

/**
 * One connection, seen as packets: it says what a test tells it and nothing by itself, so that a test can leave out, repeat
 * or spoil any packet. What arrives waits in order until it is asked for.
 */
export class Peer {
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #arrived: Packet[] = []
  #isClosed = false
  #wake: () => void = () => undefined
  #messageId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    const parse = parser({ protocolVersion: 4 })
    parse.on('packet', (packet) => {
      this.#arrived.push(packet)
      this.#wake()
    })
    socket.on('data', (chunk) => parse.parse(chunk))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true
        this.#wake()
        resolve()
      })
    })
  }

  /** A TCP connection on which nothing has been said. */
  static async open(port: number): Promise<Peer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const peer = new Peer(socket)
    await once(socket, 'connect')
    return peer
  }

  /** A connection whose CONNECT was accepted, and whether the broker had a session for it. */
  static async connect(port: number, options: ConnectOptions = {}): Promise<Peer & { sessionPresent: boolean }> {
    const peer = await Peer.open(port)
    peer.send(connectPacket(options))
    const connack = await peer.next('connack')
    if (connack.returnCode !== 0) throw new Error(`CONNACK ${connack.returnCode}`)
    return Object.assign(peer, { sessionPresent: connack.sessionPresent })
  }

  send(...packets: Packet[]): void {
    this.bytes(...packets.map((packet) => generate(packet)))
  }

  /** What mqtt-packet would not write; numbers are bytes, strings UTF-8. */
  bytes(...parts: (number | string | Buffer)[]): void {
    this.#socket.write(
      Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part)))),
    )
  }

  /** The next packet (of this kind) that arrived or arrives; throws when none comes. */
  async next<C extends Cmd>(cmd?: C): Promise<Extract<Packet, { cmd: C }>> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const index = this.#arrived.findIndex((packet) => cmd === undefined || packet.cmd === cmd)
      if (index >= 0) return this.#arrived.splice(index, 1)[0] as Extract<Packet, { cmd: C }>
      const leftMs = deadline - performance.now()
      if (this.#isClosed || leftMs <= 0) {
        throw new Error(`No ${cmd ?? 'packet'} came${this.#isClosed ? ': the connection is closed' : ''}.`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Everything that arrived before the connection was closed by the broker; throws when it is not. */
  async untilClosed(): Promise<Cmd[]> {
    const timer = setTimeout(() => this.#socket.destroy(new Error('not closed')), PATIENCE_MS)
    await this.closed
    clearTimeout(timer)
    if (this.#socket.errored?.message === 'not closed') throw new Error('The broker did not close the connection.')
    return this.#arrived.splice(0).map(({ cmd }) => cmd)
  }

  /** Subscribes and returns the codes granted. */
  async subscribe(filters: string | string[], qos: QoS = 0): Promise<number[]> {
    const subscriptions = [filters].flat().map((topic) => ({ topic, qos }))
    this.send({ cmd: 'subscribe', messageId: this.#nextId(), subscriptions })
    return (await this.next('suback')).granted as number[]
  }

  async unsubscribe(...filters: string[]): Promise<void> {
    this.send({ cmd: 'unsubscribe', messageId: this.#nextId(), unsubscriptions: filters })
    await this.next('unsuback')
  }

  /** Publishes and goes through the handshake of its QoS; one of QoS 0 has been handled when the broker answers a ping. */
  async publish(topic: string, payload = '', options: { qos?: QoS; retain?: boolean } = {}): Promise<void> {
    const { qos = 0, retain = false } = options
    const messageId = this.#nextId()
    this.send({ cmd: 'publish', topic, payload, qos, retain, dup: false, ...(qos > 0 && { messageId }) })
    if (qos === 0) return this.ping()
    if (qos === 1) return void (await this.next('puback'))
    await this.next('pubrec')
    this.send({ cmd: 'pubrel', messageId })
    await this.next('pubcomp')
  }

  async ping(): Promise<void> {
    this.send({ cmd: 'pingreq' })
    await this.next('pingresp')
  }

  /** The next message, after the handshake of its QoS. */
  async receive(): Promise<Message> {
    const packet = await this.next('publish')
    const { messageId } = packet
    if (packet.qos === 1) this.send({ cmd: 'puback', messageId: messageId! })
    if (packet.qos === 2) {
      this.send({ cmd: 'pubrec', messageId: messageId! })
      await this.next('pubrel')
      this.send({ cmd: 'pubcomp', messageId: messageId! })
    }
    return messageOf(packet)
  }

  /** Says DISCONNECT. */
  async disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' })
    await this.closed
  }

  /** Vanishes without a word. */
  async drop(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  #nextId(): number {
    this.#messageId += 1
    return this.#messageId
  }
}

export function connectPacket(options: ConnectOptions = {}): IConnectPacket {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 0,
    clientId: '',
    ...options,
  }
}

export function messageOf({ topic, payload, qos, retain, dup }: IPublishPacket): Message {
  return { topic, payload: String(payload), qos, retain, dup }
}

/** A text with its length before it, as MQTT writes it. */
export function text(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A control packet by its first byte and its parts, for those that mqtt-packet would not write. */
export function packetBytes(firstByte: number, ...parts: (number | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)))
  if (body.length > 127) throw new Error('longer ones need a longer length')
  return Buffer.concat([Buffer.of(firstByte, body.length), body])
}
