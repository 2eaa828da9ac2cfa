import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { HOUR_MS, type Home, openHome } from './home.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let home: Home
beforeEach(async () => {
  home = await openHome(['detergent', 'softener'])
  await home.signMandate({ coolingOffSeconds: 0 })
  await home.confirm('auto')
  for (const level of [1400, 800, 250]) {
    await home.level(level)
    await home.pass(HOUR_MS)
  }
  const terms = home.shop.messages.flatMap((message) => (message.kind === 'order' ? [message.terms] : []))
  expect(terms).toHaveLength(2)
  await home.selling.ship(
    terms.map((one) => ({ terms: one, shipment: `0x${'5'.repeat(64)}` })),
    home.transactions.save,
  )
  await home.pass(HOUR_MS)
  await home.level(1400)
})
afterEach(() => home?.close())

const confirmations = () => home.shop.messages.filter((message) => message.kind === 'confirmation')
const received = async (index: number) =>
  home.actions.received(home.homeId, (await home.orders())[index]!.orderId, 'owner')

it('what arrived in one parcel is confirmed with one signature, and paid in one', async () => {
  await received(0)
  await received(1)
  await home.drain()
  const [one, two, ...others] = confirmations()
  expect(others).toEqual([])
  expect(one).toEqual({ ...two, authorizationId: one!.authorizationId })
  expect(one!.deliveries.map(({ authorizationId }) => authorizationId)).toContain(two!.authorizationId)
  const before = await home.balance(home.selling.address)
  await home.capture()
  expect((await home.orders()).map(({ state }) => state)).toEqual(['completed', 'completed'])
  expect(await home.balance(home.selling.address)).toBe(before + 2n * 12_490_000n)
})

it('an order of the parcel that is disputed keeps no other from being paid', async () => {
  const [disputed, good] = await home.orders()
  await home.actions.dispute(home.homeId, disputed!.orderId, 'owner')
  await home.drain()
  await received(1)
  await home.drain()
  expect(confirmations().map((message) => message.deliveries)).toEqual([
    [{ authorizationId: good!.authorizationId, amount: 12_490_000n }],
  ])
  await home.capture()
  expect((await home.orders()).map(({ state }) => state)).toEqual(['disputed', 'completed'])
})
