import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { Address } from '../gateway/domain/identifiers.ts'
import { Seed } from '../gateway/lib/seed.ts'
import { Child } from './child.ts'
import { GatewayApi } from './gateway-api.ts'
import { type HomeParts, LivingHome } from './living-home.ts'
import { MqttDevice, sessionOf } from './mqtt-device.ts'
import { type OrderAnswer, OrdersAnswer } from './order-story.ts'
import { leadVirtualTime, type TimeLeader } from './time-leader.ts'
import { WASHER_DESCRIPTION } from './washer.ts'

const DEVICE_ID = 'washer-1'
const PEOPLE = 3
const FOLLOWERS = 2
const START_WITHIN_MS = 30_000
const DEATH_KNOWN_WITHIN_MS = 500
/** Orders that the story follows; a home has one open order for each slot. */
const NEWEST_ORDERS = 5
/** The homeowner's limits, as `adept mandate sign` has them by default; amounts in minor units of the test dollar. */
const LIMITS = {
  allowance: '50000000',
  periodSeconds: 30 * 86_400,
  maxPerOrder: '25000000',
  coolingOffSeconds: 86_400,
  days: 365,
}
/** Free ports, so that a demo never meets another gateway. */
const GATEWAY_SETTINGS = 'mqtt: { port: 0 }\nhttp: { port: 0 }\n'

const ROOT = join(import.meta.dirname, '..')
const SellerReady = z.object({ name: z.string(), address: Address, url: z.url() })
const NewDeviceAnswer = z.object({ password: z.string() })
const DraftAnswer = z.object({ draft: z.looseObject({ file: z.looseObject({ readable: z.string() }) }) })
const SignedAnswer = z.object({ txHash: z.string().optional() })
const DevicesAnswer = z.object({
  devices: z.array(z.object({ slots: z.array(z.object({ level: z.object({ remaining: z.number() }).optional() })) })),
})
const Accepted = z.object({})
const ChainNode = z.object({ pid: z.int().positive() })

export type Seller = z.infer<typeof SellerReady>
export type StageHooks = Pick<HomeParts, 'onReport' | 'onParcel'> & {
  onMandate(readable: string, txHash: string | undefined): void
}

/**
 * A home with everything around it: real gateway and seller as child processes on virtual time, a washer on the broker,
 * and its people. `stop` ends whatever was started, backwards; nothing of it outlives this process.
 */
export class Stage {
  /** Holds all state of the run; removed by `stop`. */
  readonly folder = mkdtempSync(join(tmpdir(), 'adept-demo-'))
  readonly gatewayData = join(this.folder, 'gateway')
  readonly children: Child[] = []
  /** Rejects when a child ends without being told to. */
  readonly fault: Promise<never>
  readonly #fail: (error: unknown) => void
  readonly #ends: (() => Promise<void>)[] = []

  constructor() {
    const fault = Promise.withResolvers<never>()
    fault.promise.catch(() => undefined)
    this.fault = fault.promise
    this.#fail = fault.reject
  }

  /** From empty folders to a washer that may buy: the steps of the README, by the same API. */
  async raise(options: {
    seed: string
    startMs: number
    catalogue: string | undefined
    hooks: StageHooks
  }): Promise<Scene> {
    const socket = join(this.folder, 'time.sock')
    const time = await leadVirtualTime(socket, options.startMs)
    this.#ends.push(() => time.close())
    const api = await this.#startGateway(socket)
    const seller = await this.#startMerchant(socket, options.catalogue)
    await time.waitForFollowers(FOLLOWERS, START_WITHIN_MS)

    const { password } = await api.post('/v1/devices', { deviceId: DEVICE_ID }, NewDeviceAnswer)
    const seed = new Seed(options.seed)
    const device = new MqttDevice({
      url: `mqtt://127.0.0.1:${api.mqttPort}`,
      deviceId: DEVICE_ID,
      password,
      description: WASHER_DESCRIPTION,
      session: sessionOf(seed, 1),
      onOrder: (message) => home.onOrder(message),
    })
    const scene = { time, api, seller, ...views(api) }
    const home = new LivingHome({
      household: { people: PEOPLE, seed },
      time,
      device,
      homeowner: {
        open: async (orderId) => contentOf(await scene.orders(), orderId),
        received: async (orderId) => void (await api.post(`/v1/orders/${orderId}/received`, {}, Accepted)),
      },
      ...options.hooks,
    })
    await device.connect()
    this.#ends.push(() => device.close())
    await time.settle()

    const { draft } = await api.post(
      '/v1/mandates/draft',
      { deviceId: DEVICE_ID, sellerUrl: seller.url, ...LIMITS },
      DraftAnswer,
    )
    const { txHash } = await api.post('/v1/mandates', { draft, useGatewayWallet: true }, SignedAnswer)
    await time.settle()
    options.hooks.onMandate(draft.file.readable, txHash)
    await api.post(`/v1/devices/${DEVICE_ID}/confirm`, { mode: 'auto' }, Accepted)
    await home.switchOn()
    return { ...scene, home }
  }

