import { onHandAfterRefill } from '../domain/need.ts'
import type { OrderState } from '../domain/order.ts'
import type { Db } from './database.ts'

type Reserve = { reserve: number; pack_content: number }
/** An order whose goods are, or were, on their way or here. */
export type MovableStock = { orderId: string; state: OrderState; content: number; packContent: number }

/** What is bought and not yet poured in, slot by slot, with every change of it; inside the transaction of the caller. */
export function reserves(db: Db) {
  const read = db.prepare<[string, string], Reserve>(
    'SELECT reserve, pack_content FROM slot_needs WHERE device_id = ? AND slot = ?',
  )
  const write = db.prepare(
    `INSERT INTO slot_needs (device_id, slot, reserve, pack_content) VALUES (@deviceId, @slot, @reserve, @packContent)
     ON CONFLICT (device_id, slot) DO UPDATE SET reserve = excluded.reserve, pack_content = excluded.pack_content`,
  )
  const insertMove = db.prepare(
    `INSERT INTO stock_moves (device_id, slot, at_ms, kind, content, reserve_after, order_id)
     VALUES (@deviceId, @slot, @atMs, @kind, @content, @reserve, @orderId)`,
  )

  // A refill that was read while there was no reserve to take it from: the device was heard before the chain.
  const untaken = db.prepare<[string, number, string, string]>(
    `SELECT 1 FROM evidence WHERE order_id = ? AND kind = 'refill' AND at_ms <= ? AND NOT EXISTS (
       SELECT 1 FROM stock_moves AS moves WHERE device_id = ? AND slot = ? AND kind = 'refill' AND moves.at_ms >= evidence.at_ms)`,
  )

  function move(
    deviceId: string,
    slot: string,
    change: { kind: string; content: number; reserve: number; packContent: number; orderId?: string },
    atMs: number,
  ): void {
    write.run({ deviceId, slot, ...change })
    insertMove.run({ deviceId, slot, atMs, orderId: null, ...change })
  }
  const of = (deviceId: string, slot: string): Reserve => read.get(deviceId, slot) ?? { reserve: 0, pack_content: 0 }

  /** Somebody poured so much in. */
  function refilled(deviceId: string, slot: string, content: number, atMs: number): void {
    const { reserve, pack_content } = of(deviceId, slot)
    if (reserve === 0) return
    const left = onHandAfterRefill(reserve, content, pack_content)
    move(deviceId, slot, { kind: 'refill', content: left - reserve, reserve: left, packContent: pack_content }, atMs)
  }

  return {
    refilled,
    /** So much is no longer there, by what the level tells. */
    used(deviceId: string, slot: string, content: number, atMs: number): void {
      const { reserve, pack_content } = of(deviceId, slot)
      const change = { kind: 'used', content: -content, reserve: reserve - content, packContent: pack_content }
      move(deviceId, slot, change, atMs)
    },
    /** The seller sent them; `refilledAtMs` is the last refill that was read, which may have been of these. */
    shipped(deviceId: string, slot: string, order: MovableStock, refilledAtMs: number | undefined, atMs: number): void {
      const { orderId, content, packContent } = order
      const reserve = of(deviceId, slot).reserve + content
      move(deviceId, slot, { kind: 'shipped', content, reserve, packContent, orderId }, atMs)
      if (refilledAtMs !== undefined && untaken.get(orderId, refilledAtMs, deviceId, slot) !== undefined) {
        refilled(deviceId, slot, packContent, atMs)
      }
    },
    /** They never came. */
    returned(deviceId: string, slot: string, order: MovableStock, atMs: number): void {
      const { reserve, pack_content } = of(deviceId, slot)
      const left = Math.max(0, reserve - order.content)
      const change = { kind: 'returned', content: left - reserve, reserve: left, packContent: pack_content }
      move(deviceId, slot, { ...change, orderId: order.orderId }, atMs)
    },
    /** The owner counted what is on the shelf; goods on their way come on top. */
    counted(
      deviceId: string,
      slot: string,
      content: number,
      onTheWay: number,
      packContent: number,
      atMs: number,
    ): void {
      const known = of(deviceId, slot)
      const reserve = content + onTheWay
      const pack = known.pack_content > 0 ? known.pack_content : packContent
      move(deviceId, slot, { kind: 'owner', content: reserve - known.reserve, reserve, packContent: pack }, atMs)
    },
    of,
  }
}
