import { afterEach, expect, it } from 'vitest'
import { escrow } from '../../contracts/escrow.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
afterEach(() => home.close())

const CAP = { allowance: 20_000_000n, periodSeconds: 30 * 86_400 }
const request = (limits: object = {}) => ({
  homeId: home.homeId,
  deviceId: 'washer-1',
  sellerUrl: 'http://shop.test',
  allowance: 50_000_000n,
  periodSeconds: 30 * 86_400,
  maxPerOrder: 20_000_000n,
  coolingOffSeconds: 0,
  days: 365,
  household: CAP,
  ...limits,
})

it('orders of a household stop at its shared cap, though each mandate allows more', async () => {
  home = await openHome(['detergent', 'softener'])
  const file = await home.signMandate({ coolingOffSeconds: 0, maxPerOrder: 20_000_000n, household: CAP })
  expect(file.readable).toContain(
    'All devices of the household together: at most 20.00 TUSD in each period of 30 days.',
  )
  expect(await home.chain.mandateStatus(file.mandate)).toMatchObject({
    status: 'granted',
    household: { ...CAP, spent: 0n },
  })
  await home.confirm('auto')
  for (const remaining of [1400, 800, 250]) {
    await home.level(remaining)
    await home.pass(HOUR_MS)
  }
  const states = (await home.orders()).map(({ state }) => state).toSorted()
  expect(states).toEqual(['dropped', 'due'])
  expect(await home.chain.mandateStatus(file.mandate)).toMatchObject({ household: { spent: PRICE } })
  expect((await home.feed()).find(({ kind }) => kind === 'limit-reached')?.text).toContain(
    "It costs 12.49 TUSD, but 12.49 TUSD of the household's 20.00 TUSD for this period are spent.",
  )
})

it('a sixth device finds no place, a wallet of its own is told what to send, and a cap below one order is a mistake', async () => {
  home = await openHome()
  for (let device = 0; device < 5; device++) await home.signMandate({ maxPerOrder: 20_000_000n, household: CAP })
  await expect(home.signMandate({ maxPerOrder: 20_000_000n, household: CAP })).rejects.toThrow(
    "5 mandates share the household's cap already, and 5 may. Revoke one of them first.",
  )
  expect(await home.verbs.draft(request({ maxPerOrder: 21_000_000n }))).toEqual({
    ok: false,
    sentence: expect.stringContaining('raise --household-allowance'),
  })

  const payer = `0x${'12'.repeat(20)}` as const
  const drafted = await home.verbs.draft(request({ payer }))
  if (!drafted.ok) throw new Error(drafted.sentence)
  // A contract wallet that calls every signature its own.
  await home.connection.rpc.send('anvil_setCode', [payer, '0x631626ba7e60e01b60005260206000f3'])
  const call = escrow.encode('setHousehold', [home.chain.facts.token.address, 1n, CAP.allowance, CAP.periodSeconds])
  expect(await home.verbs.sign(home.homeId, drafted.draft, '0x12')).toEqual({
    ok: false,
    sentence: expect.stringContaining(
      `set the household's cap: a transaction to ${home.chain.facts.escrow} with the data ${call}`,
    ),
  })
})
