import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyring } from '../../gateway/chain/keys.ts'
import type { Address, Hex32 } from '../../gateway/domain/identifiers.ts'
import type { MandateFile } from '../../gateway/domain/mandate.ts'
import type { NotificationKind } from '../../gateway/domain/notification.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { ChainFacts } from '../../gateway/ports/chain.ts'
import type { MandateRequest } from '../../gateway/ports/mandates.ts'
import type { OrderActions, OrderView } from '../../gateway/ports/orders.ts'
import { openRules } from '../../gateway/rules/open-rules.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { sqliteHourStore } from '../../gateway/store/hours.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { notifier } from '../../gateway/store/notifications.ts'
import { sqliteRulesStores } from '../../gateway/store/rules-stores.ts'
import { createWebServer, type WebServer } from '../../gateway/web/server.ts'
import { openToken } from '../../gateway/web/token.ts'

export const NOW_MS = 1_763_784_000_000
const HOME = 'home'
const FACTS: ChainFacts = {
  chainId: 31337,
  escrow: `0x${'e5'.repeat(20)}`,
  token: { address: `0x${'70'.repeat(20)}`, symbol: 'USDT', decimals: 6 },
}
const PAYER: Address = `0x${'aa'.repeat(20)}`
const ZERO: Hex32 = `0x${'00'.repeat(32)}`

/** The web server over real stores in a data folder of its own; orders and mandates are kept in memory. */
export type RunningGateway = {
  url: string
  token: string
  dataFolder: string
  db: Db
  server: WebServer
  orders: OrderView[]
  /** What was asked of orders and mandates. */
  asked: unknown[]
  faults: unknown[]
  tell(kind: NotificationKind, text: string): void
  call(path: string, body?: object, headers?: Record<string, string>): Promise<{ status: number; body: unknown }>
  stop(): Promise<void>
}

export async function runGateway(port = 0): Promise<RunningGateway> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'adept-web-'))
  const token = openToken(dataFolder)
  const db = openDatabase(join(dataFolder, 'gateway.db'), 'gateway')
  db.prepare(`INSERT INTO homes VALUES (?, 'UTC')`).run(HOME)
  const orders: OrderView[] = []
  const asked: unknown[] = []
  const faults: unknown[] = []
  const clock = new ManualClock(NOW_MS)
  const tell = notifier(db, [])
  const mandates = sqliteMandateStore(db)
  const rules = await openRules({
    stores: sqliteRulesStores(db, []),
    file: join(dataFolder, 'rules.yaml'),
    home: { id: HOME, timeZone: 'UTC' },
    token: FACTS.token,
    clock,
    program: '0.1.0',
    onDecided: () => undefined,
  })
  const server = createWebServer(
    {
      devices: sqliteDeviceStore(db),
      hours: sqliteHourStore(db),
      deviceKeys: openKeyring(dataFolder),
      feed: sqliteFeedStore(db),
      mandates,
      mandateVerbs: {
        async draft(request) {
          asked.push({ verb: 'draft', ...request })
          if (request.deviceId === 'undescribed')
            return { ok: false, sentence: 'It has not told which products it takes.' }
          return {
            ok: true,
            draft: { deviceId: request.deviceId, sellerUrl: request.sellerUrl, file: fileOf(request) },
          }
        },
        typedData: () => ({ primaryType: 'Mandate' }),
        async sign(homeId, draft, by) {
          asked.push({ verb: 'sign', by, allowance: draft.file.mandate.allowance })
          await mandates.add({ ...draft, homeId, createdAtMs: NOW_MS }, '0x01')
          return { ok: true, sentence: 'Signed and sent.', txHash: undefined }
        },
        async revoke(_homeId, mandateHash) {
          asked.push({ verb: 'revoke', mandateHash })
          return { ok: true, sentence: 'The revocation was sent.' }
        },
        resume: async () => undefined,
      },
      orders: actionsOn(orders, asked),
      rules: rules.desk,
      chain: {
        facts: FACTS,
        mandateStatus: async () => ({
          status: 'granted',
          spent: 12_490_000n,
          openOrders: 1,
          lastNonce: 1,
          household: undefined,
        }),
      },
      clock,
      status: async () => ({
        version: '0.1.0',
        mqttPort: 1883,
        chain: { ...FACTS, kind: 'embedded' },
        relayer: { address: PAYER, balanceWei: 5n },
        payer: { address: PAYER, balance: 1_000_000_000n, allowance: 0n },
      }),
      onChanged: () => asked.push('changed'),
      onFault: (error) => faults.push(error),
    },
    { homeId: HOME, token, port, sellerUrl: 'http://127.0.0.1:8788' },
  )
  const close = async () => {
    await server.stop()
    db.close()
    rmSync(dataFolder, { recursive: true })
  }
  const { url } = await server.start().catch(async (error: unknown) => {
    await close()
    throw error
  })
  writeFileSync(join(dataFolder, 'gateway.json'), JSON.stringify({ pid: process.pid, httpUrl: url, mqttPort: 1883 }))
  return {
    url,
    token,
    dataFolder,
    db,
    server,
    orders,
    asked,
    faults,
    tell(kind, text) {
      tell({ homeId: HOME, kind, text, amountMinorUnits: 12_490_000n }, NOW_MS)
      server.nudge()
    },
    async call(path, body, headers = {}) {
      const response = await fetch(url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: body === undefined ? null : JSON.stringify(body),
      })
      return { status: response.status, body: await response.json() }
    },
    stop: close,
  }
}

