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

const Orders = z.object({ orders: z.array(SandboxOrder) })
const NewDevice = z.object({ password: z.string() })
const Drafted = z.object({ draft: z.looseObject({}) })
const Anything = z.looseObject({})

/** A washer on the broker, whose owner lets it buy detergent. */
export type SandboxWasher = {
  deviceId: string
  /** Its MQTT password; the user name is its id. */
  password: string
  /** Tells what the drawer holds, 0 to 1400 ml; resolves when the gateway has it on disk. */
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
  /** Lets time pass, and everything happen that falls due in it: rules, orders, payments, parcels. */
  pass(ms: number): Promise<void>
  /** Orders of all washers, newest first. */
  orders(): Promise<SandboxOrder[]>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts a real gateway with its broker, a development chain, the demo shop and so many washers, as child processes in a
 * temporary folder: for tests of programs that speak with them. Throws what hinders it, with nothing left running.
 */
export async function startSandbox({ washers = 1, seed = 'sandbox' } = {}): Promise<Sandbox> {
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
        const endMs = time.nowMs() + Math.ceil(ms / MINUTE_MS) * MINUTE_MS
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
    level: (ml) =>
      device.report({ topic: 'consumable', measuredAtMs: time.nowMs(), slot: 'detergent', remaining: ml, unit: 'ml' }),
  }
}
