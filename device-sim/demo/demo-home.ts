import { z } from 'zod'
import { Seed } from '../../gateway/lib/seed.ts'
import type { GatewayApi } from '../gateway-api.ts'
import { USUAL_LIMITS } from '../limits.ts'
import { DEMO_WASHER_DESCRIPTION, demoWasher } from '../models/demo-washer.ts'
import { keyOf } from '../models/dice.ts'
import type { HomePlan } from '../models/home.ts'
import { MqttDevice, sessionOf } from '../mqtt-device.ts'
import type { Scene, Stage } from '../stage.ts'
import { type HomeParts, LivingHome } from './living-home.ts'
import { type OrderAnswer, OrdersAnswer } from './order-story.ts'

const DEVICE_ID = 'washer-1'
const PEOPLE = 3
/** Orders that the story follows; a home has one open order for each slot. */
const NEWEST_ORDERS = 5

const NewDeviceAnswer = z.object({ password: z.string() })
const DraftAnswer = z.object({ draft: z.looseObject({ file: z.looseObject({ readable: z.string() }) }) })
const SignedAnswer = z.object({ txHash: z.string().optional() })
const DevicesAnswer = z.object({
  devices: z.array(z.object({ slots: z.array(z.object({ level: z.object({ remaining: z.number() }).optional() })) })),
})
const Accepted = z.object({})

export type DemoHooks = Pick<HomeParts, 'onReport' | 'onParcel'> & {
  onMandate(readable: string, txHash: string | undefined): void
}
export type DemoHome = {
  home: LivingHome
  /** The newest orders, newest first. */
  orders(): Promise<OrderAnswer[]>
  /** The drawer as the gateway sees it. */
  levelMl(): Promise<number | undefined>
}

/** A washer on the broker that may buy, and its people: the steps of the README, by the same API. */
export async function moveIn(
  { time, api, seller }: Scene,
  stage: Stage,
  options: { seed: string; hooks: DemoHooks },
): Promise<DemoHome> {
  const { password } = await api.post('/v1/devices', { deviceId: DEVICE_ID }, NewDeviceAnswer)
  const seed = new Seed(options.seed)
  const device = new MqttDevice({
    url: `mqtt://127.0.0.1:${api.mqttPort}`,
    deviceId: DEVICE_ID,
    password,
    description: DEMO_WASHER_DESCRIPTION,
    session: sessionOf(seed, 1),
    onOrder: (message) => home.onOrder(message),
  })
  const orders = async () => (await api.get(`/v1/orders?limit=${NEWEST_ORDERS}`, OrdersAnswer)).orders
  const home = new LivingHome({
    plan: planOf(options.seed),
    time,
    device,
    homeowner: {
      label: async (orderId) => labelOf(await orders(), orderId),
      received: async (orderId) => void (await api.post(`/v1/orders/${orderId}/received`, {}, Accepted)),
    },
    ...options.hooks,
  })
  stage.endsWith(() => device.close())
  await device.connect()
  await time.settle()

  const request = { deviceId: DEVICE_ID, sellerUrl: seller.url, ...USUAL_LIMITS }
  const { draft } = await api.post('/v1/mandates/draft', request, DraftAnswer)
  const { txHash } = await api.post('/v1/mandates', { draft, useGatewayWallet: true }, SignedAnswer)
  await time.settle()
  options.hooks.onMandate(draft.file.readable, txHash)
  await api.post(`/v1/devices/${DEVICE_ID}/confirm`, { mode: 'auto' }, Accepted)
  await home.switchOn()
  return { home, orders, levelMl: () => levelMl(api) }
}

async function levelMl(api: GatewayApi): Promise<number | undefined> {
  return (await api.get('/v1/devices', DevicesAnswer)).devices[0]?.slots[0]?.level?.remaining
}

/** What the label on the parcel says. */
function labelOf(orders: OrderAnswer[], orderId: string): { packs: number; packContent: number } {
  const quote = orders.find((order) => order.orderId === orderId)?.quote
  if (quote === undefined) throw new Error(`A parcel came for order ${orderId}, which has no quote.`)
  return { packs: quote.quantity, packContent: quote.packSize }
}

/** A family of three at home, whose drawer is full and whose parcels come. */
function planOf(seed: string): HomePlan {
  const key = keyOf(`demo ${seed}`)
  const { sensor } = demoWasher.slots[0]!
  const slot = {
    key,
    isUsed: true,
    fullAtStart: 1,
    sensor: { key, ...sensor, driftShare: 0, isStuck: false, isDying: false },
  }
  const device = { name: DEVICE_ID, key, appliance: demoWasher, description: DEMO_WASHER_DESCRIPTION, slots: [slot] }
  return {
    index: 0,
    household: { key, people: PEOPLE, holidaysPerYear: 0, guestsPerYear: 0, habitChangesPerYear: 0 },
    deliveries: { shipAfterHours: { least: 0, most: 0 }, days: { least: 1, most: 3 }, lost: 0, short: 0, wrong: 0 },
    devices: [device],
  }
}
