import { resolve } from 'node:path'
import type pino from 'pino'
import type { BrokerChange } from '../ports/broker-state.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceKeyMaker, DeviceStore } from '../ports/devices.ts'
import type { Intake } from '../ports/ingest.ts'
import type { MandateStore, MandateVerbs } from '../ports/mandates.ts'
import type { DeviceDesk, Endpoints, OnboardingStore } from '../ports/onboarding.ts'
import { announce } from './announce.ts'
import { type Broker, createBroker } from './broker.ts'
import { openCertificates, ownCertificate } from './certificates.ts'
import { deviceDesk } from './device-desk.ts'
import type { BrokerLimits } from './limits.ts'
import { addressesOf, createListeners, type Listening, type ListenOn } from './listeners.ts'
import { Pairing } from './pairing.ts'
import { BrokerPersistence } from './persistence.ts'
import { deviceRights } from './rights.ts'

/** The part `mqtt` of the configuration. */
export type BrokerSettings = ListenOn & {
  tls?: (ListenOn & { certificateFile?: string | undefined; keyFile?: string | undefined }) | undefined
  webSocket?: ListenOn | undefined
  announce: boolean
  limits: BrokerLimits
}

export type OpenBroker = {
  broker: Broker
  desk: DeviceDesk
  /** Where devices connect; empty before the start. */
  endpoints(): Endpoints
  /** Listens; resolves to the port of plain TCP. */
  start(): Promise<{ port: number }>
  stop(): Promise<void>
}

/** The broker with its listeners, the ways in which devices join and leave, and its announcement. */
export function openBroker(options: {
  dataFolder: string
  settings: BrokerSettings
  /** Under which name it is announced. */
  name: string
  devices: DeviceStore
  onboarding: OnboardingStore
  deviceKeys: DeviceKeyMaker
  mandates: Pick<MandateStore, 'list'>
  revoke: MandateVerbs['revoke']
  intake: Intake
  /** What the broker kept before, and where it goes on to; absent: nothing outlives it. */
  state?: { kept: Iterable<BrokerChange>; write(changes: readonly BrokerChange[]): Promise<void> }
  clock: Clock
  /** The machine's own time: certificates are checked against it. */
  certificateClock: Clock
  log: pino.Logger
  onFault(error: unknown): void
}): OpenBroker {
  const { dataFolder, settings, devices, onboarding, clock, certificateClock, log, onFault } = options
  const { tls } = settings
  const certificates = tls && openCertificates(dataFolder, certificateClock.nowMs())
  const own =
    tls?.certificateFile === undefined || tls.keyFile === undefined
      ? undefined
      : { certificateFile: resolve(dataFolder, tls.certificateFile), keyFile: resolve(dataFolder, tls.keyFile) }
  let listening: readonly Listening[] = []

  const pairing = new Pairing({
    devices,
    store: onboarding,
    deviceKeys: options.deviceKeys,
    clock,
    hand: (deviceId, credentials) => broker.hand(deviceId, credentials),
    authorityPem: () => (own === undefined ? certificates?.authorityPem : undefined),
    onFault,
  })
  const rights = deviceRights(devices, {
    pairing,
    onHammered({ homeId, deviceId, remoteAddress }) {
      const text =
        `Somebody tries passwords for ${deviceId}: too many wrong ones within a minute, the last from ${remoteAddress}. If it is the ` +
        `device itself, give it a new one with \`adept device rotate ${deviceId}\`.`
      onboarding.tell({ homeId, deviceId, text }, clock.nowMs()).catch(onFault)
    },
  })
  const persistence = new BrokerPersistence({
    ...(options.state && { state: options.state.kept, write: options.state.write }),
    clock,
    limits: settings.limits,
    maySubscribe: rights.subscribe,
    log,
  })
  // A storage that fails here fails all; the device only hears that the server is not available.
  const admit: typeof rights.admit = (request) =>
    rights.admit(request).catch((error: unknown) => {
      onFault(error)
      throw error
    })
  const broker = createBroker({
    rights: { ...rights, admit },
    intake: options.intake,
    log,
    limits: settings.limits,
    persistence,
    onFlapping: (deviceId) => void tellOfFlapping(deviceId).catch(onFault),
  })
  async function tellOfFlapping(deviceId: string): Promise<void> {
    const minutes = Math.ceil(settings.limits.flappingBanMs / 60_000)
    const text = `${deviceId} connects over and over and is refused for ${minutes} min. Perhaps two devices share its name and password: add one of them anew.`
    log.warn({ deviceId }, text)
    const homeId = (await devices.credentialsOf(deviceId))?.homeId
    if (homeId !== undefined) await onboarding.tell({ homeId, deviceId, text }, clock.nowMs())
  }
  const listeners = createListeners({
    ...settings,
    secure: certificates && {
      authorityPem: certificates.authorityPem,
      current() {
        const nowMs = certificateClock.nowMs()
        return own === undefined ? certificates.server(nowMs) : ownCertificate(own, nowMs)
      },
      onFault,
    },
    accept: (connection) => broker.accept(connection),
  })
  const endpoints = (): Endpoints => ({
    addresses: addressesOf(listening),
    authorityFingerprint: own === undefined ? certificates?.authorityFingerprint : undefined,
  })
  const desk = deviceDesk({
    pairing,
    store: onboarding,
    mandates: options.mandates,
    revoke: options.revoke,
    certificates,
    endpoints,
    disconnect: (deviceId) => broker.disconnect(deviceId),
    forget: (deviceId) => persistence.forget(deviceId),
    clock,
    certificateClock,
  })
  let takeBack: (() => Promise<void>) | undefined

  return {
    broker,
    desk,
    endpoints,
    async start() {
      await broker.start()
      const { port, all } = await listeners.start().catch(async (error: unknown) => {
        await broker.stop()
        throw error
      })
      listening = all
      if (settings.announce) {
        takeBack = await announce(all, { name: options.name, onFault }).catch((error: unknown) => {
          onFault(error)
          return undefined
        })
      }
      return { port }
    },
    async stop() {
      pairing.end('The gateway was stopped.')
      await takeBack?.()
      await listeners.stop()
      await broker.stop()
    },
  }
}
