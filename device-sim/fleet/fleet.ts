import { setTimeout as wait } from 'node:timers/promises'
import type { OrderMessage } from '../../gateway/wire/messages.ts'
import type { WriteTopic } from '../../gateway/wire/topics.ts'
import type { WireFault } from '../faults/plan.ts'
import { type FleetDevice, LightDevice } from './light-device.ts'

/** CONNECTs that wait for their answer at a time: all at once would only queue in the broker, and time out there. */
const CONNECTING = 200
const RECONNECT_AFTER_MS = 100
/** Without a single answer for so long the gateway is not there; a start after a kill takes seconds. */
const SILENT_MS = 120_000
const GOODBYE_WITHIN_MS = 5_000

export type FleetOptions = {
  devices: readonly FleetDevice[]
  host?: string
  /** Asked at each connect: a gateway that was started again may have another one. */
  port(): number
  /** News on a device's `order` topic. */
  onOrder(device: number, message: OrderMessage): void
}

/** Thousands of devices on real MQTT connections, in one process. Devices are named by their place in the list. */
export class Fleet {
  readonly #devices: LightDevice[]
  readonly #outboxes: { topic: WriteTopic; body: string }[][]
  /** Devices that shall be connected and are not: all, and of them those that were sent off to connect. */
  readonly #joining = new Set<LightDevice>()
  readonly #connecting = new Set<LightDevice>()
  readonly #comers: LightDevice[] = []
  /** Answers of the broker that are due: acknowledgements, and one for each device that joins. */
  #waitsFor = 0
  #answers = 0
  #failure: Error | undefined
  #rested: PromiseWithResolvers<void> | undefined
  #closed = false

  constructor({ devices, host = '127.0.0.1', port, onOrder }: FleetOptions) {
    const places = new Map<LightDevice, number>()
    const mate = {
      host,
      port,
      waitsFor: (change: number) => this.#count(change),
      onOrder: (device: LightDevice, message: OrderMessage) => onOrder(places.get(device)!, message),
      joined: (device: LightDevice) => this.#leave(device),
      lost: (device: LightDevice) => this.#comeBack(device),
      failed: (error: Error) => this.#fail(error),
    }
    this.#devices = devices.map((options) => new LightDevice(options, mate))
    this.#outboxes = devices.map(() => [])
    for (const [place, device] of this.#devices.entries()) places.set(device, place)
  }

  get connected(): number {
    return this.#devices.filter((device) => device.isOn).length
  }

  /** Connects all; resolves when the gateway has every description on disk. */
  async connect(): Promise<void> {
    for (const device of this.#devices) this.#join(device)
    await this.#rest()
  }

  /** Puts a report into the device's outbox; `body` is its JSON after session and seq, without braces. */
  report(device: number, topic: 'consumable' | 'telemetry' | 'event', body: string): void {
    this.#outboxes[device]!.push({ topic, body })
  }

  /** Sends all outboxes, each as `bend` says; resolves when the gateway has on disk what is not kept by a device out of reach. */
  async flush(bend?: (device: number, reports: number) => WireFault | undefined): Promise<void> {
    for (const [place, device] of this.#devices.entries()) {
      const outbox = this.#outboxes[place]!
      const fault = bend?.(place, outbox.length)
      device.send(outbox, fault)
      if (fault?.kind === 'away') this.#leave(device)
      else this.#join(device)
      outbox.length = 0
    }
    await this.#rest()
  }

  /** Every boot of every device, and how many of its reports, from seq 0 on, are acknowledged. */
  *acknowledged(): Generator<{ deviceId: string; session: string; seqs: number }> {
    for (const { deviceId, sessions } of this.#devices) {
      for (const { session, acknowledged } of sessions) yield { deviceId, session, seqs: acknowledged }
    }
  }

  /** Switches all off. Whoever still waits for an answer hears that it will not come. */
  async close(): Promise<void> {
    this.#closed = true
    this.#fail(new Error('The fleet was switched off.'))
    await Promise.race([
      Promise.all(this.#devices.map((device) => device.close())),
      wait(GOODBYE_WITHIN_MS, 0, { ref: false }),
    ])
    for (const device of this.#devices) device.drop()
  }

  #join(device: LightDevice): void {
    if (device.isOn) return
    if (this.#joining.has(device)) {
      // A fault broke its connection before the broker had let it in: nobody tells of that end.
      if (device.isOff && this.#connecting.delete(device)) {
        this.#comers.push(device)
        this.#admit()
      }
      return
    }
    this.#joining.add(device)
    this.#count(1)
    this.#comers.push(device)
    this.#admit()
  }

  #admit(): void {
    while (!this.#closed && this.#connecting.size < CONNECTING) {
      const device = this.#comers.pop()
      if (device === undefined) return
      if (!this.#joining.has(device)) continue
      this.#connecting.add(device)
      device.connect()
    }
  }

  /** It has joined, or shall not. */
  #leave(device: LightDevice): void {
    if (this.#joining.delete(device)) this.#count(-1)
    if (this.#connecting.delete(device)) this.#admit()
  }

  #comeBack(device: LightDevice): void {
    if (this.#closed) return
    this.#connecting.delete(device)
    if (!this.#joining.has(device)) {
      this.#joining.add(device)
      this.#count(1)
    }
    setTimeout(() => {
      this.#comers.push(device)
      this.#admit()
    }, RECONNECT_AFTER_MS)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#rested?.reject(error)
  }

  #count(change: number): void {
    this.#waitsFor += change
    if (change < 0) this.#answers++
    if (this.#waitsFor === 0) this.#rested?.resolve()
  }

  /** Resolves when no answer is due; throws when the broker is silent for too long. */
  async #rest(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#waitsFor === 0) return
    const rested = Promise.withResolvers<void>()
    this.#rested = rested
    let seen = this.#answers
    const watchdog = setInterval(() => {
      if (seen === this.#answers) {
        rested.reject(
          new Error(`The gateway has been silent for ${SILENT_MS / 1000} s; ${this.#waitsFor} answers are due.`),
        )
      }
      seen = this.#answers
    }, SILENT_MS)
    await rested.promise.finally(() => {
      clearInterval(watchdog)
      this.#rested = undefined
    })
  }
}
