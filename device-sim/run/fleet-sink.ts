import type { Fleet } from '../fleet/fleet.ts'
import type { DeviceEvent, ReportSink } from '../models/device.ts'
import { type DeviceFace, eventDetail } from '../models/home.ts'

/** What the reports of one home become: bodies in the outboxes of its devices. */
export class FleetSink implements ReportSink {
  readonly #fleet: Fleet
  readonly #devices: readonly DeviceFace[]
  /** Place of the home's first device in the fleet. */
  readonly #first: number
  /** By how much the clock of each device is wrong. */
  readonly #skewMs: readonly number[]
  /** The last level that each slot told, by device. */
  readonly seen: Float64Array[]
  reports = 0
  cycles = 0

  constructor(fleet: Fleet, devices: readonly DeviceFace[], first: number, skewMs: readonly number[]) {
    this.#fleet = fleet
    this.#devices = devices
    this.#first = first
    this.#skewMs = skewMs
    this.seen = devices.map(({ description }) => new Float64Array(description.slots.length).fill(Number.NaN))
  }

  level(device: number, slot: number, atMs: number, remaining: number): void {
    const { slot: name, unit } = this.#devices[device]!.description.slots[slot]!
    this.seen[device]![slot] = remaining
    this.#report(device, 'consumable', atMs, `"slot":"${name}","remaining":${remaining},"unit":"${unit}"`)
  }

  telemetry(device: number, atMs: number, values: Float64Array): void {
    let body = ''
    const names = this.#devices[device]!.telemetry
    for (const [index, name] of names.entries()) {
      if (!Number.isFinite(values[index]))
        throw new Error(`An appliance measured no number of ${name}: ${values[index]}.`)
      body += `${index === 0 ? '' : ','}"${name}":${values[index]}`
    }
    this.#report(device, 'telemetry', atMs, `"values":{${body}}`)
  }

  event(device: number, atMs: number, event: DeviceEvent): void {
    if (event.type === 'cycle-finished') this.cycles++
    const detail = JSON.stringify(eventDetail(this.#devices[device]!, event))
    this.#report(device, 'event', atMs, `"type":"${event.type}","detail":${detail}`)
  }

  #report(device: number, topic: 'consumable' | 'telemetry' | 'event', atMs: number, rest: string): void {
    this.reports++
    const measuredAtMs = Math.max(0, Math.round(atMs + this.#skewMs[device]!))
    this.#fleet.report(this.#first + device, topic, `"measuredAtMs":${measuredAtMs},${rest}`)
  }
}
