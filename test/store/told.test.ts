import { afterEach, expect, it } from 'vitest'
import { sqliteDeliveryStore } from '../../gateway/store/feed.ts'
import { HOME, NOW_MS, temporaryStore } from '../broker/fixture.ts'

const store = temporaryStore()
afterEach(() => store.close())

it('tells a device each state of its orders once, over restarts, and a removed device none', async () => {
  await store.add('washer-1')
  await store.add('washer-2')
  const order = store.db.prepare(
    `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons)
     VALUES (?, '${HOME}', ?, 'detergent', '04006381333931', 1, 'auto', 'shipped', ${NOW_MS}, 1, ${NOW_MS}, '[]')`,
  )
  order.run('order-1', 'washer-1')
  order.run('order-2', 'washer-2')
  store.db.prepare(`UPDATE devices SET removed_at_ms = ? WHERE device_id = 'washer-2'`).run(NOW_MS)
  const untold = async () => (await sqliteDeliveryStore(store.db).untoldOrders(10)).map(({ orderId }) => orderId)
  expect(await untold()).toEqual(['order-1'])
  await sqliteDeliveryStore(store.db).devicesTold([{ orderId: 'order-1', state: 'shipped' }])
  expect(await untold()).toEqual([])
  store.db.prepare(`UPDATE orders SET state = 'delivered'`).run()
  expect(await untold()).toEqual(['order-1'])
})
