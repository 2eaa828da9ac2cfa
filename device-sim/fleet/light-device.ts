import { connect, type Socket } from 'node:net'
import { type Description, OrderMessage } from '../../gateway/wire/messages.ts'
import { topicOf, type WriteTopic } from '../../gateway/wire/topics.ts'
import type { WireFault } from '../faults/plan.ts'
import { Outgoing, type Report, type Session, type Unacknowledged } from './outgoing.ts'
import {
  asDuplicate,
  connectPacket,
  DISCONNECT,
  eachPacket,
  PACKET,
  pubackPacket,
  publishPacket,
  readPublish,
  subscribePacket,
} from './packets.ts'

/** Longer than a run is silent; a lost broker is known by the closed socket. */
const KEEP_ALIVE_SECONDS = 3_600
/** "Server unavailable": the only refusal that passes by itself [MQTT-3.2.2]. */
const TRY_LATER = 3
/** Where all sockets of the process are read into, one after the other: an idle one has no buffer of its own. */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

export type FleetDevice = {
  deviceId: string
  password: string
  description: Description
  /** Session name of each boot, the first being 0. */
  sessionOf(boot: number): string
}
/** What its fleet does for a device. */
export type Fleetmate = {
  host: string
  port(): number
  /** So many answers more are waited for, or less. */
  waitsFor(change: number): void
  onOrder(device: LightDevice, message: OrderMessage): void
  /** It was let in. */
  joined(device: LightDevice): void
  /** Its connection ended, or never came about, without its own doing; before `waitsFor` less, so that no flush ends without it. */
  lost(device: LightDevice): void
  /** The gateway refuses it for good, or does not speak MQTT. */
  failed(error: Error): void
}
/**
 * A device on the wire with a few kilobytes: one socket, packets made by hand, QoS 1, a session that outlives its connection.
 * What was not acknowledged is sent again with DUP after a reconnect.
 */
export class LightDevice {
  readonly #options: FleetDevice
  readonly #fleet: Fleetmate
  #socket: Socket | undefined
  #state: 'off' | 'connecting' | 'on' = 'off'
  /** The beginning of a packet that was cut. */
  #rest: Buffer | undefined
  readonly #outgoing: Outgoing
  /** Reports that were made out of reach. */
  #kept: Report[] = []

  constructor(options: FleetDevice, fleet: Fleetmate) {
    this.#options = options
    this.#fleet = fleet
    this.#outgoing = new Outgoing(options.deviceId, (change) => fleet.waitsFor(change))
    this.#outgoing.boot(options.sessionOf(0))
  }

  get deviceId(): string {
    return this.#options.deviceId
  }

  get isOn(): boolean {
    return this.#state === 'on'
  }

  /** It has no connection, and none is on the way. */
  get isOff(): boolean {
    return this.#state === 'off'
  }

  /** Every boot, and how many of its reports are acknowledged; those before the last are all, unless some are kept. */
  get sessions(): readonly Session[] {
    return this.#outgoing.sessions
  }

