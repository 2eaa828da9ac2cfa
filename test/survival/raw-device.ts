import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'
import { topicOf, type WriteTopic } from '../../gateway/wire/topics.ts'

/** A device of raw packets: it answers nothing by itself, and can do what no client library would. */
export class RawDevice {
  readonly id: string
  readonly socket: Socket
  readonly packets: Packet[] = []
  readonly closed: Promise<void>
  /** PUBACKs that came. */
  acked = 0
  readonly #acks = new Map<number, { resolve(ms: number): void; reject(error: Error): void; sentAtMs: number }>()
  #messageId = 0

  private constructor(id: string, socket: Socket) {
    this.id = id
    this.socket = socket
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const { reject } of this.#acks.values()) reject(new Error('disconnected'))
        this.#acks.clear()
        resolve()
      })
    })
    const parse = parser({ protocolVersion: 4 })
    parse.on('packet', (packet) => this.#take(packet))
    socket.on('data', (chunk) => parse.parse(chunk))
  }

  /** A connection without a word said. */
  static async open(port: number, localAddress = '127.0.0.1'): Promise<RawDevice> {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    const device = new RawDevice('', socket)
    socket.setNoDelay(true)
    await once(socket, 'connect')
    return device
  }

  /** Resolves after CONNACK 0; rejects with the return code, or when the connection is closed instead. */
  static async connect(
    port: number,
    deviceId: string,
    password: string,
    more: { localAddress?: string; clean?: boolean; keepalive?: number } = {},
  ): Promise<RawDevice> {
    const socket = connect({ port, host: '127.0.0.1', ...(more.localAddress && { localAddress: more.localAddress }) })
    const device = new RawDevice(deviceId, socket)
    socket.setNoDelay(true)
    await once(socket, 'connect')
    device.send(connectPacket(deviceId, password, more))
    const connack = await device.next()
    if (connack?.cmd !== 'connack' || connack.returnCode !== 0) {
      socket.destroy()
      throw new Error(connack?.cmd === 'connack' ? `refused with ${connack.returnCode}` : 'closed without CONNACK')
    }
    device.packets.length = 0
    return device
  }

  send(packet: Packet): void {
    this.socket.write(generate(packet))
  }

  /** QoS 1; resolves to the time in ms until its ack. */
  publish(name: WriteTopic, payload: string | Buffer): Promise<number> {
    this.#messageId = (this.#messageId % 65_535) + 1
    const messageId = this.#messageId
    return new Promise((resolve, reject) => {
      this.#acks.set(messageId, { resolve, reject, sentAtMs: performance.now() })
      this.send({
        cmd: 'publish',
        topic: topicOf(this.id, name),
        payload,
        qos: 1,
        dup: false,
        retain: false,
        messageId,
      })
    })
  }

  /** The next packet that is no PUBACK; undefined when the connection closes, or nothing comes for `ms`. */
  async next(ms = 5_000): Promise<Packet | undefined> {
    const deadlineMs = performance.now() + ms
    while (this.packets.length === 0 && !this.socket.closed && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return this.packets.shift()
  }

  close(): void {
    this.socket.destroy()
  }

  #take(packet: Packet): void {
    if (packet.cmd !== 'puback') {
      this.packets.push(packet)
      return
    }
    this.acked++
    const waiting = this.#acks.get(packet.messageId ?? 0)
    this.#acks.delete(packet.messageId ?? 0)
    waiting?.resolve(performance.now() - waiting.sentAtMs)
  }
}

export function connectPacket(deviceId: string, password: string | Buffer, more: Record<string, unknown> = {}): Packet {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
    clientId: deviceId,
    username: deviceId,
    password: Buffer.from(password),
    ...more,
  } as Packet
}