  /** What lies behind a failure: the death of a child is known a moment after its connections broke. */
  async causeOf(error: unknown): Promise<unknown> {
    const death = this.fault.catch((fault: unknown) => fault)
    return await Promise.race([death, wait(DEATH_KNOWN_WITHIN_MS, error)])
  }

  /** Ends what it can, whatever fails on the way; the first failure is thrown when all is done. */
  async stop(): Promise<void> {
    const failures: unknown[] = []
    for (const end of this.#ends.splice(0).reverse()) await end().catch((error: unknown) => failures.push(error))
    rmSync(this.folder, { recursive: true, force: true })
    if (failures.length > 0) throw failures[0]
  }

  async #startGateway(socket: string): Promise<GatewayApi> {
    mkdirSync(this.gatewayData, { mode: 0o700 })
    writeFileSync(join(this.gatewayData, 'adept.yaml'), GATEWAY_SETTINGS)
    this.#ends.push(async () => endChain(this.gatewayData))
    await this.#start('gateway', 'gateway/main.ts', ['--data', this.gatewayData, '--time', socket])
    return new GatewayApi(this.gatewayData)
  }

  async #startMerchant(socket: string, catalogue: string | undefined): Promise<Seller> {
    const line = await this.#start(
      'merchant',
      'gateway/merchant/main.ts',
      [
        ['--data', join(this.folder, 'merchant'), '--port', '0', '--json'],
        ['--gateway-data', this.gatewayData, '--time', socket],
        catalogue === undefined ? [] : ['--catalogue', catalogue],
      ].flat(),
    )
    return SellerReady.parse(JSON.parse(line))
  }

  async #start(name: string, script: string, args: string[]): Promise<string> {
    const child = new Child(name, join(ROOT, script), args)
    this.children.push(child)
    this.#ends.push(() => child.stop())
    child.died().catch(this.#fail)
    return await child.ready()
  }
}

/** A gateway that was killed leaves its chain running, for its next start; here there is none. */
function endChain(gatewayData: string): void {
  const file = join(gatewayData, 'chain', 'node.json')
  if (!existsSync(file)) return
  try {
    process.kill(ChainNode.parse(JSON.parse(readFileSync(file, 'utf8'))).pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** What is on stage once it is raised. */
export type Scene = {
  time: TimeLeader
  api: GatewayApi
  seller: Seller
  home: LivingHome
  /** The newest orders, newest first. */
  orders(): Promise<OrderAnswer[]>
  /** The drawer as the gateway sees it. */
  levelMl(): Promise<number | undefined>
}

function views(api: GatewayApi): Pick<Scene, 'orders' | 'levelMl'> {
  return {
    orders: async () => (await api.get(`/v1/orders?limit=${NEWEST_ORDERS}`, OrdersAnswer)).orders,
    levelMl: async () => (await api.get('/v1/devices', DevicesAnswer)).devices[0]?.slots[0]?.level?.remaining,
  }
}

/** What the label on the parcel says. */
function contentOf(orders: OrderAnswer[], orderId: string): number {
  const quote = orders.find((order) => order.orderId === orderId)?.quote
  if (quote === undefined) throw new Error(`A parcel came for order ${orderId}, which has no quote.`)
  return quote.packSize * quote.quantity
}