  connect(): void {
    if (this.#state !== 'off') return
    this.#state = 'connecting'
    const socket = connect({
      host: this.#fleet.host,
      port: this.#fleet.port(),
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (length) => {
          if (this.#socket === socket) this.#receive(length)
          return true
        },
      },
    })
    this.#socket = socket
    const { deviceId, password } = this.#options
    const will = { topic: topicOf(deviceId, 'status'), payload: 'offline' }
    socket.once('error', () => undefined) // `close` follows
    socket.once('close', () => {
      if (this.#socket !== socket) return
      this.#fleet.lost(this)
      this.#forgetSocket()
    })
    socket.write(connectPacket({ clientId: deviceId, password, will, keepAliveSeconds: KEEP_ALIVE_SECONDS }))
  }

  /** Breaks the connection without a word; it comes back when it is told to connect. */
  drop(): void {
    const socket = this.#socket
    this.#forgetSocket()
    socket?.destroy()
  }

  /** Switches off in good order; resolves when the broker has heard it, or is gone. */
  async close(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined) return
    const isOn = this.isOn
    this.#forgetSocket()
    if (!isOn) return void socket.destroy()
    const offline = publishPacket(topicOf(this.deviceId, 'status'), 'offline', this.#outgoing.nextMessageId(), true)
    socket.end(Buffer.concat([offline, DISCONNECT]))
    // What it still says is of no use; read, it lets the socket end.
    await new Promise((resolve) => socket.once('close', resolve))
  }

  /** Sends what it reported since the last time, whatever `fault` does to it. */
  send(reports: readonly { topic: WriteTopic; body: string }[], fault: WireFault | undefined): void {
    if (fault?.kind === 'bent' && fault.reboot) {
      this.drop()
      this.#outgoing.boot(this.#options.sessionOf(this.sessions.length))
    }
    const mine = reports.map(({ topic, body }) => this.#outgoing.report(topic, body))
    if (fault?.kind === 'away') {
      this.drop()
      this.#kept.push(...mine)
      return
    }
    const kept = this.#kept.splice(0).map((report) => this.#outgoing.packetOf(report))
    if (fault === undefined) return void this.#sendAll([...kept, ...mine.map((one) => this.#outgoing.packetOf(one))])
    const first: Unacknowledged[] = []
    const bent = fault.order.map(({ index, dup }) => {
      const before = first[index]
      if (before === undefined) {
        first[index] = this.#outgoing.packetOf(mine[index]!)
        return first[index]
      }
      return dup
        ? { ...before, packet: asDuplicate(before.packet) }
        : this.#outgoing.packetOf({ ...mine[index]!, session: undefined })
    })
    const end = fault.cutAfter === undefined ? undefined : kept.length + fault.cutAfter
    this.#sendAll([...kept, ...bent].slice(0, end))
    // What of it arrived it learns after the reconnect only, when all that is not acknowledged goes again.
    if (end !== undefined) this.drop()
  }

  #sendAll(all: readonly Unacknowledged[]): void {
    if (this.#state !== 'on' || all.length === 0) return // it goes once the broker has let it in
    for (const one of all) one.wasSent = true
    this.#write(all.length === 1 ? all[0]!.packet : Buffer.concat(all.map(({ packet }) => packet)))
  }

  #write(bytes: Uint8Array): void {
    this.#socket?.write(bytes)
  }

  #forgetSocket(): void {
    this.#socket = undefined
    this.#state = 'off'
    this.#rest = undefined
    this.#outgoing.forgetGreetings()
  }

  #receive(length: number): void {
    const chunk = shared.subarray(0, length)
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    try {
      const read = eachPacket(bytes, (first, start, end) => this.#take(bytes, first, start, end))
      this.#rest = read === bytes.length ? undefined : Buffer.from(bytes.subarray(read))
    } catch (error) {
      this.drop()
      this.#fleet.failed(error as Error)
    }
  }

  #take(bytes: Buffer, first: number, start: number, end: number): void {
    switch (first & 0xf0) {
      case PACKET.puback:
        this.#outgoing.acknowledged(bytes.readUInt16BE(start))
        break
      case PACKET.publish:
        this.#heard(readPublish(bytes, first, start, end))
        break
      case PACKET.connack:
        this.#letIn(bytes[start + 1]!)
        break
      case PACKET.suback:
        break
      default:
        throw new Error(`The broker sent ${this.deviceId} a packet of a kind that a device does not get.`)
    }
  }

  #letIn(returnCode: number): void {
    if (returnCode === TRY_LATER) {
      this.#socket?.destroy()
      return
    }
    if (returnCode !== 0) throw new Error(`The gateway refuses ${this.deviceId} with the return code ${returnCode}.`)
    this.#state = 'on'
    const again = this.#outgoing.again()
    this.#write(subscribePacket(this.#outgoing.nextMessageId(), [topicOf(this.deviceId, 'order')]))
    this.#sendAll([
      this.#outgoing.greeting('description', JSON.stringify(this.#options.description)),
      this.#outgoing.greeting('status', 'online'),
      ...again,
    ])
    this.#fleet.joined(this)
  }

  #heard({ topic, payload, messageId }: ReturnType<typeof readPublish>): void {
    if (messageId !== undefined) this.#write(pubackPacket(messageId))
    if (topic === topicOf(this.deviceId, 'order')) this.#fleet.onOrder(this, OrderMessage.parse(JSON.parse(payload)))
  }
}
