import type { Chain, PayerWallet, RegisteredDevice } from '../ports/chain.ts'
import type { DeviceStore } from '../ports/devices.ts'
import type { RegistrationStore } from '../ports/mandates.ts'
import type { ActionResult } from '../ports/orders.ts'
import { unknownDevice } from './mandate-draft.ts'
import { no, yes } from './results.ts'

/**
 * Ties a device of the home to one of the registry on chain, whose owner says there that the device's key signs for it.
 * Mandates signed from then on name it, and end in the transaction in which it changes hands. Without an id the gateway's
 * wallet makes one for an appliance that has none; another owner's wallet is told what to send.
 */
export async function registerDevice(
  { homeId, deviceId, registryId }: { homeId: string; deviceId: string; registryId: bigint | undefined },
  ports: {
    devices: Pick<DeviceStore, 'get'>
    registrations: RegistrationStore
    chain: Pick<Chain, 'registeredDevice' | 'registerCall' | 'facts'>
    wallet: PayerWallet | undefined
  },
): Promise<ActionResult> {
  const { chain, wallet, registrations } = ports
  const device = await ports.devices.get(homeId, deviceId)
  if (device === undefined) return no(unknownDevice(deviceId))
  const known = registryId ?? (await registrations.of(homeId, deviceId))
  if (known === undefined) {
    if (wallet === undefined)
      return no('Give the number of the device in the registry, as its maker tells it, with --registry-id.')
    return keep(await wallet.makeDevice(device.keyAddress))
  }
  const registered = await chain.registeredDevice(known)
  if (registered === undefined) return no(`The registry knows no device ${hex(known)}. Correct --registry-id.`)
  if (registered.key === device.keyAddress) return keep(known)
  const hindrance = hindranceIn(registered)
  if (hindrance !== undefined) return no(hindrance)
  if (wallet === undefined || wallet.address !== registered.owner) {
    return no(
      `Let its owner ${registered.owner} send a transaction to the registry ${chain.facts.registry} with the data ` +
        `${chain.registerCall(known, device.keyAddress)}. Then say this again.`,
    )
  }
  await wallet.registerDevice(known, device.keyAddress)
  return keep(known)

  async function keep(id: bigint): Promise<ActionResult> {
    await registrations.set(deviceId, id)
    return yes(
      `${deviceId} is registered as ${hex(id)}. The next mandate names it (\`adept mandate sign ${deviceId}\`) and ends when it ` +
        'changes hands; a mandate before it does not.',
    )
  }
}

function hindranceIn({ state }: RegisteredDevice): string | undefined {
  if (state === 'retired') return 'This device was retired, which is for good.'
  return state === 'made' ? 'This device was made but not sold: its maker must sell it first.' : undefined
}

/** As explorers and makers write it. */
export function hex(registryId: bigint): string {
  return `0x${registryId.toString(16).padStart(64, '0')}`
}
