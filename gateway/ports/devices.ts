import type { Address } from '../domain/identifiers.ts'
import type { Level, SlotDescription } from '../domain/level.ts'
import type { Mode } from '../domain/order.ts'

export type NewDevice = {
  deviceId: string
  homeId: string
  secretSha256: Uint8Array
  keyAddress: Address
  keySealed: Uint8Array
}
/** What a device may prove itself with. */
export type Credentials = {
  homeId: string
  secretSha256: Uint8Array
  /** SHA-256 of the one client certificate that counts; undefined: none does. */
  certificateSha256: Uint8Array | undefined
  /** Its secret is new, and nobody has connected with it yet. */
  mayPair: boolean
}
export type SlotView = {
  slot: string
  description: SlotDescription | undefined
  mode: Mode
  confirmed: boolean
  /** Empty, or the sentence why this slot buys nothing now. */
  suspendedReason: string
  level: Level | undefined
  /** While it is less than half full: what the rules last decided, and why. */
  lastDecision: string | undefined
}
export type DeviceView = {
  deviceId: string
  homeId: string
  status: 'online' | 'offline'
  statusAtMs: number | undefined
  addedAtMs: number
  maker: string | undefined
  model: string | undefined
  keyAddress: Address
  slots: SlotView[]
}
export type ReadingView = {
  readingId: number
  deviceId: string
  session: string
  seq: number
  kind: 'consumable' | 'telemetry' | 'event'
  measuredAtMs: number
  /** The device gave no usable time: `measuredAtMs` is when the gateway received it. */
  gatewayTime: boolean
  receivedAtMs: number
  mark: Level['mark'] | undefined
  markReason: string | undefined
  body: unknown
}
export type DeadLetterView = {
  deadLetterId: number
  deviceId: string | undefined
  topic: string
  /** The beginning of the payload as text of at most 2,000 characters, control characters escaped. */
  payloadText: string
  reason: string
  receivedAtMs: number
}

export type DeviceStore = {
  /** One that was removed comes back with new credentials and a new key, its slots unconfirmed; not while an order is open. */
  add(device: NewDevice, atMs: number): Promise<'added' | 'exists' | 'order-open'>
  /** Undefined: there is no such device, or it was removed. */
  credentialsOf(deviceId: string): Promise<Credentials | undefined>
  /** Also of a removed device, whose orders may still end. */
  sealedKeyOf(deviceId: string): Promise<Uint8Array | undefined>
  list(homeId: string): Promise<DeviceView[]>
  get(homeId: string, deviceId: string): Promise<DeviceView | undefined>
  /** The owner's word: these slots may do what `mode` says; wakes the rules for them. Returns the slots it touched. */
  confirm(homeId: string, deviceId: string, slot: string | undefined, mode: Mode, atMs: number): Promise<string[]>
  readings(homeId: string, deviceId: string, limit: number): Promise<ReadingView[]>
  /** Of the home's devices, and those that came from no known device; newest first. */
  deadLetters(homeId: string, limit: number): Promise<DeadLetterView[]>
}

/** Makes the key that signs for a new device; outside it only the address and the sealed form are seen. */
export type DeviceKeyMaker = { make(deviceId: string): { keyAddress: Address; keySealed: Uint8Array } }
