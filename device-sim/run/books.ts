import { join } from 'node:path'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { ENDED_STATES } from '../../gateway/domain/order.ts'

const DAY_MS = 86_400_000

export type BookedOrder = {
  orderId: string
  homeId: string
  deviceId: string
  slot: string
  gtin: string
  /** The slot's device says that it takes this product. */
  fits: boolean
  quantity: number
  state: string
  stateChangedAtMs: number
  createdAtMs: number
  /** When it came to its end; undefined while it is open. */
  endedAtMs: number | undefined
}
export type BookedPayment = { authorizationId: string; orderId: string }
export type BookedSession = {
  deviceId: string
  session: string
  /** All up to this seq are stored (−1: none), and those between the bounds of each range beyond a gap. */
  highWater: number
  above: [number, number][]
}

/** What the rows of gateway and shop say after a run; their own word, read from outside. */
export type Books = {
  orders: BookedOrder[]
  payments: BookedPayment[]
  sessions: BookedSession[]
  /** What speaks for the arrival of an order's goods: owner, refill, carrier, weight. */
  arrivals: { orderId: string; kind: string }[]
  /** Raw rows of one seq, where there are several. */
  doubled: { deviceId: string; session: string; seq: number; times: number }[]
  /** Raw rows that are not there, though their session has them marked as stored and they are too new to be thinned out. */
  missing: { deviceId: string; session: string; rows: number }[]
  /** What each home was told. */
  notifications: Map<string, number>
  /** Days on which a device had less than was wanted of it. */
  shortDays: { deviceId: string; days: number }[]
  /** Authorizations that the shop has taken. */
  shop: Set<string>
}

const Above = z.array(z.tuple([z.int(), z.int()]))

/** Opens both databases read-only, as they are while their processes run. */
export function readBooks(gatewayData: string, merchantData: string): Books {
  const gateway = new Database(join(gatewayData, 'gateway.db'), { readonly: true })
  try {
    const shop = new Database(join(merchantData, 'merchant.db'), { readonly: true })
    try {
      return { ...gatewayBooks(gateway), shop: shopBooks(shop) }
    } finally {
      shop.close()
    }
  } finally {
    gateway.close()
  }
}

function gatewayBooks(db: Database.Database): Omit<Books, 'shop'> {
  const ended = ENDED_STATES.map((state) => `'${state}'`).join(', ')
  const orders = db
    .prepare<[], Omit<BookedOrder, 'endedAtMs' | 'fits'> & { endedAtMs: number | null; fits: 0 | 1 }>(
      `SELECT order_id AS orderId, home_id AS homeId, device_id AS deviceId, slot, gtin, quantity, state,
         EXISTS (SELECT 1 FROM slots, json_each(slots.description, '$.replacementProducts') AS product
           WHERE slots.device_id = orders.device_id AND slots.slot = orders.slot AND product.value ->> 'value' = gtin) AS fits,
         state_changed_at_ms AS stateChangedAtMs, created_at_ms AS createdAtMs,
         CASE WHEN state IN (${ended}) THEN (SELECT min(at_ms) FROM order_steps
           WHERE order_steps.order_id = orders.order_id AND to_state IN (${ended})) END AS endedAtMs
       FROM orders ORDER BY created_at_ms, device_id, slot`,
    )
    .all()
    .map((row) => ({ ...row, fits: row.fits === 1, endedAtMs: row.endedAtMs ?? undefined }))
  return {
    orders,
    payments: db
      .prepare<[], BookedPayment>('SELECT authorization_id AS authorizationId, order_id AS orderId FROM authorizations')
      .all(),
    sessions: db
      .prepare<[], { deviceId: string; session: string; highWater: number; above: string }>(
        'SELECT device_id AS deviceId, session, high_water AS highWater, above FROM sessions',
      )
      .all()
      .map((row) => ({ ...row, above: Above.parse(JSON.parse(row.above)) })),
    arrivals: db.prepare<[], Books['arrivals'][number]>('SELECT order_id AS orderId, kind FROM evidence').all(),
    doubled: db
      .prepare<[], Books['doubled'][number]>(
        `SELECT device_id AS deviceId, session, seq, count(*) AS times FROM readings JOIN sessions USING (session_key)
         GROUP BY session_key, seq HAVING times > 1 LIMIT 100`,
      )
      .all(),
    missing: missingRows(db),
    notifications: new Map(
      db
        .prepare<[], { homeId: string; told: number }>(
          'SELECT home_id AS homeId, count(*) AS told FROM notifications GROUP BY home_id',
        )
        .all()
        .map(({ homeId, told }) => [homeId, told]),
    ),
    shortDays: shortDays(db),
  }
}

function shopBooks(db: Database.Database): Set<string> {
  return new Set(db.prepare<[], string>('SELECT authorization_id FROM orders').pluck().all())
}

/**
 * Between two rows of a session, and after its last. Rows are thinned out in the order in which they were stored, which is
 * nearly that of their seqs: those within a day of the last that went are not looked at.
 */
export function missingRows(db: Database.Database): Books['missing'] {
  return db
    .prepare<[], Books['missing'][number]>(
      `WITH looked_at (since_ms) AS (SELECT coalesce(thinned_at_ms + ${DAY_MS}, -1) FROM retention),
       neighbours AS (
         SELECT session_key, seq, lag(seq, 1, -1) OVER up AS seq_before, lag(received_at_ms, 1, 0) OVER up AS received_before
           FROM readings WINDOW up AS (PARTITION BY session_key ORDER BY seq)),
       newest AS (SELECT session_key, max(seq) AS seq FROM readings GROUP BY session_key),
       gaps (session_key, missing) AS (
         SELECT session_key, min(seq - 1, high_water) - seq_before FROM neighbours JOIN sessions USING (session_key)
           WHERE received_before > (SELECT since_ms FROM looked_at)
         UNION ALL
         SELECT session_key, high_water - coalesce(newest.seq, -1) FROM sessions LEFT JOIN newest USING (session_key)
           WHERE last_seen_at_ms > (SELECT since_ms FROM looked_at))
       SELECT device_id AS deviceId, session, sum(missing) AS rows FROM gaps JOIN sessions USING (session_key)
         WHERE missing > 0 GROUP BY session_key`,
    )
    .all()
}

/** From the events of the devices: counted by the hour, and single ones where those are not counted yet. */
function shortDays(db: Database.Database): Books['shortDays'] {
  return db
    .prepare<[], Books['shortDays'][number]>(
      `WITH short (deviceId, day) AS (
         SELECT device_id, hour / 24 FROM readings_hourly JOIN series USING (series_key)
           WHERE kind = 2 AND name = 'dose-short'
         UNION
         SELECT device_id, measured_at_ms / ${DAY_MS} FROM readings JOIN sessions USING (session_key)
           WHERE kind = 2 AND body ->> 'type' = 'dose-short' AND reading_id > (SELECT hours_until FROM retention))
       SELECT deviceId, count(*) AS days FROM short GROUP BY deviceId`,
    )
    .all()
}
