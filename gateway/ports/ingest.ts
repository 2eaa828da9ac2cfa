import type { Level, SlotDescription } from '../domain/level.ts'
import type { BrokerChange } from './broker-state.ts'

/** One report of a device, parsed; `body` is the JSON as it came. */
export type Report = {
  deviceId: string
  session: string
  seq: number
  kind: 'consumable' | 'telemetry' | 'event'
  measuredAtMs: number | undefined
  body: string
  /** `unverified`: why its sender itself does not trust it. */
  level?: { slot: string; remaining: number; unit: Level['unit']; unverified?: string | undefined }
}

/** What may arrive at the broker and must be on disk before its PUBACK; and what the broker itself must still know after a crash. */
export type Incoming =
  | { kind: 'report'; report: Report }
  | { kind: 'description'; deviceId: string; description: DeviceDescription; body: string }
  | { kind: 'status'; deviceId: string; status: 'online' | 'offline' }
  | { kind: 'broker-state'; changes: readonly BrokerChange[] }
  | {
      kind: 'dead-letter'
      deviceId: string | undefined
      topic: string
      payload: Uint8Array
      reason: string
      /** The report that it would be. It is kept here, so the receipt counts it: else it would stay below it for ever. */
      report?: { session: string; seq: number } | undefined
    }

export type DeviceDescription = {
  maker: string
  model: string
  firmware?: { version: string; sha256?: string | undefined } | undefined
  slots: SlotDescription[]
}

export type IntakeStore = {
  /**
   * Commits a group in one transaction, in order: readings once per (device, session, seq) with their marks, each slot's
   * latest level, device changes, dead letters. Throws when the storage fails: then nothing of the group is kept.
   * Resolves to the receipts now due: per session touched, the highest seq stored without a gap below it.
   */
  commit(
    group: Incoming[],
    receivedAtMs: number,
  ): Promise<{ receipts: { deviceId: string; session: string; seq: number }[] }>
}

/** What became of messages that were given together: the first `stored` are on disk; all of them when there is no fault. */
export type Outcome = { stored: number; fault?: Error | undefined }

/** Takes what devices publish, as bytes, on its way to the disk. */
export type Intake = {
  /** Takes PUBLISH packets, `messages` of them. `settled` is called exactly once, later, in the order of the takes. */
  take(packets: Uint8Array, messages: number, settled: (outcome: Outcome) => void): void
  /** Whether connections may be read. What is taken nevertheless is not lost: somebody must stop reading. */
  hasRoom(): boolean
  /** Calls back once there is room again, and only as long as there is. */
  whenRoom(callback: () => void): void
  /** Resolves when all that was taken before is on disk or failed. */
  drained(): Promise<void>
}
