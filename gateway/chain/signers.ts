import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { SigningKey } from 'ethers'
import { escrow } from '../../contracts/escrow.ts'
import type { HexBytes } from '../domain/identifiers.ts'
import { HOME_HOUSEHOLD } from '../domain/mandate.ts'
import type { ChainFacts, DeviceSigner, PayerWallet } from '../ports/chain.ts'
import type { DeviceStore } from '../ports/devices.ts'
import { buyersWords } from './agreements.ts'
import { type Connection, call, erc20, estimateGas } from './connection.ts'
import { digestsOf, signDigest } from './digests.ts'
import { escrowSend } from './escrow.ts'
import { householdCall, readHousehold } from './households.ts'
import type { Keyring } from './keys.ts'
import { readDevice, registerCall, registry } from './registry.ts'
import { RpcError } from './rpc.ts'
import type { Sender } from './sender.ts'

/** ERC-20's "as much as it likes": what the escrow may take is bounded by the mandates that the payer signs. */
const UNLIMITED = 2n ** 256n - 1n
/** Below this the wallet is asked again; more than any order costs. */
const ENOUGH = 2n ** 96n
/** The device has no model and no firmware that its maker tells. */
const NOTHING = `0x${'0'.repeat(64)}` as const
const CHAIN_POLL_MS = 20
const CHAIN_POLLS = 1_500

/** `DeviceSigner` over the sealed keys of the store; a key is in memory only while it signs. */
export function deviceSigner(
  keyring: Keyring,
  devices: Pick<DeviceStore, 'sealedKeyOf'>,
  facts: Pick<ChainFacts, 'chainId' | 'escrow'>,
): DeviceSigner {
  const digests = digestsOf(facts)
  async function sign(deviceId: string, digest: `0x${string}`): Promise<HexBytes> {
    const sealed = await devices.sealedKeyOf(deviceId)
    if (sealed === undefined) throw new Error(`The device ${deviceId} is not known, so it cannot sign.`)
    return signDigest(keyring.openDeviceKey(deviceId, sealed), digest)
  }
  return {
    authorization: (deviceId, authorization) => sign(deviceId, digests.authorization(authorization)),
    confirmation: (deviceId, { shipment, deliveries }) =>
      sign(deviceId, digests.confirmation(deliveries.map((delivery) => ({ ...delivery, shipment })))),
    cancellation: (deviceId, authorizationId) => sign(deviceId, digests.cancellation(authorizationId)),
    dispute: (deviceId, authorizationId) => sign(deviceId, digests.dispute(authorizationId)),
    invalidation: (deviceId, mandateHash, nonce) => sign(deviceId, digests.invalidation(mandateHash, nonce)),
  }
}

/** `PayerWallet` with a key that the gateway has: for the embedded chain only. `sender` pays its gas with the same key. */
export function payerWallet(connection: Connection, sender: Sender, key: SigningKey): PayerWallet {
  const digests = digestsOf(connection.facts)
  const send = escrowSend(connection, sender)
  async function toRegistry(data: string, purpose: string): Promise<void> {
    const to = connection.facts.registry
    const gasLimit = await estimateGas(connection, { from: sender.address, to, data })
    await sender.sendAlone({ to, data: data as HexBytes, gasLimit, purpose })
  }
  return {
    address: sender.address,
    sign: async (mandate) => signDigest(key, digests.mandate(mandate)),
    signWord: async (word) => signDigest(key, buyersWords(connection.facts).digest(word)),
    allow: () => allowEscrow(connection, sender, { atLeast: ENOUGH, allow: UNLIMITED }),
    async setHousehold(cap) {
      const { facts } = connection
      const data = householdCall(facts, cap)
      const gasLimit = await estimateGas(connection, { from: sender.address, to: facts.escrow, data })
      await sender.sendAlone({ to: facts.escrow, data, gasLimit, purpose: "set the household's cap" })
      const mandate = { payer: sender.address, token: facts.token.address, household: HOME_HOUSEHOLD }
      await untilOnChain("the household's cap", async () => (await readHousehold(connection, mandate)) !== undefined)
    },
    async registerDevice(registryId, key) {
      await toRegistry(registerCall(registryId, key), 'register a device')
      await untilOnChain('the registration', async () => (await readDevice(connection, registryId))?.key === key)
    },
    async makeDevice(key) {
      const serialHash = `0x${randomBytes(32).toString('hex')}` as const
      const idCall = registry.encode('deviceIdOf', [sender.address, serialHash])
      const id = registry.decodeResult('deviceIdOf', await call(connection, connection.facts.registry, idCall))
      const is = (state: string) => async () => (await readDevice(connection, id))?.state === state
      await toRegistry(registry.encode('make', [serialHash, NOTHING, NOTHING]), 'make a device in the registry')
      await untilOnChain('the device', is('made'))
      await toRegistry(registry.encode('sell', [id, sender.address, 0]), 'sell it to its owner')
      await untilOnChain('its sale', is('sold'))
      await this.registerDevice(id, key)
      return id
    },
    revoke: (mandate, save) => send('revoke a mandate', escrow.encode('revoke', [mandate]), save),
  }
}

/** Lets the escrow take tokens of the sender's account, unless it may already; resolves when that is on chain. */
export async function allowEscrow(
  connection: Connection,
  sender: Sender,
  { atLeast, allow }: { atLeast: bigint; allow: bigint },
): Promise<void> {
  const { facts } = connection
  const token = facts.token.address
  const question = erc20.encode('allowance', [sender.address, facts.escrow])
  const isEnough = async () => erc20.decodeResult('allowance', await call(connection, token, question)) >= atLeast
  if (await isEnough()) return
  const data = erc20.encode('approve', [facts.escrow, allow]) as HexBytes
  const gasLimit = await estimateGas(connection, { from: sender.address, to: token, data })
  await sender.sendAlone({ to: token, data, gasLimit, purpose: 'let the escrow take tokens' })
  await untilOnChain('the allowance', isEnough)
}

/** A node that takes in a block just now may mix its state with the time of the block before: a refused call asks again. */
async function untilOnChain(what: string, isThere: () => Promise<boolean>): Promise<void> {
  const notYet = (error: unknown) => (error instanceof RpcError ? false : Promise.reject(error))
  for (let poll = 0; poll < CHAIN_POLLS; poll++) {
    if (await isThere().catch(notYet)) return
    await wait(CHAIN_POLL_MS)
  }
  throw new Error(`It was sent, but ${what} is not on chain after 30 seconds; try again later.`)
}
