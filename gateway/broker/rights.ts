import { createHash, timingSafeEqual } from 'node:crypto'
import { DeviceId } from '../domain/identifiers.ts'
import type { DeviceStore } from '../ports/devices.ts'
import { READ_TOPICS, topicOf } from '../wire/topics.ts'
import type { Connection } from './connection.ts'

/** CONNACK return codes of MQTT 3.1.1, table 3.1. */
const IDENTIFIER_REJECTED = 2
const BAD_USER_NAME_OR_PASSWORD = 4
const NOT_AUTHORIZED = 5

export type Refusal = { returnCode: 2 | 3 | 4 | 5; reason: string }
export type Will = { topic: string; payload: Uint8Array | string }

/** What a CONNECT packet asks for, and over which connection. */
export type ConnectRequest = {
  clientId: string
  userName: string | undefined
  password: Uint8Array | undefined
  will: Will | undefined
  connection: Connection
}

/** Who may connect, write and read. A rejection of `admit` is a storage fault: the client is told "server unavailable". */
export type Rights = {
  admit(request: ConnectRequest): Promise<Refusal | undefined>
  /** `intake`: on disk before its ack, and read by nobody else. `route`: to those who subscribed, by the book. */
  publish(clientId: string, topic: string): 'intake' | 'route' | 'refused'
  subscribe(clientId: string, filter: string): boolean
}

/** The rights of devices: each its own topics, with its own secret. */
export function deviceRights(devices: Pick<DeviceStore, 'secretOf'>): Rights {
  return {
    admit: (request) => refusalOf(request, (deviceId) => devices.secretOf(deviceId)),
    publish: (clientId, topic) => (mayPublish(clientId, topic) ? 'intake' : 'refused'),
    subscribe: maySubscribe,
  }
}

/** Checks a device's name, password and will; undefined when it may connect. Nothing is allowed that is not named here. */
async function refusalOf(
  request: Omit<ConnectRequest, 'connection'>,
  secretOf: (deviceId: string) => Promise<Uint8Array | undefined>,
): Promise<Refusal | undefined> {
  const { clientId, userName, password, will } = request
  if (!DeviceId.safeParse(clientId).success) {
    return { returnCode: IDENTIFIER_REJECTED, reason: 'the client id must be the id of a device' }
  }
  if (userName !== clientId) {
    return { returnCode: BAD_USER_NAME_OR_PASSWORD, reason: 'the user name must be the client id' }
  }
  const expected = await secretOf(clientId)
  const given = createHash('sha256')
    .update(password ?? '')
    .digest()
  // An unknown device costs the same comparison as a wrong password.
  const matches = timingSafeEqual(given, expected ?? Buffer.alloc(given.length))
  if (expected === undefined || !matches) {
    return { returnCode: BAD_USER_NAME_OR_PASSWORD, reason: 'unknown device or wrong password' }
  }
  if (will !== undefined && (will.topic !== topicOf(clientId, 'status') || String(will.payload) !== 'offline')) {
    return { returnCode: NOT_AUTHORIZED, reason: `a will must be "offline" on ${topicOf(clientId, 'status')}` }
  }
  return undefined
}

const PREFIX = topicOf('', 'status').slice(0, -'/status'.length)
const GATEWAY_WRITES = /^(receipt|order|command)(\/|$)/

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
