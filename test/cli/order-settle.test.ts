import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { placedOrder } from '../web/placed-orders.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

// Each test starts several processes, at 0.2 s of a free core each.
vi.setConfig({ testTimeout: 60_000 })

const ORDER = 'aaaa1111-0000-4000-8000-000000000001'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
  gateway.orders.push(placedOrder(ORDER, { state: 'shipped' }))
})
afterEach(() => gateway.stop())
const { run: adept, json } = adeptOn(() => gateway.dataFolder)

test('a settlement is looked at, agreed to, or signed by a wallet outside', async () => {
  const [looked, agreed, outside] = await Promise.all([
    adept('order', 'settle', 'aaaa1'),
    adept('order', 'settle', 'aaaa1', '--to-seller', '5.00'),
    adept('order', 'settle', 'aaaa1', '--to-seller', '4', '--typed-data'),
  ])
  expect(looked.out).toMatch(
    /^12\.49 USDT is held for this order\. The seller would take 5\.00 USDT; 7\.49 USDT would come back to you\. It stands until 2030-03-17 17:46:40; agree with --to-seller 5\.00\.\n$/,
  )
  expect(agreed).toEqual({ code: 0, err: '', out: 'Noted: settle.\n' })
  expect(JSON.parse(outside.out)).toEqual({ primaryType: 'Settlement' })
  expect(outside.err).toMatch(
    /then: adept order settle aaaa1 --to-seller 4 --valid-before 2000000000 --signature 0x…\n$/,
  )
  const how = ['--to-seller', '4', '--valid-before', '2000000000', '--signature', '0xab12']
  expect(await json('order', 'settle', 'aaaa1', ...how)).toEqual({ orderId: ORDER, sentence: 'Noted: settle.' })
  expect(gateway.asked.filter((it) => it !== 'changed')).toEqual([
    { verb: 'settle', orderId: ORDER, who: 'owner', toSeller: 5_000_000n, by: 'gateway-wallet' },
    {
      ...{ verb: 'settle', orderId: ORDER, who: 'owner', toSeller: 4_000_000n },
      ...{ validBefore: 2_000_000_000, by: '0xab12' },
    },
  ])
})

test('cancelling and disputing may be signed by the wallet that pays', async () => {
  const typed = await adept('order', 'dispute', 'aaaa1', '--typed-data')
  expect(JSON.parse(typed.out)).toEqual({ primaryType: 'Dispute' })
  expect(typed.err).toContain('adept order dispute aaaa1 --signature 0x…')
  await adept('order', 'dispute', 'aaaa1', '--signature', '0xab12')
  await adept('order', 'cancel', 'aaaa1', '--signature', '0xab12')
  expect(gateway.asked.filter((it) => it !== 'changed')).toEqual([
    { verb: 'dispute', orderId: ORDER, who: 'owner', signature: '0xab12' },
    { verb: 'cancel', orderId: ORDER, who: 'owner', signature: '0xab12' },
  ])
})

test('what was mistyped is a sentence, and nothing is done', async () => {
  const wrong = await Promise.all([
    adept('order', 'settle', 'aaaa1', '--to-seller', 'half'),
    adept('order', 'settle', 'aaaa1', '--to-seller', '4', '--signature', 'mine'),
    adept('order', 'settle', 'aaaa1', '--to-seller', '4', '--valid-before', 'soon'),
    adept('order', 'dispute', 'aaaa1', '--signature', '0x1'),
  ])
  expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2])
  expect(wrong.map(({ err }) => err).join('')).toMatch(
    /half is no amount[\s\S]*signature[\s\S]*seconds since 1970[\s\S]*signature/,
  )
  expect(gateway.asked).toEqual([])
  expect((await adept('order', 'settle', '--help')).out).toMatch(/see its offer, agree to it, or make\s+one/)
})
