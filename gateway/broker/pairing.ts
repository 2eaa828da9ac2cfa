import { newDeviceSecret } from '../lib/device-secret.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceKeyMaker, DeviceStore } from '../ports/devices.ts'
import type { OnboardingStore, PairingView } from '../ports/onboarding.ts'
import type { Credentials } from '../wire/messages.ts'
import type { Connection } from './connection.ts'
import { codeDigest, isCode, newPairingCode } from './pairing-code.ts'
import type { ConnectRequest, PairingGate, Refusal } from './rights.ts'

const MAX_WRONG_CODES = 5
/** A connection that pairs is for one message: after this it is dropped. */
const SESSION_MS = 30_000

/** CONNACK return codes of MQTT 3.1.1, table 3.1. */
const BAD_USER_NAME_OR_PASSWORD = 4
const NOT_AUTHORIZED = 5

type Options = {
  devices: Pick<DeviceStore, 'credentialsOf'>
  store: OnboardingStore
  deviceKeys: DeviceKeyMaker
  clock: Clock
  /** Sends to the live connection only and keeps nothing; true once it was acknowledged. */
  hand(deviceId: string, credentials: Credentials): Promise<boolean>
  /** What a device that connects by TLS gets to check the broker with; undefined: not ours to give. */
  authorityPem(): string | undefined
  onFault(error: unknown): void
}

type Window = {
  homeId: string
  codeSha256: Uint8Array
  endsAtMs: number
  devices: number
  /** Device → whether it has shown that it has its secret. */
  given: Map<string, boolean>
  wrongCodes: number
  /** Devices of which the homeowner was told that they are there already. */
  toldOf: Set<string>
  ended: string | undefined
}

/**
 * The window of minutes in which devices are given their secret, against the code that the homeowner was shown. The secret is
 * stored before it is sent, and its device may pair again until it has shown that it has it (PUBACK, or a connection with
 * it): a lost message, a killed gateway or an ended window leave a device that can connect or can be paired, never neither.
 */
export class Pairing implements PairingGate {
  readonly #options: Options
  /** Connections that pair now, by client id. */
  readonly #sessions = new Map<string, Connection>()
  /** Connections that have been sent their secret: a second subscription brings no second one. */
  readonly #giving = new WeakSet<Connection>()
  #window: Window | undefined

  constructor(options: Options) {
    this.#options = options
  }

