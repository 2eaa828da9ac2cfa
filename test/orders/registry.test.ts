import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readDevice, registry } from '../../gateway/chain/registry.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { HOUR_MS, type Home, openHome } from './home.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const FRIEND: Address = `0x${'f1'.repeat(20)}`
const SERIAL = `0x${'5e'.repeat(32)}` as const
const NOTHING = `0x${'0'.repeat(64)}` as const

let home: Home
beforeEach(async () => {
  home = await openHome()
})
afterEach(() => home?.close())

const register = (registryId?: bigint) => home.verbs.register(home.homeId, 'washer-1', registryId)
const mandateStates = () => home.db.prepare<[], string>('SELECT state FROM mandates ORDER BY rowid').pluck().all()
const lastText = async () => (await home.feed()).at(-1)?.text ?? ''
const states = async () => (await home.orders()).map(({ state }) => state)

async function sendAs(from: Address, data: string): Promise<void> {
  const { rpc } = home.connection
  await rpc.send('anvil_impersonateAccount', [from])
  await rpc.send('anvil_setBalance', [from, '0x56bc75e2d63100000'])
  await rpc.send('eth_sendTransactionSync', [{ from, to: home.chain.facts.registry, data, gas: '0x4c4b40' }])
  await rpc.send('anvil_stopImpersonatingAccount', [from])
  await home.drain()
}
async function runLow(): Promise<void> {
  for (const level of [1400, 800, 250]) {
    await home.level(level)
    await home.pass(HOUR_MS)
  }
}

it('a device that the wallet registered is named in its mandate, which ends in the block of its transfer', async () => {
  expect(await register()).toEqual({
    ok: true,
    sentence: expect.stringMatching(/washer-1 is registered as 0x[0-9a-f]{64}/),
  })
  const { mandate, readable } = await home.signMandate({ coolingOffSeconds: 0 })
  const device = await readDevice(home.connection, mandate.deviceId)
  expect(device).toMatchObject({ state: 'registered', key: mandate.deviceKey, owner: home.wallet.address })
  expect(mandate.deviceEpoch).toBe(device!.epoch)
  expect(readable).toContain(`It is device 0x${mandate.deviceId.toString(16).padStart(64, '0')} of the registry`)
  await home.confirm('auto')
  await runLow()
  expect(await states()).toEqual(['due'])

  await sendAs(home.wallet.address, registry.encode('transferFrom', [home.wallet.address, FRIEND, mandate.deviceId]))
  expect(mandateStates()).toEqual(['ended'])
  expect(await lastText()).toMatch(/^washer-1 was sold, given to a new owner or retired .* its mandate has ended/)
  // What is placed goes on; nothing more is placed.
  await home.ship()
  expect(await states()).toEqual(['shipped'])
  expect(await home.verbs.draft({ ...LIMITS, homeId: home.homeId })).toMatchObject({
    ok: false,
    sentence: expect.stringContaining('The registry has another key for washer-1, or none'),
  })
  expect(await register()).toMatchObject({
    ok: false,
    sentence: expect.stringContaining(`Let its owner ${FRIEND} send`),
  })

  await home.connection.rpc.send('anvil_reorg', [2, []])
  await home.drain()
  expect(mandateStates()).toEqual(['granted'])
})

it("a maker's device is registered by its owner, and a new key ends the mandate", async () => {
  const maker: Address = `0x${'3a'.repeat(20)}`
  const id = registry.decodeResult(
    'deviceIdOf',
    (await home.connection.rpc.send('eth_call', [
      { to: home.chain.facts.registry, data: registry.encode('deviceIdOf', [maker, SERIAL]) },
      'latest',
    ])) as string,
  )
  expect(await register(id)).toMatchObject({ ok: false, sentence: expect.stringContaining('knows no device') })
  await sendAs(maker, registry.encode('make', [SERIAL, NOTHING, NOTHING]))
  expect(await register(id)).toMatchObject({ ok: false, sentence: expect.stringContaining('its maker must sell it') })
  await sendAs(maker, registry.encode('sell', [id, home.wallet.address, 0]))
  expect(await register(id)).toMatchObject({ ok: true })
  expect(await register(id)).toMatchObject({ ok: true })
  const { mandate } = await home.signMandate()
  expect(mandate).toMatchObject({ deviceId: id, deviceEpoch: 3n })

  await sendAs(home.wallet.address, home.chain.registerCall(id, FRIEND))
  expect(mandateStates()).toEqual(['ended'])
  expect(await lastText()).toMatch(/^washer-1 was registered anew/)
  expect(await register()).toMatchObject({ ok: true })
  expect((await home.signMandate()).mandate.deviceEpoch).toBe(5n)
  expect(mandateStates()).toEqual(['ended', 'granted'])

  await sendAs(home.wallet.address, registry.encode('retire', [id]))
  expect(mandateStates()).toEqual(['ended', 'ended'])
  expect(await register()).toMatchObject({ ok: false, sentence: expect.stringContaining('retired, which is for good') })
})

it('what happens to devices of others, and to mandates that name none, ends nothing', async () => {
  const { mandate } = await home.signMandate()
  expect(mandate).toMatchObject({ deviceId: 0n, deviceEpoch: 0n })
  await register()
  await sendAs(FRIEND, registry.encode('make', [SERIAL, NOTHING, NOTHING]))
  await register()
  expect(mandateStates()).toEqual(['granted'])
  expect(await home.verbs.register(home.homeId, 'dryer-9', undefined)).toMatchObject({ ok: false })
})

const LIMITS = {
  ...{ deviceId: 'washer-1', sellerUrl: 'http://shop.test', allowance: 50_000_000n, periodSeconds: 30 * 86_400 },
  ...{ maxPerOrder: 25_000_000n, coolingOffSeconds: 0, days: 365 },
}