/** An order that a seller has quoted and that was placed. */
export function placedOrder(orderId: string, changes: Partial<OrderView> = {}): OrderView {
  return {
    orderId,
    homeId: HOME,
    deviceId: 'washer',
    slot: 'detergent',
    gtin: '4006381333931',
    quantity: 1,
    mode: 'ask',
    state: 'authorized',
    stateChangedAtMs: NOW_MS,
    attempt: 1,
    createdAtMs: NOW_MS,
    reasons: ['Detergent is at 200 of 1400 ml, below 20 %.'],
    quote: {
      orderId,
      attempt: 1,
      buyer: PAYER,
      seller: `0x${'5e'.repeat(20)}`,
      token: FACTS.token.address,
      gtin: '4006381333931',
      productName: 'Detergent',
      packSize: 1400,
      contentUnit: 'ml',
      quantity: 1,
      totalMinorUnits: 12_490_000n,
      validBeforeSeconds: 1_763_784_900,
      shipWithinSeconds: 604_800,
    },
    authorizationId: undefined,
    evidence: [],
    steps: [
      {
        attempt: 1,
        fromState: 'quoted',
        toState: 'authorized',
        atMs: NOW_MS,
        reason: 'Funds are held.',
        amountMinorUnits: 12_490_000n,
        txHash: ZERO,
      },
    ],
    ...changes,
  }
}

function actionsOn(orders: OrderView[], asked: unknown[]): OrderActions {
  const answer = (verb: string, orderId: string, who: string, more: object = {}) => {
    asked.push({ verb, orderId, who, ...more })
    const { state } = orders.find((order) => order.orderId === orderId)!
    return state === 'completed'
      ? ({ ok: false, sentence: 'This order is completed already.' } as const)
      : ({ ok: true, sentence: `Noted: ${verb}.` } as const)
  }
  return {
    list: async (_homeId, limit) => orders.slice(0, limit),
    get: async (_homeId, orderId) => orders.find((order) => order.orderId === orderId),
    received: async (_homeId, orderId, who) => answer('received', orderId, who),
    cancel: async (_homeId, orderId, who) => answer('cancel', orderId, who),
    dispute: async (_homeId, orderId, who) => answer('dispute', orderId, who),
    consent: async (_homeId, orderId, yesOrNo, who, seenMinorUnits) =>
      answer('consent', orderId, who, { answer: yesOrNo, ...(seenMinorUnits !== undefined && { seenMinorUnits }) }),
  }
}

function fileOf(request: MandateRequest): MandateFile {
  return {
    mandateHash: `0x${'ab'.repeat(32)}`,
    mandate: {
      payer: request.payer ?? PAYER,
      deviceKey: `0x${'dd'.repeat(20)}`,
      deviceId: 0n,
      deviceEpoch: 0n,
      arbiter: `0x${'00'.repeat(20)}`,
      token: FACTS.token.address,
      allowance: request.allowance,
      period: request.periodSeconds,
      start: 1_763_784_000,
      end: 1_763_784_000 + request.days * 86_400,
      maxPerOrder: request.maxPerOrder,
      maxOpenOrders: request.maxOpenOrders ?? 1,
      coolingOffSeconds: request.coolingOffSeconds,
      payeesRoot: ZERO,
      productsRoot: ZERO,
      household: 0n,
      salt: 1n,
      extraData: ZERO,
    },
    products: [{ salt: ZERO, gtin: '04006381333931', packSize: 1400, maxUnitPrice: 13_740_000n }],
    payees: [{ salt: ZERO, payee: `0x${'5e'.repeat(20)}` }],
    readable: 'MANDATE: ORDER WITH OBLIGATION TO PAY',
  }
}
