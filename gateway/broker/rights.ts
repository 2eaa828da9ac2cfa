import { createHash, timingSafeEqual } from 'node:crypto'
import { DeviceId } from '../domain/identifiers.ts'
import type { Credentials, DeviceStore } from '../ports/devices.ts'
import { PAIRING_USER_NAME, READ_TOPICS, topicOf } from '../wire/topics.ts'
import { deviceOf } from './certificates.ts'
import type { Connection } from './connection.ts'
import { Failures, remember } from './failures.ts'

/** CONNACK return codes of MQTT 3.1.1, table 3.1. */
const IDENTIFIER_REJECTED = 2
const SERVER_UNAVAILABLE = 3
const BAD_USER_NAME_OR_PASSWORD = 4
const NOT_AUTHORIZED = 5

/** An attack may go on for days. */
const TOLD_AGAIN_AFTER_MS = 86_400_000

export type Refusal = { returnCode: 2 | 3 | 4 | 5; reason: string }
export type Will = { topic: string; payload: Uint8Array | string }

/** What a CONNECT packet asks for, and over which connection. */
export type ConnectRequest = {
  clientId: string
  userName: string | undefined
  password: Uint8Array | undefined
  will: Will | undefined
  /** Whether the client wants no session to be kept. */
  clean: boolean
  connection: Connection
}

/** Who may connect, write and read. A rejection of `admit` is a storage fault: the client is told "server unavailable". */
export type Rights = {
  admit(request: ConnectRequest): Promise<Refusal | undefined>
  /** `intake`: on disk before its ack, and read by nobody else. `route`: to those who subscribed, by the book. */
  publish(clientId: string, topic: string): 'intake' | 'route' | 'refused'
  subscribe(clientId: string, filter: string): boolean
  /** The subscription holds, and its SUBACK is sent. */
  subscribed?(clientId: string, filter: string): void
}

/** Lets devices in that know no secret yet, and only to be given one. */
export type PairingGate = {
  admit(request: ConnectRequest): Promise<Refusal | undefined>
  /** Whether this client is being paired now. */
  has(clientId: string): boolean
  /** A client that is being paired listens for its credentials. */
  give(clientId: string): void
  /** A device has its secret: it was let in with it. */
  joined(deviceId: string): Promise<void>
}

/**
 * The rights of devices: each its own topics, with its own secret or certificate. An address that fails too often is refused
 * for a while without a look at its password, except a device that was let in from there. Failures by name are only told:
 * refusing a name would let strangers lock its device out, and nobody guesses a secret of 128 bits and more.
 */
export function deviceRights(
  devices: Pick<DeviceStore, 'credentialsOf'>,
  options: {
    pairing?: PairingGate
    /** Somebody tries passwords of a device of ours; said once a day of each. */
    onHammered?(hammered: { homeId: string; deviceId: string; remoteAddress: string }): void
    /** Any clock that only goes forward. */
    nowMs?(): number
  } = {},
): Rights {
  const { pairing, onHammered, nowMs = () => performance.now() } = options
  const addresses = new Failures()
  const names = new Failures()
  const letInFrom = new Map<string, string>()
  const toldOf = new Map<string, number>()

  async function admit(request: ConnectRequest): Promise<Refusal | undefined> {
    const { clientId, userName, will, connection } = request
    const { remoteAddress } = connection
    if (!DeviceId.safeParse(clientId).success) {
      return { returnCode: IDENTIFIER_REJECTED, reason: 'the client id must be the id of a device' }
    }
    const isKnown = letInFrom.get(clientId) === remoteAddress
    if (!isKnown && addresses.isRefused(remoteAddress, nowMs())) {
      return { returnCode: SERVER_UNAVAILABLE, reason: 'too many wrong passwords: the next is looked at in a minute' }
    }
    // A device may have that name: it is added by hand then.
    if (pairing !== undefined && userName === PAIRING_USER_NAME && clientId !== userName) {
      const refusal = await pairing.admit(request)
      if (refusal?.returnCode === BAD_USER_NAME_OR_PASSWORD) addresses.add(remoteAddress, nowMs())
      return refusal
    }
    const credentials = await devices.credentialsOf(clientId)
    if (credentials === undefined || !isProven(request, credentials)) {
      addresses.add(remoteAddress, nowMs())
      const isTooMuch = names.add(clientId, nowMs())
      const isNews = nowMs() - (toldOf.get(clientId) ?? Number.NEGATIVE_INFINITY) >= TOLD_AGAIN_AFTER_MS
      if (isTooMuch && isNews && credentials !== undefined) {
        remember(toldOf, clientId, nowMs())
        onHammered?.({ homeId: credentials.homeId, deviceId: clientId, remoteAddress })
      }
      const reason = 'unknown device, wrong user name or password, or a certificate that does not count any more'
      return { returnCode: BAD_USER_NAME_OR_PASSWORD, reason }
    }
    if (will !== undefined && (will.topic !== topicOf(clientId, 'status') || String(will.payload) !== 'offline')) {
      return { returnCode: NOT_AUTHORIZED, reason: `a will must be "offline" on ${topicOf(clientId, 'status')}` }
    }
    names.forget(clientId)
    if (!isKnown) remember(letInFrom, clientId, remoteAddress)
    if (credentials.mayPair || pairing?.has(clientId)) await pairing?.joined(clientId)
    return undefined
  }

  return {
    admit,
    publish: (clientId, topic) => (!pairing?.has(clientId) && mayPublish(clientId, topic) ? 'intake' : 'refused'),
    subscribe: (clientId, filter) =>
      pairing?.has(clientId) ? filter === topicOf(clientId, 'credentials') : maySubscribe(clientId, filter),
    subscribed: (clientId, filter) => {
      if (pairing?.has(clientId) && filter === topicOf(clientId, 'credentials')) pairing.give(clientId)
    },
  }
}

/** By its certificate (which listeners check against our authority), or by its password. */
function isProven({ clientId, userName, password, connection }: ConnectRequest, known: Credentials): boolean {
  if (connection.certificate !== undefined && known.certificateSha256 !== undefined) {
    const { deviceId, sha256 } = deviceOf(connection.certificate)
    const isCurrent = deviceId === clientId && Buffer.compare(sha256, known.certificateSha256) === 0
    if (isCurrent && (userName === undefined || userName === clientId)) return true
  }
  const given = createHash('sha256')
    .update(password ?? '')
    .digest()
  return userName === clientId && timingSafeEqual(given, known.secretSha256)
}

const PREFIX = topicOf('', 'status').slice(0, -'/status'.length)
const GATEWAY_WRITES = /^(receipt|order|command|credentials)(\/|$)/

/**
 * Whether a device may publish here: below its own prefix. A name that does not exist is let through, since the intake
 * keeps it as a dead letter that says so; the topics that the gateway writes are not.
 */
function mayPublish(deviceId: string, topic: string): boolean {
  const end = PREFIX.length + deviceId.length
  const own = topic.startsWith(PREFIX) && topic.startsWith(deviceId, PREFIX.length) && topic[end] === '/'
  if (!own) return false
  const name = topic.slice(end + 1)
  return name === 'command/result' || !GATEWAY_WRITES.test(name)
}

/** Whether a device may subscribe to this filter: one of its own read topics, without wildcards. */
function maySubscribe(deviceId: string, filter: string): boolean {
  return READ_TOPICS.some((name) => filter === topicOf(deviceId, name))
}
