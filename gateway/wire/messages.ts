import { z } from 'zod'
import { OrderId, SlotName } from '../domain/identifiers.ts'
import { SlotDescription, Unit } from '../domain/level.ts'
import { ORDER_TRANSITIONS, type OrderState } from '../domain/order.ts'

/** Fields of every report: `session` is random at each boot, `seq` rises by one over all three reporting topics. */
const report = {
  session: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'session is 1–32 letters, digits, _ and -'),
  seq: z.int().nonnegative(),
  /** Device's clock in ms since 1970; absent from a board without a clock. */
  measuredAtMs: z.int().nonnegative().optional(),
}

/** Which report of a device it is, whatever else is in it. */
export const ReportId = z.object({ session: report.session, seq: report.seq })

/** `consumable`: one measured level. */
export const ConsumableReport = z.strictObject({
  ...report,
  slot: SlotName,
  remaining: z.number().nonnegative(),
  unit: Unit,
  /** The sender's own doubt, as a sentence: the serial bridge could not verify where the level came from. It never buys. */
  unverified: z.string().min(1).max(100).optional(),
})
export type ConsumableReport = z.infer<typeof ConsumableReport>

/** `telemetry`: named numbers with the unit in the name; at most 64. */
export const TelemetryReport = z.strictObject({
  ...report,
  values: z
    .record(z.string().min(1).max(64), z.number())
    .refine((values) => Object.keys(values).length <= 64, 'at most 64 values'),
})
export type TelemetryReport = z.infer<typeof TelemetryReport>

/** `event`: something that happened in the device, such as `cycle-finished`. */
export const EventReport = z.strictObject({
  ...report,
  type: z.string().min(1).max(64),
  detail: z.record(z.string().max(64), z.json()).optional(),
})
export type EventReport = z.infer<typeof EventReport>

/** `description` (retained): what the device is and what its slots take. */
export const Description = z.strictObject({
  maker: z.string().min(1).max(64),
  model: z.string().min(1).max(64),
  firmware: z.strictObject({ version: z.string().max(32), sha256: z.string().max(64).optional() }).optional(),
  tier: z.enum(['light', 'full']).optional(),
  slots: z
    .array(SlotDescription)
    .max(16)
    .refine((slots) => new Set(slots.map((slot) => slot.slot)).size === slots.length, 'two slots have the same name'),
})
export type Description = z.infer<typeof Description>

/** `status` (retained, and the will): plain text. */
export const Status = z.enum(['online', 'offline'])
export type Status = z.infer<typeof Status>

/** `receipt`: the highest seq of that session which is committed, without gaps below it. */
export const Receipt = z.strictObject({ session: report.session, seq: report.seq })
export type Receipt = z.infer<typeof Receipt>

/** `command` to a device, and its `command/result`. */
export const Command = z.strictObject({
  id: z.string().min(1).max(32),
  name: z.string().min(1).max(32),
  arguments: z.record(z.string().max(32), z.json()).default({}),
})
export type Command = z.infer<typeof Command>
export const CommandResult = z.discriminatedUnion('ok', [
  z.strictObject({ id: z.string().min(1).max(32), ok: z.literal(true) }),
  z.strictObject({ id: z.string().min(1).max(32), ok: z.literal(false), error: z.string().max(200) }),
])
export type CommandResult = z.infer<typeof CommandResult>

/** `order` (retained): how far the order for a slot of this device is. */
export const OrderMessage = z.strictObject({
  slot: SlotName,
  orderId: OrderId,
  state: z.enum(Object.keys(ORDER_TRANSITIONS) as [OrderState, ...OrderState[]]),
  sinceMs: z.int().nonnegative(),
})
export type OrderMessage = z.infer<typeof OrderMessage>

/** `credentials` to a device that is being paired: its password from now on, and by TLS what it checks the broker with. */
export const Credentials = z.strictObject({
  secret: z.string().min(16).max(64),
  /** PEM of the home's certificate authority. */
  ca: z.string().max(4_096).optional(),
})
export type Credentials = z.infer<typeof Credentials>
