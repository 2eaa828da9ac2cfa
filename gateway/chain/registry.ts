import { abi } from '../../contracts/generated/DeviceRegistry.ts'
import { coder } from '../../contracts/typed.ts'
import type { Address, HexBytes } from '../domain/identifiers.ts'
import type { ChainEvent, RegisteredDevice } from '../ports/chain.ts'
import { type Connection, call } from './connection.ts'
import { DEVICE_STATES } from './refusals.ts'
import { RpcError, type RpcLog } from './rpc.ts'

export const registry = coder(abi)

/** What the registry says of a device; undefined when it was never made. */
export async function readDevice(connection: Connection, registryId: bigint): Promise<RegisteredDevice | undefined> {
  const answer = await call(connection, connection.facts.registry, registry.encode('deviceOf', [registryId]))
  const device = registry.decodeResult('deviceOf', answer)
  const state = DEVICE_STATES[device.state]
  if (state === undefined || state === 'none') return undefined
  return {
    state,
    key: device.key as Address,
    epoch: BigInt(device.epoch),
    owner: await ownerOf(connection, registryId),
  }
}

/** A retired device has none: its token is burned. */
async function ownerOf(connection: Connection, registryId: bigint): Promise<Address | undefined> {
  try {
    const answer = await call(connection, connection.facts.registry, registry.encode('ownerOf', [registryId]))
    return registry.decodeResult('ownerOf', answer) as Address
  } catch (error) {
    if (error instanceof RpcError) return undefined
    throw error
  }
}

export function registerCall(registryId: bigint, key: Address): HexBytes {
  return registry.encode('register', [registryId, key]) as HexBytes
}

type RegistryHappening =
  | { type: 'device-registered' | 'device-released'; registryId: bigint; epoch: number }
  | undefined

/** What a log of the registry says that concerns mandates. */
export function decodeRegistryLog(log: RpcLog): RegistryHappening {
  const event = registry.decodeLog(log)
  if (event?.name !== 'DeviceRegistered' && event?.name !== 'DeviceReleased') return undefined
  const type: ChainEvent['type'] = event.name === 'DeviceRegistered' ? 'device-registered' : 'device-released'
  return { type, registryId: event.args.deviceId, epoch: Number(event.args.epoch) }
}
