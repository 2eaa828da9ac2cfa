import { z } from 'zod'

/**
 * All limits of the broker, for one home on a small machine; `mqtt.limits` of the configuration. What a stranger can use up
 * is bounded by maxPendingConnections × (a connection's 25 kB + maxPacketBytesBeforeConnack), 33 MB; what a device can, by
 * one chunk under way, its own kept messages, and the time it must rest when it sends too much.
 */
export const BrokerLimits = z.strictObject({
  maxConnections: count(10_000, 'Connections in all; one that idles costs about 25 kB.'),
  maxPendingConnections: count(
    1_000,
    'Connections that have not been let in yet; beyond it the oldest of them gives way, so that those who only hold a place keep nobody out.',
  ),
  connectTimeoutMs: count(10_000, 'Time from the connection to the end of its CONNECT packet.', { min: 50 }),
  maxPacketBytes: count(65_536, 'Longest packet of a device that was let in.', { min: 1_024, max: 1_048_576 }),
  maxPacketBytesBeforeConnack: count(8_192, 'Longest packet of one that was not: anybody can send it.', {
    min: 256,
    max: 65_536,
  }),
  maxTopicLevels: count(8, 'Levels of a topic; our own have at most five.', { min: 5, max: 100 }),
  messagesPerSecond: count(
    50,
    'Packets of any kind that are read of one device; one that sends more is read later, nothing is dropped. A washer sends one in minutes.',
  ),
  burstMessages: count(
    100,
    'Packets that a device may send at once before that, such as what it kept while it was away.',
  ),
  maxInflightMessages: count(1_000, 'QoS 2 messages that a device may leave half done; then it is disconnected.'),
  maxConnectsPerMinute: count(
    20,
    'Connects of one device before it is refused for a while: two that share its name do so.',
  ),
  flappingBanMs: count(300_000, 'How long a device that did so is refused.'),
  drainTimeoutMs: count(30_000, 'A device that does not read what it is sent for this long is disconnected.', {
    min: 50,
  }),
  maxWaitingMessages: count(10_000, 'Messages of all devices that wait for the disk; beyond it nothing more is read.'),
  maxQueuedMessages: count(1_000, 'Messages kept for a device that is away; then its oldest goes.'),
  maxRetainedMessages: count(16, 'Retained messages of one device; one more is not kept.'),
  maxRetainedBytes: count(65_536, 'Bytes of the retained messages of one device together.'),
  maxSubscriptions: count(100, 'Subscriptions of one client; one more is refused with code 128.'),
  maxSessions: count(20_000, 'Sessions kept for devices that are away; beyond it the one that is away longest goes.'),
  sessionExpiryDays: count(30, 'How long the session of a device that is away is kept.', { max: 3_650 }),
})
export type BrokerLimits = z.infer<typeof BrokerLimits>

export const DEFAULT_LIMITS: BrokerLimits = BrokerLimits.parse({})

function count(byDefault: number, meaning: string, range: { min?: number; max?: number } = {}) {
  const schema = z.int().min(range.min ?? 1)
  // A timer of Node holds at most 2^31 - 1 ms.
  return schema
    .max(range.max ?? 2_147_483_647)
    .default(byDefault)
    .describe(meaning)
}
