import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCertificates } from '../../gateway/broker/certificates.ts'
import { deviceDesk } from '../../gateway/broker/device-desk.ts'
import { Pairing } from '../../gateway/broker/pairing.ts'
import { openKeyring } from '../../gateway/chain/keys.ts'
import type { MandateFile } from '../../gateway/domain/mandate.ts'
import type { NotificationKind } from '../../gateway/domain/notification.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { MandateRequest } from '../../gateway/ports/mandates.ts'
import type { OrderView } from '../../gateway/ports/orders.ts'
import { openRules } from '../../gateway/rules/open-rules.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { sqliteHealthStore } from '../../gateway/store/health.ts'
import { sqliteHomeStore } from '../../gateway/store/homes.ts'
import { sqliteHourStore } from '../../gateway/store/hours.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { notifier } from '../../gateway/store/notifications.ts'
import { sqliteOnboardingStore } from '../../gateway/store/onboarding.ts'
import { sqliteRulesStores } from '../../gateway/store/rules-stores.ts'
import { createWebServer, type WebServer } from '../../gateway/web/server.ts'
import { openToken } from '../../gateway/web/token.ts'
import { actionsOn, FACTS, HOME, NOW_MS, PAYER, ZERO } from './placed-orders.ts'

const ENDPOINTS = {
  addresses: [{ url: 'mqtt://127.0.0.1:1883', secure: false, isLoopback: true }],
  authorityFingerprint: undefined,
}

/** The web server over real stores in a data folder of its own; orders and mandates are kept in memory. */
export type RunningGateway = {
  url: string
  token: string
  dataFolder: string
  db: Db
  server: WebServer
  orders: OrderView[]
  /** What an audit finds. */
  audited: { differing: number; unread: number; first?: object }
  /** What was asked of orders and mandates. */
  asked: unknown[]
  faults: unknown[]
  /** What hinders a part of the gateway, if anything. */
  hindered: { chain?: Error; writer?: Error }
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
  const hindered: RunningGateway['hindered'] = {}
  const audited: RunningGateway['audited'] = { differing: 0, unread: 0 }
  const clock = new ManualClock(NOW_MS)
  const tell = notifier(db, [])
  const devices = sqliteDeviceStore(db)
  const onboarding = sqliteOnboardingStore(db, [])
  const deviceKeys = openKeyring(dataFolder)
  const mandates = sqliteMandateStore(db)
  const rules = await openRules({
    stores: sqliteRulesStores(db, []),
    file: join(dataFolder, 'rules.yaml'),
    token: FACTS.token,
    clock,
    program: '0.1.0',
    onDecided: () => undefined,
  })
  const server = createWebServer(
    {
      homes: sqliteHomeStore(db),
      devices,
      hours: sqliteHourStore(db),
      deviceKeys,
      deviceDesk: deviceDesk({
        pairing: new Pairing({
          devices,
          store: onboarding,
          deviceKeys,
          clock,
          hand: async () => true,
          authorityPem: () => undefined,
          onFault: (error) => faults.push(error),
        }),
        store: onboarding,
        mandates,
        revoke: async (_homeId, mandateHash) => {
          asked.push({ verb: 'revoke', mandateHash })
          return { ok: true, sentence: 'The revocation was sent.' }
        },
        certificates: openCertificates(dataFolder, NOW_MS),
        endpoints: () => ENDPOINTS,
        disconnect: async (deviceId) => void asked.push({ verb: 'disconnect', deviceId }),
        forget: async () => undefined,
        clock,
        certificateClock: clock,
      }),
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
        async register(_homeId, deviceId, registryId) {
          asked.push({ verb: 'register', deviceId, registryId })
          return { ok: true, sentence: `${deviceId} is registered.` }
        },
        resume: async () => undefined,
      },
      orders: actionsOn(orders, asked),
      rules: rules.desk,
      async *audit() {
        yield { kind: 'done', authorizations: 2, mandates: 1, inEscrowText: '12.49 USDT', ...audited }
      },
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
      health: {
        store: sqliteHealthStore(db),
        storage: { check: () => undefined, hear: () => undefined },
        async writerAnswers() {
          if (hindered.writer !== undefined) throw hindered.writer
        },
        hasRoom: () => hindered.writer === undefined,
        async head() {
          if (hindered.chain !== undefined) throw hindered.chain
          return { blockNumber: 12, blockHash: ZERO, timestampSeconds: NOW_MS / 1000 - 3 }
        },
        clock,
        version: '0.1.0',
      },
      clock,
      status: async () => ({
        version: '0.1.0',
        mqttPort: 1883,
        endpoints: ENDPOINTS,
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
    audited,
    faults,
    hindered,
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
      offersRoot: ZERO,
      household: 0n,
      salt: 1n,
      extraData: ZERO,
    },
    offers: [
      { salt: ZERO, seller: `0x${'5e'.repeat(20)}`, gtin: '04006381333931', packSize: 1400, maxUnitPrice: 13_740_000n },
    ],
    readable: 'MANDATE: ORDER WITH OBLIGATION TO PAY',
  }
}
