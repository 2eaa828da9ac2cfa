import { setTimeout } from 'node:timers/promises'
import { AbiCoder } from 'ethers/abi'
import { getCreate2Address } from 'ethers/address'
import { ZeroHash } from 'ethers/constants'
import { keccak256 } from 'ethers/crypto'
import type { Provider, Signer, TransactionReceipt } from 'ethers/providers'
import { concat } from 'ethers/utils'
import { bytecode as registryBytecode } from './generated/DeviceRegistry.ts'
import { bytecode as escrowBytecode } from './generated/OrderEscrow.ts'
import { bytecode as testDollarBytecode } from './generated/TestDollar.ts'

/**
 * The CREATE2 deployer which most chains have at this address; anvil has it from the start. An address made with it
 * depends on the code alone: a repeat finds the code in place, whoever deployed it. Nobody gains by being first,
 * because the contracts have no owner.
 */
export const DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
const SALT = ZeroHash

const POLL_MS = 100
const POLLS = 1200

/** A contract with its creation code, arguments included, and the address that follows from it. */
export type Deployable = { name: string; initCode: string; address: string }

const registry = deployable('DeviceRegistry', registryBytecode)
/** The escrow asks this registry, and no other. */
const registryArgument = AbiCoder.defaultAbiCoder().encode(['address'], [registry.address])
const orderEscrow = deployable('OrderEscrow', concat([escrowBytecode, registryArgument]))
const testDollar = deployable('TestDollar', testDollarBytecode)

/** What every chain needs, in the order of deployment. */
export const CORE: readonly Deployable[] = [registry, orderEscrow]
/** What a development chain needs beside it. */
export const TEST_DOLLAR: Deployable = testDollar

/** Where the device registry is, or will be, on every chain. */
export const REGISTRY_ADDRESS = registry.address
/** Where the escrow is, or will be, on every chain. */
export const ESCROW_ADDRESS = orderEscrow.address
/** Where the test dollar is, or will be, on a development chain. */
export const TEST_DOLLAR_ADDRESS = testDollar.address

/**
 * Puts the escrow and its registry on the signer's chain unless they are there; returns the escrow's address. The
 * provider of the signer must not cache (`cacheTimeout: -1`), or the second of two calls gets a used nonce.
 */
export async function deployEscrow(signer: Signer): Promise<string> {
  for (const contract of CORE) await deploy(signer, contract)
  return ESCROW_ADDRESS
}

/** The same for the test dollar. */
export async function deployTestDollar(signer: Signer): Promise<string> {
  await deploy(signer, testDollar)
  return testDollar.address
}

/** The transaction that deploys it. */
export function deploymentOf({ initCode }: Deployable): { to: string; data: string } {
  return { to: DEPLOYER, data: concat([SALT, initCode]) }
}

export async function isDeployed(provider: Provider, { address }: Deployable): Promise<boolean> {
  return (await provider.getCode(address)) !== '0x'
}

/** Throws a sentence when the chain lacks the CREATE2 deployer. */
export async function checkDeployer(provider: Provider): Promise<void> {
  if ((await provider.getCode(DEPLOYER)) !== '0x') return
  throw new Error(`This chain has no CREATE2 deployer at ${DEPLOYER}; it must be deployed first.`)
}

/** What a receipt tells of a deployment. */
export type Included = { txHash: string; blockNumber: number; gasUsed: bigint }

/** Returns the receipt's facts; undefined when the contract was there already. `onSent` hears of the transaction at once. */
export async function deploy(
  signer: Signer,
  contract: Deployable,
  onSent: (txHash: string) => void = () => undefined,
): Promise<Included | undefined> {
  const { provider } = signer
  if (provider === null) throw new Error('The signer is not connected to a chain.')
  if (await isDeployed(provider, contract)) return undefined
  await checkDeployer(provider)
  const { hash } = await signer.sendTransaction(deploymentOf(contract))
  onSent(hash)
  for (let poll = 0; poll < POLLS; poll += 1) {
    const receipt = await provider.getTransactionReceipt(hash)
    // A reverted deployment is fine when somebody else's came first: the code decides.
    if (receipt !== null && (await isDeployed(provider, contract))) return includedIn(receipt)
    if (receipt !== null) throw new Error(`Deployment ${hash} was included but left no code at ${contract.address}.`)
    await setTimeout(POLL_MS)
  }
  throw new Error(`Deployment ${hash} was not included within ${(POLLS * POLL_MS) / 1000} seconds; try again later.`)
}

/** The same of a transaction that was sent before; undefined when it is in no block. */
export async function includedBefore(provider: Provider, txHash: string): Promise<Included | undefined> {
  const receipt = await provider.getTransactionReceipt(txHash)
  return receipt === null ? undefined : includedIn(receipt)
}

function includedIn({ hash, blockNumber, gasUsed }: TransactionReceipt): Included {
  return { txHash: hash, blockNumber, gasUsed }
}

function deployable(name: string, initCode: string): Deployable {
  return { name, initCode, address: getCreate2Address(DEPLOYER, SALT, keccak256(initCode)) }
}
