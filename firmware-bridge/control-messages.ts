import { z } from 'zod'
import { DeviceId } from '../gateway/domain/identifiers.ts'
import { SlotDescription, Unit } from '../gateway/domain/level.ts'

/** One request of a connection to the bridge's control socket; `board` is a device id, a port's name, or its device. */
export const ControlRequest = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('list') }),
  z.strictObject({
    do: z.literal('command'),
    board: z.string().min(1).max(256),
    name: z.string().min(1).max(16),
    value: z.union([z.number(), z.string().max(32)]).optional(),
  }),
  z.strictObject({
    do: z.literal('pair'),
    board: z.string().min(1).max(256),
    deviceId: DeviceId,
    /** Absent, as the slots: those of the device's pairing before. */
    password: z.string().min(1).max(256).optional(),
    slots: z.array(SlotDescription).min(1).max(16).optional(),
    /** Only tells whether it can be done, as far as that can be known before. */
    isTrial: z.boolean().optional(),
  }),
  z.strictObject({ do: z.literal('log'), board: z.string().min(1).max(256) }),
  /** Closes the port until `take` comes on the same connection, or the connection ends. */
  z.strictObject({ do: z.literal('release'), board: z.string().min(1).max(256) }),
])
export type ControlRequest = z.infer<typeof ControlRequest>
export type PairRequest = ControlRequest & { do: 'pair' }

export const TakeRequest = z.strictObject({ do: z.literal('take') })

/** `unpaired`: it speaks, and is no device of the gateway yet. */
export const BoardState = z.enum(['opening', 'online', 'unpaired', 'released', 'problem'])
export type BoardState = z.infer<typeof BoardState>

/** All that is known of the board at one port. */
export const BoardView = z.object({
  /** Lasting name of the port. */
  port: z.string(),
  device: z.string(),
  usb: z.object({ vendorId: z.string(), productId: z.string(), product: z.string().optional() }).optional(),
  state: BoardState,
  /** A sentence that says what to do. */
  problem: z.string().optional(),
  dialect: z.enum(['adept', 'mysensors']).optional(),
  boardId: z.string().optional(),
  deviceId: z.string().optional(),
  firmware: z.object({ version: z.string(), sha256: z.string().optional() }).optional(),
  slots: z.array(z.string()),
  unit: Unit.optional(),
  /** It holds the key that it was given at pairing. */
  signed: z.boolean(),
  /** Its own word why there is no level: `sensor`, `uncalibrated`, `lifted`, `overload`. */
  trouble: z.string().optional(),
  lastLineAtMs: z.number().optional(),
  levels: z.array(
    z.object({
      slot: z.string(),
      remaining: z.number(),
      unit: Unit,
      atMs: z.number(),
      unverified: z.string().optional(),
    }),
  ),
  counts: z.object({ lines: z.number(), garbage: z.number(), dropped: z.number(), replayed: z.number() }),
  /** Its connection to the gateway; `refused`: the password is not the device's. */
  mqtt: z.enum(['online', 'offline', 'refused']).optional(),
})
export type BoardView = z.infer<typeof BoardView>

export const LogLine = z.object({ atMs: z.number(), direction: z.enum(['in', 'out']), text: z.string() })
export type LogLine = z.infer<typeof LogLine>

/** The answer to a request; which of the fields are there depends on it. */
export const ControlAnswer = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    boards: z.array(BoardView).optional(),
    board: BoardView.optional(),
    path: z.string().optional(),
  }),
  z.object({ ok: z.literal(false), error: z.string() }),
])
export type ControlAnswer = z.infer<typeof ControlAnswer>
