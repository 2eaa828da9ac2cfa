import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())
const { run: adept, json } = adeptOn(() => gateway.dataFolder)

test('an audit ends with 1 and names the first row when one differs from the chain', async () => {
  expect(await adept('audit')).toEqual({
    code: 0,
    out: '2 payments and 1 mandate agree with the chain; 12.49 USDT of this home is in the escrow.\n',
    err: '',
  })
  expect(await json('audit')).toMatchObject({ differing: 0, authorizations: 2 })
  const first = {
    table: 'mandates',
    id: '0xab',
    why: 'The mandate of washer: the database says granted, the chain revoked.',
  }
  gateway.audited.differing = 1
  gateway.audited.first = first
  expect(await adept('audit')).toMatchObject({
    code: 1,
    out: `2 payments and 1 mandate were compared with the chain: 1 row differs. The first is mandates 0xab:\n${first.why}\n`,
  })
  gateway.audited = Object.assign(gateway.audited, { differing: 0, unread: 2 })
  delete gateway.audited.first
  expect(await adept('audit')).toMatchObject({
    code: 1,
    out: expect.stringContaining('2 rows differ by blocks that are not confirmed'),
  })
})
