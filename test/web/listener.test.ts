import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())

test('an address that is none is a sentence too', async () => {
  expect(await gateway.call('/%zz')).toEqual({ status: 400, body: { error: expect.stringMatching(/malformed/) } })
})

test('a port that another program has is named', async () => {
  const other = runGateway(Number(new URL(gateway.url).port))
  await expect(other).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+: another program uses it/)
})