  /** Opens a window; one that is open ends. The code is told only here. */
  open(homeId: string, minutes: number, devices: number): PairingView & { code: string } {
    this.end('Another window was opened.')
    const code = newPairingCode()
    this.#window = {
      homeId,
      codeSha256: codeDigest(code),
      endsAtMs: this.#options.clock.nowMs() + minutes * 60_000,
      devices,
      given: new Map(),
      wrongCodes: 0,
      toldOf: new Set(),
      ended: undefined,
    }
    return { ...this.view()!, code }
  }

  view(): PairingView | undefined {
    const window = this.#window
    if (window === undefined) return undefined
    this.#current()
    const { endsAtMs, devices, given, wrongCodes, ended } = window
    const ids = (has: boolean) => [...given].filter(([, joined]) => joined === has).map(([deviceId]) => deviceId)
    return {
      isOpen: ended === undefined,
      endsAtMs,
      devices,
      joined: ids(true),
      waitingFor: ids(false),
      wrongCodes,
      ended,
    }
  }

  end(why: string): void {
    const window = this.#window
    if (window === undefined || window.ended !== undefined) return
    window.ended = why
    for (const { stream } of this.#sessions.values()) stream.destroy()
  }

  has(clientId: string): boolean {
    return this.#sessions.has(clientId)
  }

  async admit({ clientId, password, will, clean, connection }: ConnectRequest): Promise<Refusal | undefined> {
    const window = this.#current()
    if (window === undefined) return { returnCode: NOT_AUTHORIZED, reason: 'no pairing window is open' }
    if (!isCode(password, window.codeSha256)) {
      await this.#wrongCode(window, connection.remoteAddress)
      return { returnCode: BAD_USER_NAME_OR_PASSWORD, reason: 'wrong pairing code' }
    }
    // A kept session would write the secret to disk.
    if (!clean || will !== undefined) {
      return { returnCode: NOT_AUTHORIZED, reason: 'pairing takes a clean session and no will' }
    }
    const known = await this.#options.devices.credentialsOf(clientId)
    if (window.ended !== undefined) return { returnCode: NOT_AUTHORIZED, reason: 'the pairing window has ended' }
    if (known !== undefined && !known.mayPair) {
      await this.#tellOfKnown(window, clientId)
      return { returnCode: NOT_AUTHORIZED, reason: 'there is a device of this name already' }
    }
    if (!window.given.has(clientId) && window.given.size >= window.devices) {
      return { returnCode: NOT_AUTHORIZED, reason: 'the pairing window is for fewer devices' }
    }
    window.given.set(clientId, false)
    this.#enter(clientId, connection)
    return undefined
  }

  give(clientId: string): void {
    this.#give(clientId).catch((error: unknown) => {
      this.#sessions.get(clientId)?.stream.destroy()
      this.#options.onFault(error)
    })
  }

  async joined(deviceId: string): Promise<void> {
    this.#sessions.delete(deviceId)
    await this.#options.store.joined(deviceId, this.#options.clock.nowMs())
    const window = this.#window
    if (window?.given.get(deviceId) !== false) return
    window.given.set(deviceId, true)
    const joined = [...window.given.values()].filter((has) => has).length
    if (joined === window.devices) this.end(joined === 1 ? `${deviceId} has joined.` : `${joined} devices have joined.`)
  }

  async #give(deviceId: string): Promise<void> {
    const { store, deviceKeys, clock, hand, authorityPem } = this.#options
    const window = this.#current()
    const connection = this.#sessions.get(deviceId)
    if (window === undefined || connection === undefined || this.#giving.has(connection)) return
    this.#giving.add(connection)
    const { secret, secretSha256 } = newDeviceSecret()
    const device = { deviceId, homeId: window.homeId, secretSha256, ...deviceKeys.make(deviceId) }
    const paired = await store.pair(device, clock.nowMs())
    if (paired !== 'paired') {
      window.given.delete(deviceId)
      await this.#tellOfKnown(window, deviceId, paired)
      connection.stream.destroy()
      return
    }
    const ca = connection.transport === 'tls' || connection.transport === 'wss' ? authorityPem() : undefined
    if (await hand(deviceId, { secret, ...(ca !== undefined && { ca }) })) await this.joined(deviceId)
    connection.stream.destroy()
  }

  #enter(deviceId: string, connection: Connection): void {
    const { stream } = connection
    this.#sessions.set(deviceId, connection)
    const tooLong = setTimeout(() => stream.destroy(), SESSION_MS)
    stream.once('close', () => {
      clearTimeout(tooLong)
      if (this.#sessions.get(deviceId) === connection) this.#sessions.delete(deviceId)
    })
  }

  /** The window, if it is open now. */
  #current(): Window | undefined {
    const window = this.#window
    if (window !== undefined && this.#options.clock.nowMs() >= window.endsAtMs) this.end('Its time is over.')
    return window?.ended === undefined ? window : undefined
  }

  async #wrongCode(window: Window, remoteAddress: string): Promise<void> {
    window.wrongCodes++
    if (window.wrongCodes !== MAX_WRONG_CODES) return
    this.end(`${MAX_WRONG_CODES} wrong codes were tried.`)
    const text =
      `Pairing has ended: ${MAX_WRONG_CODES} wrong codes were tried, the last from ${remoteAddress}. If that was not you, somebody in your ` +
      'network wants to be a device of yours. Open a new window with `adept device pair`.'
    await this.#options.store.tell({ homeId: window.homeId, text }, this.#options.clock.nowMs())
  }

  async #tellOfKnown(window: Window, deviceId: string, why: 'exists' | 'order-open' = 'exists'): Promise<void> {
    if (window.toldOf.has(deviceId)) return
    window.toldOf.add(deviceId)
    const text =
      why === 'exists'
        ? `A device wanted to be paired as ${deviceId}, which is there already: it was refused. If it is the same one, ` +
          `let it pair again with \`adept device rotate ${deviceId}\`.`
        : `A device wanted to be paired as ${deviceId}: it was refused, since an order of the one that you removed is open still.`
    await this.#options.store.tell({ homeId: window.homeId, deviceId, text }, this.#options.clock.nowMs())
  }
}
