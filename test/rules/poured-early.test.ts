import { afterEach, expect, it } from 'vitest'
import { type HomeRecord, openRecord } from './record.ts'

let home: HomeRecord
afterEach(() => home.close())

// A reorg may take a shipping back while the goods are poured in; its log comes again later, and the refill is its evidence.
it.each([
  ['nothing', 0],
  ['a pack that was bought before', 1400],
])(
  'a refill before the news of a shipping takes its goods from the books when the shelf held %s',
  async (_what, left) => {
    home = await openRecord()
    home.grant()
    await home.confirm('auto')
    await home.days(30, 45, 1400)
    const { orderId } = home.orders()[0]!
    home.quote(orderId, 12_490_000n)
    await home.level(1390)
    await home.drain()
    if (left > 0) {
      home.db.exec(`INSERT INTO stock_moves (device_id, slot, at_ms, kind, content, reserve_after)
      SELECT device_id, slot, last_refill_at_ms, 'refill', -1400, 0 FROM slots`)
    }
    home.db
      .prepare(
        `INSERT INTO evidence (order_id, kind, detail, at_ms) SELECT ?, 'refill', '', last_refill_at_ms FROM slots`,
      )
      .run(orderId)
    home.moveOrder(orderId, 'shipped')
    await home.drain()
    expect(home.reserve()).toBe(left)
  },
)
