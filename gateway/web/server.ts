import { createHash, timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Address } from '../domain/identifiers.ts'
import { formatMoney } from '../domain/money.ts'
import { HttpError, httpServer, LOOPBACK_HOSTS } from '../lib/http.ts'
import type { Chain, ChainFacts } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceKeyMaker, DeviceStore } from '../ports/devices.ts'
import type { HomeStore } from '../ports/homes.ts'
import type { MandateStore, MandateVerbs } from '../ports/mandates.ts'
import type { FeedStore } from '../ports/notify.ts'
import type { DeviceDesk, Endpoints } from '../ports/onboarding.ts'
import type { OrderActions } from '../ports/orders.ts'
import type { HourStore } from '../ports/retention.ts'
import type { RulesDesk } from '../ports/rules.ts'
import { deviceRoutes } from './devices.ts'
import { FeedStreams, feedRoutes } from './feed.ts'
import { type HealthPorts, healthRoutes } from './health.ts'
import { homeRoutes, scopeByHome } from './homes.ts'
import { hourRoutes } from './hours.ts'
import { sendLines } from './lines.ts'
import { mandateRoutes } from './mandates.ts'
import { onboardingRoutes } from './onboarding.ts'
import { orderRoutes } from './orders.ts'
import { pageRoutes } from './pages.ts'
import { rulesRoutes } from './rules.ts'

/** Larger than a mandate of 64 products. */
const BODY_LIMIT_BYTES = 64 * 1024

/** What `GET /v1/status` tells. */
export type GatewayStatus = {
  version: string
  mqttPort: number
  /** Where devices connect. */
  endpoints: Endpoints
  chain: ChainFacts & { kind: 'embedded' | 'rpc' }
  /** Pays the gas of this gateway's transactions, and holds nothing else. */
  relayer: { address: Address; balanceWei: bigint }
  /** The gateway's own wallet; only beside the embedded chain. */
  payer: { address: Address; balance: bigint; allowance: bigint } | undefined
}

export type WebPorts = {
  homes: HomeStore
  devices: DeviceStore
  hours: HourStore
  deviceKeys: DeviceKeyMaker
  deviceDesk: DeviceDesk
  feed: FeedStore
  mandates: Pick<MandateStore, 'list'>
  mandateVerbs: MandateVerbs
  orders: OrderActions
  rules: RulesDesk
  /** Compares the home's rows with the chain, with progress. */
  audit(homeId: string): AsyncIterable<object>
  chain: Pick<Chain, 'facts' | 'mandateStatus'>
  health: HealthPorts
  clock: Clock
  status(): Promise<GatewayStatus>
  /** Called after a person changed something: wakes the workers, for speed only. */
  onChanged(): void
  onFault(error: unknown): void
}
export type WebOptions = {
  /** The configured home: that of requests which name none. */
  homeId: string
  /** Bearer token that every `/v1` request must carry. */
  token: string
  /** 0 takes a free port. */
  port: number
  /** Address to listen on; 127.0.0.1 unless told otherwise. */
  host?: string
  /** Names beyond loopback under which this listener may be called. */
  hostnames?: readonly string[]
  /** Seller that a mandate's draft asks when it names none. */
  sellerUrl: string
}
export type WebServer = {
  /** Listens; resolves to the address for clients on this machine. Rejects with a sentence when the port is taken. */
  start(): Promise<{ url: string; port: number }>
  /** New rows are in the feed: live streams read them now instead of at their next poll. */
  nudge(): void
  stop(): Promise<void>
}

/** The API and the dashboard. */
export function createWebServer(ports: WebPorts, options: WebOptions): WebServer {
  const { token } = ports.chain.facts
  const app = httpServer({
    hostnames: [...LOOPBACK_HOSTS, ...(options.hostnames ?? [])],
    bodyLimitBytes: BODY_LIMIT_BYTES,
    onFault: ports.onFault,
  })
  const streams = new FeedStreams(ports.feed, token)
  app.addHook('preClose', async () => streams.stop())

  healthRoutes(app, ports.health)
  pageRoutes(app)
  // The check belongs to the routes themselves: a test of the address's text would miss `/%761/devices`.
  app.register((api, _options, done) => {
    const isToken = tokenCheck(options.token)
    api.addHook('onRequest', async (request, reply) => {
      if (isToken(request.headers.authorization)) return
      reply.header('www-authenticate', 'Bearer')
      throw new HttpError(
        401,
        "The token is missing or wrong: send the content of the file `token` in the gateway's data folder as a bearer token.",
      )
    })
    scopeByHome(api, ports.homes, options.homeId)
    homeRoutes(api, ports, options.homeId)
    statusRoute(api, ports)
    deviceRoutes(api, ports)
    onboardingRoutes(api, ports)
    hourRoutes(api, ports)
    orderRoutes(api, ports, token)
    feedRoutes(api, { feed: ports.feed, streams }, token)
    mandateRoutes(api, ports, options)
    rulesRoutes(api, ports)
    api.post('/v1/audit', async ({ homeId }, reply) => sendLines(reply, ports.audit(homeId), ports.onFault))
    done()
  })

  return {
    async start() {
      const host = options.host ?? '127.0.0.1'
      await app.listen({ host, port: options.port }).catch((error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'EADDRINUSE'
            ? 'another program uses it: stop that, or set another port (http.port)'
            : error.message
        throw new Error(`The API and the dashboard cannot listen on ${host}:${options.port}: ${why}.`, { cause: error })
      })
      const { port } = app.server.address() as AddressInfo
      return { url: `http://127.0.0.1:${port}`, port }
    },
    nudge: () => streams.nudge(),
    stop: () => app.close(),
  }
}

function statusRoute(app: FastifyInstance, ports: WebPorts): void {
  app.get('/v1/status', async ({ homeId }) => {
    const status = await ports.status()
    const { payer } = status
    const balanceText = payer && formatMoney(payer.balance, status.chain.token)
    return { ...status, homeId, nodeVersion: process.versions.node, payer: payer && { ...payer, balanceText } }
  })
}

/** Compares digests, so that neither time nor length tells anything of the token. */
function tokenCheck(token: string): (header: string | undefined) => boolean {
  const expected = digest(`Bearer ${token}`)
  return (header) => header !== undefined && timingSafeEqual(digest(header), expected)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
