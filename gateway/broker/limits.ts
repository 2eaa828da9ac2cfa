import type { PacketLimits } from './packet-cap.ts'

/** All limits of the broker. */
export type BrokerLimits = PacketLimits & {
  /** Over all listeners. */
  maxConnections: number
  /** From the connection to its CONNECT packet. */
  connectTimeoutMs: number
  /** A device that does not read for this long is disconnected. */
  drainTimeoutMs: number
  maxTopicLevels: number
}

/** For one home; a connection costs about 25 kB of memory. */
export const DEFAULT_LIMITS: BrokerLimits = {
  maxPacketBytes: 65_536,
  maxPacketBytesBeforeConnack: 8_192,
  maxConnections: 1_000,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 15_000,
  maxTopicLevels: 8,
}
