import { inspect } from 'node:util'
import { z } from 'zod'
import { Seed } from '../gateway/lib/seed.ts'
import { USUAL_LIMITS } from './limits.ts'
import { DEMO_WASHER_DESCRIPTION, DRAWER_CAPACITY_ML } from './models/demo-washer.ts'
import { MqttDevice, sessionOf } from './mqtt-device.ts'
import { type Scene, Stage } from './stage.ts'

/** A second, as chains count them. */
const START_MS = Date.UTC(2027, 0, 4, 8)
const MINUTE_MS = 60_000
const NEWEST_ORDERS = 1_000

/** An order as the gateway's API has it, in short. */
const SandboxOrder = z.object({
  orderId: z.string(),
  deviceId: z.string(),
  slot: z.string(),
  state: z.string(),
  reasons: z.array(z.string()),
})
export type SandboxOrder = z.infer<typeof SandboxOrder>

/** More of them than one process starts in a minute or two. */
const MAX_WASHERS = 1_000
const Options = z.strictObject({
  washers: z.int().min(0).max(MAX_WASHERS).default(1),
  seed: z.string().min(1).default('sandbox'),
})
const Millilitres = z.number().min(0).max(DRAWER_CAPACITY_ML)
const Milliseconds = z.number().min(0)

const Orders = z.object({ orders: z.array(SandboxOrder) })
const NewDevice = z.object({ password: z.string() })
const Drafted = z.object({ draft: z.looseObject({}) })
const Anything = z.looseObject({})

/** `washers`: 0 to 1,000, 1 by default. The same `seed` gives their sessions the same names. */
export type SandboxOptions = { washers?: number; seed?: string }

/** A washer on the broker, whose owner lets it buy detergent. */
export type SandboxWasher = {
  deviceId: string
  /** Its MQTT password; the user name is its id. */
  password: string
  /** Tells what the drawer holds, 0 to 1400 ml; resolves when the gateway has it on disk. Throws RangeError for other amounts. */
  level(ml: number): Promise<void>
}

/** What runs, and how to reach it. Everything is on virtual time: nothing happens between two calls of `pass`. */
export type Sandbox = {
  /** The broker, for devices of your own. */
  mqttUrl: string
  /** The gateway's HTTP API; `authorization: Bearer <token>`. */
  httpUrl: string
  token: string
  /** The development chain. */
  rpcUrl: string
  washers: SandboxWasher[]
  nowMs(): number
  /** Lets time pass, in whole minutes, and everything happen that falls due in it. Throws RangeError below 0. */
  pass(ms: number): Promise<void>
  /** Orders of all washers, newest first. */
  orders(): Promise<SandboxOrder[]>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts a real gateway with its broker, a development chain, the demo shop and so many washers, as child processes in a
 * temporary folder: for tests of programs that speak with them. Throws what hinders it, with nothing left running, and
 * RangeError for options that it does not know.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { washers, seed } = checked(Options, options, `startSandbox takes washers, 0 to ${MAX_WASHERS}, and a seed`)
  const stage = new Stage()
  try {
    const scene = await stage.raise({ startMs: START_MS })
    const { api, time } = scene
    const list: SandboxWasher[] = []
    for (let number = 1; number <= washers; number++) list.push(await moveIn(`washer-${number}`, seed, scene, stage))
    await time.settle()
    // A slot that was never seen filled buys nothing.
    for (const washer of list) await washer.level(DRAWER_CAPACITY_ML)
    await time.settle()
    return {
      mqttUrl: `mqtt://127.0.0.1:${api.mqttPort}`,
      httpUrl: api.httpUrl,
      token: api.token,
      rpcUrl: stage.rpcUrl(),
      washers: list,
      nowMs: () => time.nowMs(),
      async pass(ms) {
        const lasting = checked(Milliseconds, ms, 'pass takes milliseconds, 0 and more')
        const endMs = time.nowMs() + Math.ceil(lasting / MINUTE_MS) * MINUTE_MS
        await time.advanceTo(endMs)
        await time.settle()
      },
      orders: async () => (await api.get(`/v1/orders?limit=${NEWEST_ORDERS}`, Orders)).orders,
      stop: () => stage.stop(),
    }
  } catch (error) {
    const cause = await stage.causeOf(error)
    await stage.stop()
    throw cause
  }
}

/** Adds it, lets it buy and connects it, as a person would. */
async function moveIn(
  deviceId: string,
  seed: string,
  { api, seller, time }: Scene,
  stage: Stage,
): Promise<SandboxWasher> {
  const { password } = await api.post('/v1/devices', { deviceId }, NewDevice)
  const device = new MqttDevice({
    ...{ url: `mqtt://127.0.0.1:${api.mqttPort}`, deviceId, password, description: DEMO_WASHER_DESCRIPTION },
    ...{ session: sessionOf(new Seed(seed).fork(deviceId), 1), onOrder: () => undefined },
  })
  stage.endsWith(() => device.close())
  await device.connect()
  await time.settle()
  const { draft } = await api.post('/v1/mandates/draft', { deviceId, sellerUrl: seller.url, ...USUAL_LIMITS }, Drafted)
  await api.post('/v1/mandates', { draft, useGatewayWallet: true }, Anything)
  await api.post(`/v1/devices/${deviceId}/confirm`, { mode: 'auto' }, Anything)
  return {
    deviceId,
    password,
    async level(ml) {
      const remaining = checked(Millilitres, ml, `level takes millilitres, 0 to ${DRAWER_CAPACITY_ML}`)
      const measuredAtMs = time.nowMs()
      await device.report({ topic: 'consumable', measuredAtMs, slot: 'detergent', remaining, unit: 'ml' })
    },
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, wanted: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new RangeError(`${wanted}, not ${inspect(value)}.`)
}
