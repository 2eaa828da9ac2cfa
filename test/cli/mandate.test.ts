import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

// Each test starts several processes, at 0.2 s of a free core each.
vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())
const { run: adept, json } = adeptOn(() => gateway.dataFolder)

test('a mandate is signed only after its text was seen', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const unseen = await adept('mandate', 'sign', 'washer')
  expect(unseen).toMatchObject({ code: 2, err: expect.stringMatching(/add --yes/) })
  expect(unseen.out).toContain('ORDER WITH OBLIGATION TO PAY')
  expect(gateway.asked).toMatchObject([{ verb: 'draft', allowance: 50_000_000n, maxPerOrder: 25_000_000n, days: 365 }])

  const signed = await adept(
    'mandate',
    'sign',
    'washer',
    '--yes',
    '--period',
    '7d',
    '--allowance',
    '30',
    '--cooling-off',
    '0s',
  )
  expect(signed).toMatchObject({ code: 0, err: '' })
  expect(signed.out).toMatch(/ORDER WITH OBLIGATION TO PAY[\s\S]*Signed and sent\.\nMandate 0xabab/)
  expect(gateway.asked).toMatchObject([
    {},
    { verb: 'draft', allowance: 30_000_000n, periodSeconds: 604_800, coolingOffSeconds: 0 },
    { verb: 'sign', by: 'gateway-wallet' },
    'changed',
  ])
  expect((await adept('mandate', 'sign', 'undescribed', '--yes')).err).toMatch(/not told which products/)
})

test('a second mandate is signed in the knowledge of the first', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  await adept('mandate', 'sign', 'washer', '--yes')
  const sentence =
    /washer already has a mandate of 50\.00 USDT per 30 days in force; both will hold\. Revoke.*revoke 0xabababab`/
  expect((await adept('mandate', 'sign', 'washer')).out).not.toMatch(sentence)
  gateway.db.prepare(`UPDATE mandates SET state = 'granted'`).run()
  expect((await adept('mandate', 'sign', 'washer')).out).toMatch(sentence)
  const asJson = await adept('mandate', 'sign', 'washer', '--yes', '--json')
  expect(asJson.err).toMatch(sentence)
  expect(JSON.parse(asJson.out)).toMatchObject({ sentence: 'Signed and sent.' })
  expect((await adept('mandate', 'sign', 'dryer')).out).not.toMatch(sentence)
})

test('a wallet of its own signs the draft that was kept, and gets the call that revokes it', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const payer = `0x${'bb'.repeat(20)}`
  expect((await adept('mandate', 'sign', 'washer', '--signature', '0xab')).err).toMatch(
    /no draft for washer.*--typed-data/,
  )
  const typed = await adept('mandate', 'sign', 'washer', '--payer', payer, '--typed-data')
  expect(JSON.parse(typed.out)).toEqual({ primaryType: 'Mandate' })
  expect(typed.err).toMatch(/OBLIGATION TO PAY[\s\S]*Sign this with 0xbb/)
  const other = await adept('mandate', 'sign', 'washer', '--payer', `0x${'cc'.repeat(20)}`, '--signature', '0xab')
  expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/is for the wallet 0xbb/) })
  expect((await adept('mandate', 'sign', 'washer', '--payer', payer, '--signature', '0xab')).code).toBe(0)
  expect(gateway.asked).toContainEqual({ verb: 'sign', by: '0xab', allowance: 50_000_000n })

  expect((await adept('mandate', 'show')).out).toMatch(/^0xabab.*\nwasher: signed/)
  expect(await json('mandate', 'show')).toMatchObject([
    { revokeCall: { from: payer, to: `0x${'e5'.repeat(20)}`, data: expect.stringMatching(/^0x[0-9a-f]{1096}$/) } },
  ])
})

test('a mandate is revoked by its hash, a beginning of it, or its device', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  await adept('mandate', 'sign', 'washer', '--yes')
  for (const name of ['washer', '0xabab', `0x${'ab'.repeat(32)}`]) {
    expect(await adept('mandate', 'revoke', name)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/revocation was sent/),
    })
  }
  expect(gateway.asked.filter((it) => (it as { verb?: string }).verb === 'revoke')).toHaveLength(3)
  expect(await adept('mandate', 'revoke', 'dryer')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no mandate dryer/),
  })
})
