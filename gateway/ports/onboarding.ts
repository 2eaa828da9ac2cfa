import type { NewDevice } from './devices.ts'

/** What the store does for devices that join, get new secrets and leave; each is one transaction. */
export type OnboardingStore = {
  /**
   * Adds a paired device, or gives one that may pair its new secret; its key stays then. It may be paired again until it has
   * connected: whatever is lost on the way, nothing is stuck. `exists`: the owner has not given its word for that.
   */
  pair(device: NewDevice, atMs: number): Promise<'paired' | 'exists' | 'order-open'>
  /** The device has its new secret; tells the homeowner, once. */
  joined(deviceId: string, atMs: number): Promise<void>
  /** Ends the device's secret and certificate, and lets it pair. False: there is no such device. */
  rotate(homeId: string, deviceId: string, secretSha256: Uint8Array): Promise<boolean>
  /** From now on this certificate counts and no other. False: there is no such device. */
  setCertificate(homeId: string, deviceId: string, sha256: Uint8Array): Promise<boolean>
  /** It may not connect any more and its slots buy nothing; refused while it has an open order, unless forced. */
  remove(homeId: string, deviceId: string, force: boolean, atMs: number): Promise<Removal>
  /** A sentence for the homeowner. */
  tell(problem: { homeId: string; deviceId?: string | undefined; text: string }, atMs: number): Promise<void>
}
export type Removal =
  | { kind: 'removed'; openOrders: string[] }
  | { kind: 'order-open'; openOrders: string[] }
  | { kind: 'unknown' }

/** A window in which devices may pair, as the homeowner sees it; its code is shown once, when it is opened. */
export type PairingView = {
  isOpen: boolean
  endsAtMs: number
  /** How many devices may join in it. */
  devices: number
  /** Those that did, or have been given a secret and are still silent. */
  joined: string[]
  waitingFor: string[]
  wrongCodes: number
  /** Why it ended, as a sentence; undefined while it is open. */
  ended: string | undefined
}
/** Where a device reaches the broker. */
export type BrokerAddress = {
  url: string
  /** Encrypted. */
  secure: boolean
  /** Only programs on this machine reach it. */
  isLoopback: boolean
}
export type Endpoints = {
  addresses: BrokerAddress[]
  /** SHA-256 of the authority's certificate that a device checks the broker with; undefined without TLS of our own. */
  authorityFingerprint: string | undefined
}
export type Refused = { ok: false; sentence: string }

/** What the homeowner does with devices beyond adding and confirming them. */
export type DeviceDesk = {
  /** Opens the window; one that is open ends. */
  openPairing(homeId: string, minutes: number, devices: number): PairingView & Endpoints & { code: string }
  /** The present window or the last one; undefined: there was none. */
  pairing(): PairingView | undefined
  endPairing(): PairingView | undefined
  rotate(homeId: string, deviceId: string): Promise<({ ok: true; password: string } & Endpoints) | Refused>
  certificate(
    homeId: string,
    deviceId: string,
  ): Promise<{ ok: true; certificatePem: string; keyPem: string; authorityPem: string; expiresAtMs: number } | Refused>
  remove(homeId: string, deviceId: string, force: boolean): Promise<{ ok: true; sentence: string } | Refused>
}
