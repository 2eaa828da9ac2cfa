import { z } from 'zod'
import { Address } from '../../gateway/domain/identifiers.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import type { GatewayApi } from '../gateway-api.ts'
import type { HomePlan } from '../models/home.ts'
import { atOnce } from './at-once.ts'
import { deviceIdOf, homeIdOf } from './names.ts'
import { FLEET_LIMITS, PURSE_MINOR_UNITS } from './terms.ts'
import { openWallets, TypedData, Wallet } from './wallets.ts'

/** Requests that wait for an answer at a time. */
const AT_ONCE = 16

const Anything = z.looseObject({})
const NewDevice = z.object({ password: z.string() })
const Drafted = z.object({ draft: z.looseObject({}), typedData: TypedData })
const Status = z.object({
  chain: z.object({ chainId: z.int(), escrow: Address, token: z.object({ address: Address }) }),
})

export type HomeDevice = { home: number; device: number; deviceId: string; homeId: string }
type Progress = (phase: string) => void

/** Every device of the homes, in their order. */
export function devicesOf(plans: readonly HomePlan[]): HomeDevice[] {
  return plans.flatMap(({ index, devices }, home) =>
    devices.map(({ name }, device) => ({ home, device, deviceId: deviceIdOf(index, name), homeId: homeIdOf(index) })),
  )
}

/** Makes the homes and their devices known to the gateway; resolves to the password of each device. */
export async function registerHomes(
  plans: readonly HomePlan[],
  devices: readonly HomeDevice[],
  api: GatewayApi,
  onProgress: Progress,
): Promise<Map<string, string>> {
  onProgress(`adding ${plans.length} homes`)
  await atOnce(plans, AT_ONCE, async ({ index }) => {
    await api.post('/v1/homes', { homeId: homeIdOf(index), timeZone: 'UTC' }, Anything)
  })
  onProgress(`adding ${devices.length} devices`)
  const passwords = new Map<string, string>()
  await atOnce(devices, AT_ONCE, async ({ homeId, deviceId }) => {
    const { password } = await api.post(`/v1/devices?home=${homeId}`, { deviceId }, NewDevice)
    passwords.set(deviceId, password)
  })
  return passwords
}

/**
 * What the homeowners do once their devices have described themselves: each opens a wallet of its own, signs a mandate for
 * every device, and lets all slots buy. The mandates are on the chain when it resolves; the gateway learns it when time settles.
 */
export async function authorizeDevices(
  devices: readonly HomeDevice[],
  options: { api: GatewayApi; sellerUrl: string; rpcUrl: string; seed: string; onProgress: Progress },
): Promise<void> {
  const { api, sellerUrl, rpcUrl, seed, onProgress } = options
  const { chain } = await api.get('/v1/status', Status)
  const homeIds = [...new Set(devices.map(({ homeId }) => homeId))]
  onProgress(`opening ${homeIds.length} wallets`)
  const wallets = new Map(homeIds.map((homeId) => [homeId, new Wallet(new Seed(`payer ${seed} ${homeId}`))]))
  await openWallets([...wallets.values()], { ...chain, token: chain.token.address, rpcUrl }, PURSE_MINOR_UNITS)

  onProgress(`signing ${devices.length} mandates`)
  await atOnce(devices, AT_ONCE, async ({ homeId, deviceId }) => {
    const wallet = wallets.get(homeId)!
    const request = { deviceId, sellerUrl, payer: wallet.address, ...FLEET_LIMITS }
    const { draft, typedData } = await api.post(`/v1/mandates/draft?home=${homeId}`, request, Drafted)
    await api.post(`/v1/mandates?home=${homeId}`, { draft, signature: wallet.sign(typedData) }, Anything)
    await api.post(`/v1/devices/${deviceId}/confirm?home=${homeId}`, { mode: 'auto' }, Anything)
  })
}
