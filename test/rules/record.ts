import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { Scheduler } from '../../gateway/lib/scheduler.ts'
import { openRules } from '../../gateway/rules/open-rules.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { ensureHome } from '../../gateway/store/homes.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { sqliteRulesStores } from '../../gateway/store/rules-stores.ts'
import { DAY_MS, GTIN } from './situation.ts'

/** A Monday, 08:00 in UTC. */
export const START_MS = Date.UTC(2027, 0, 4, 8)
const ZERO = `0x${'00'.repeat(32)}`
const SELLER = `0x${'5e'.repeat(20)}`

/** Readings to decisions over a real database, without a chain: orders stay where the rules put them. */
export async function openRecord(options: { rules?: string; timeZone?: string; slots?: object[] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  const file = join(folder, 'rules.yaml')
  if (options.rules !== undefined) writeFileSync(file, options.rules)
  const clock = new ManualClock(START_MS)
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  const home = { id: 'home', timeZone: options.timeZone ?? 'UTC' }
  ensureHome(db, home)
  const devices = sqliteDeviceStore(db)
  const intake = sqliteIntakeStore(db)
  const stores = sqliteRulesStores(db, [])
  const open = (program = 'test') =>
    openRules({
      stores,
      file,
      token: { decimals: 6, symbol: 'TUSD' },
      clock,
      program,
      onDecided: () => undefined,
    })
  let rules = await open()
  let seq = 0
  let session = 's1'

  const record = {
    folder,
    file,
    db,
    clock,
    stores,
    feed: sqliteFeedStore(db),
    desk: rules.desk,
    limits: rules.limits,
    confirm: (mode: 'notify' | 'ask' | 'auto') => devices.confirm('home', 'washer-1', undefined, mode, clock.nowMs()),
    /** One level, measured now. */
    async level(remaining: number, slot = 'detergent') {
      await record.report('consumable', { slot, remaining, unit: 'ml' })
    },
    async event(type: string, detail: object = {}) {
      await record.report('event', { type, detail })
    },
    async report(kind: 'consumable' | 'event' | 'telemetry', body: object, measuredAtMs = clock.nowMs()) {
      const common = { deviceId: 'washer-1', session, seq: seq++, kind, measuredAtMs }
      const level = kind === 'consumable' ? { level: body as { slot: string; remaining: number; unit: 'ml' } } : {}
      const report = { ...common, ...level, body: JSON.stringify(body) }
      await intake.commit([{ kind: 'report', report }], clock.nowMs())
    },
    newSession() {
      session = 's2'
      seq = 0
    },
    /** The device sends that report, and what followed it, once more. */
    again(fromSeq: number) {
      seq = fromSeq
    },
    async describe(slots: object[]) {
      const description = { maker: 'Samsung', model: 'W9000', slots } as never
      const body = JSON.stringify(description)
      await intake.commit([{ kind: 'description', deviceId: 'washer-1', description, body }], clock.nowMs())
    },
    async drain() {
      const scheduler = new Scheduler([rules.worker], { clock, pollMs: 60_000, onFault: () => undefined })
      const { nextDueAtMs } = await scheduler.drain()
      return nextDueAtMs
    },
    /** A day's use in one reading each, and what follows. */
    async days(count: number, perDay: number, from: number) {
      for (let day = 0, left = from; day < count; day++, left -= perDay) {
        await record.level(Math.max(0, left))
        await record.drain()
        await record.pass(DAY_MS)
      }
    },
    /** Lives to that time: every due look on the way is taken. */
    async pass(ms: number) {
      const endMs = clock.nowMs() + ms
      for (;;) {
        const next = await record.drain()
        if (clock.nowMs() >= endMs) return
        clock.set(Math.min(endMs, Math.max(clock.nowMs() + 1, next ?? endMs)))
      }
    },
    /** The process ends and starts again, perhaps as another version. */
    async restart(program?: string) {
      rules = await open(program)
      record.desk = rules.desk
      record.limits = rules.limits
    },
    decisions: () =>
      db
        .prepare('SELECT outcome, why, times, rules_version AS version, reasons FROM decisions ORDER BY decision_id')
        .all() as { outcome: string; why: string; times: number; version: number; reasons: string }[],
    orders: () =>
      db.prepare('SELECT order_id AS orderId, quantity, mode, state, created_at_ms AS atMs FROM orders').all() as {
        orderId: string
        quantity: number
        mode: string
        state: string
        atMs: number
      }[],
    reserve: () =>
      (db.prepare('SELECT reserve FROM slot_needs').get() as { reserve: number } | undefined)?.reserve ?? 0,
    /** As the order worker and the watcher would move it. */
    moveOrder(orderId: string, state: string) {
      db.prepare('UPDATE orders SET state = ?, state_changed_at_ms = ? WHERE order_id = ?').run(
        state,
        clock.nowMs(),
        orderId,
      )
      db.prepare('UPDATE slots SET evaluate = 1').run()
    },
    /** A mandate for one product, as if the chain had granted it. */
    grant(
      changes: { maxPerOrder?: string; maxUnitPrice?: string; packSize?: number; coolingOffSeconds?: number } = {},
    ) {
      const {
        maxPerOrder = '25000000',
        maxUnitPrice = '12500000',
        packSize = 1400,
        coolingOffSeconds = 86_400,
      } = changes
      const mandate = {
        ...{ payer: SELLER, deviceKey: SELLER, deviceId: '0', deviceEpoch: '0', arbiter: SELLER, token: SELLER },
        ...{ allowance: '50000000', period: 2_592_000, start: 0, end: 4_000_000_000, maxPerOrder, maxOpenOrders: 1 },
        ...{ coolingOffSeconds, offersRoot: ZERO, household: '0', salt: '0', extraData: ZERO },
      }
      const offers = [{ salt: ZERO, seller: SELLER, gtin: GTIN, packSize, maxUnitPrice }]
      const file = { mandateHash: ZERO, mandate, offers, readable: 'x' }
      db.prepare(
        `INSERT OR REPLACE INTO mandates VALUES (?, 'home', 'washer-1', ?, 'http://shop.test', '0x', 'granted', NULL, 0, ?, '')`,
      ).run(ZERO, JSON.stringify(file), clock.nowMs())
      db.prepare('UPDATE slots SET evaluate = 1').run()
    },
    /** The seller's price for the first attempt of an order. */
    quote(orderId: string, totalMinorUnits: bigint, packSize = 1400) {
      const quote = {
        ...{ orderId, attempt: 1, buyer: SELLER, seller: SELLER, token: SELLER, gtin: GTIN, productName: 'Detergent' },
        ...{ packSize, contentUnit: 'ml', quantity: 1, totalMinorUnits: String(totalMinorUnits) },
        ...{ validBeforeSeconds: 4_000_000_000, shipWithinSeconds: 86_400 },
      }
      db.prepare(`INSERT INTO quotes VALUES (?, 1, ?, '0x', '0x', 'http://shop.test', ?)`).run(
        orderId,
        JSON.stringify(quote),
        clock.nowMs(),
      )
    },
    close() {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
  await devices.add(
    {
      deviceId: 'washer-1',
      homeId: 'home',
      secretSha256: new Uint8Array(32),
      keyAddress: `0x${'aa'.repeat(20)}`,
      keySealed: new Uint8Array(1),
    },
    START_MS,
  )
  const slot = {
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    degradationDirection: 'down',
    replacementProducts: [{ type: 'gtin14', value: GTIN }],
  }
  await record.describe(options.slots ?? [slot])
  return record
}
export type HomeRecord = Awaited<ReturnType<typeof openRecord>>
