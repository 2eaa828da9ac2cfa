import { afterEach, expect, it } from 'vitest'
import { type Home, openHome, PRICE } from './home.ts'

let home: Home
afterEach(() => home.close())

async function runLow(rules: string) {
  home = await openHome(['detergent'], rules)
  await home.signMandate()
  await home.confirm('auto')
  await home.level(1400)
  home.clock.set(home.clock.nowMs() + 3_600_000)
  await home.level(800)
  home.clock.set(home.clock.nowMs() + 3_600_000)
  await home.level(250)
  return home.onlyOrder()
}
const rules = (budgets: string, when: string) => `
budgets: ${budgets}
rules:
  - { name: low, when: { level: { below: 20 % }${when} }, then: { order: { packs: 1 } } }
`

it('above a budget an order of mode auto waits for consent, and goes on with it', async () => {
  const order = await runLow(rules('[{ name: house, period: month, limit: "12.48" }]', ''))
  expect(order.state).toBe('awaiting-consent')
  const asked = (await home.feed()).find(({ kind }) => kind === 'consent-wanted')
  expect(asked?.text).toContain(
    'It costs 12.49 TUSD, and 0.00 TUSD of the 12.48 TUSD of your budget "house" for this month',
  )
  expect(await home.balance(home.chain.facts.escrow)).toBe(0n)
  await home.actions.consent(home.homeId, order.orderId, 'yes', 'owner')
  await home.drain()
  expect((await home.onlyOrder()).state).toBe('authorized')
  expect(await home.balance(home.chain.facts.escrow)).toBe(PRICE)
})

it('above the price of its rule too', async () => {
  const order = await runLow(rules('[]', ', price: { atMost: "12.48" }'))
  expect(order.state).toBe('awaiting-consent')
  expect(order.steps.at(-1)?.reason).toContain('the rule "low" allows 12.48 each.')
})

it('within both it asks nobody', async () => {
  const order = await runLow(rules('[{ name: house, period: month, limit: "12.49" }]', ', price: { atMost: "12.49" }'))
  expect(order.state).toBe('authorized')
})

async function twoSlotsForOneOpenOrder() {
  home = await openHome(['detergent', 'softener'])
  await home.signMandate({ maxOpenOrders: 1 })
  await home.confirm('auto')
  for (const level of [1400, 800, 250]) {
    await home.level(level)
    home.clock.set(home.clock.nowMs() + 3_600_000)
  }
  return home.orders()
}
const states = async () => (await home.orders()).map(({ state }) => state).toSorted()

it('beyond the open orders of its mandate an order waits for another to end', async () => {
  const orders = await twoSlotsForOneOpenOrder()
  expect(await states()).toEqual(['authorized', 'quoted'])
  const { orderId } = orders.find(({ state }) => state === 'authorized')!
  await home.actions.cancel(home.homeId, orderId, 'owner')
  await home.pass(60_000)
  expect(await states()).toEqual(['authorized', 'cancelled'])
})

it('but not beyond its quote', async () => {
  await twoSlotsForOneOpenOrder()
  await home.pass(3_600_000)
  expect(await states()).toEqual(['authorized', 'dropped'])
  expect((await home.feed()).at(-1)?.text).toContain('The mandate allows 1 open orders at a time.')
})
