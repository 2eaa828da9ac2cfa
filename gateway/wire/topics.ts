import { DeviceId } from '../domain/identifiers.ts'

/** Topics of version 1: `adept/v1/<deviceId>/<name>` (DOMAIN.md, wire). */
const PREFIX = 'adept/v1/'

/** What a device may write. */
export const WRITE_TOPICS = ['description', 'status', 'consumable', 'telemetry', 'event', 'command/result'] as const
export type WriteTopic = (typeof WRITE_TOPICS)[number]

/** What a device may read. */
export const READ_TOPICS = ['command', 'receipt', 'order'] as const
export type ReadTopic = (typeof READ_TOPICS)[number]

/** What a device reads once, while it is paired and is allowed nothing else. */
export type PairingTopic = 'credentials'
/** User name of a connection that pairs; the password is the code that the homeowner was shown. */
export const PAIRING_USER_NAME = 'pairing'

export function topicOf(deviceId: DeviceId, name: WriteTopic | ReadTopic | PairingTopic): string {
  return `${PREFIX}${deviceId}/${name}`
}

/** Splits a topic into its device and its name; undefined when it is none of ours. */
export function parseTopic(topic: string): { deviceId: DeviceId; name: WriteTopic | ReadTopic } | undefined {
  if (!topic.startsWith(PREFIX)) return undefined
  const slash = topic.indexOf('/', PREFIX.length)
  if (slash < 0) return undefined
  const deviceId = topic.slice(PREFIX.length, slash)
  const name = topic.slice(slash + 1)
  if (!DeviceId.safeParse(deviceId).success) return undefined
  return isTopicName(name) ? { deviceId, name } : undefined
}

function isTopicName(name: string): name is WriteTopic | ReadTopic {
  return (WRITE_TOPICS as readonly string[]).includes(name) || (READ_TOPICS as readonly string[]).includes(name)
}
