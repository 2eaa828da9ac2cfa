import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  AbiCoder,
  concat,
  getCreate2Address,
  isError,
  JsonRpcProvider,
  keccak256,
  type Signer,
  Wallet,
  ZeroHash,
} from 'ethers'
import { bytecode as registryBytecode } from './generated/DeviceRegistry.ts'
import { bytecode as escrowBytecode } from './generated/OrderEscrow.ts'
import { bytecode as testDollarBytecode } from './generated/TestDollar.ts'

const HELP = `Deploys the order escrow, unless it is already there, and prints its address.

Usage: node contracts/deploy.ts --rpc-url <url> --key-file <file> [--test-dollar]

  --rpc-url       JSON-RPC endpoint of the chain
  --key-file      file with the private key that pays the gas, as 0x and 64 hex digits
  --test-dollar   deploy the test dollar too: anyone can mint it, so for development chains only
  --help          show this text
`

/**
 * The CREATE2 deployer which most chains have at this address; anvil has it from the start. An address made with it
 * depends on the code alone: a repeat finds the code in place, whoever deployed it. Nobody gains by being first,
 * because the contracts have no owner and no arguments.
 */
const DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
const SALT = ZeroHash

const POLL_MS = 100
const POLLS = 1200

/** Where the device registry is, or will be, on every chain. */
export const REGISTRY_ADDRESS = addressOf(registryBytecode)

/** The escrow asks this registry, and no other. */
const escrowInitCode = concat([escrowBytecode, AbiCoder.defaultAbiCoder().encode(['address'], [REGISTRY_ADDRESS])])

/** Where the escrow is, or will be, on every chain. */
export const ESCROW_ADDRESS = addressOf(escrowInitCode)

/** Where the test dollar is, or will be, on a development chain. */
export const TEST_DOLLAR_ADDRESS = addressOf(testDollarBytecode)

/**
 * Puts the escrow and its registry on the signer's chain unless they are there; returns the escrow's address. The provider of the signer must not
 * cache (`cacheTimeout: -1`), or the second of two calls gets a used nonce.
 */
export async function deployEscrow(signer: Signer): Promise<string> {
  await deploy(signer, registryBytecode)
  return await deploy(signer, escrowInitCode)
}

/** The same for the test dollar. */
export async function deployTestDollar(signer: Signer): Promise<string> {
  return await deploy(signer, testDollarBytecode)
}

async function deploy(signer: Signer, bytecode: string): Promise<string> {
  const provider = signer.provider
  if (provider === null) throw new Error('The signer is not connected to a chain.')
  const address = addressOf(bytecode)
  if ((await provider.getCode(address)) !== '0x') return address
  if ((await provider.getCode(DEPLOYER)) === '0x') {
    throw new Error(`This chain has no CREATE2 deployer at ${DEPLOYER}; it must be deployed first.`)
  }
  const { hash } = await signer.sendTransaction({ to: DEPLOYER, data: concat([SALT, bytecode]) })
  for (let poll = 0; poll < POLLS; poll += 1) {
    const receipt = await provider.getTransactionReceipt(hash)
    // A reverted deployment is fine when somebody else's came first: the code decides.
    if (receipt !== null && (await provider.getCode(address)) !== '0x') return address
    if (receipt !== null) throw new Error(`Deployment ${hash} was included but left no code at ${address}.`)
    await setTimeout(POLL_MS)
  }
  throw new Error(`Deployment ${hash} was not included within ${(POLLS * POLL_MS) / 1000} seconds; try again later.`)
}

function addressOf(bytecode: string): string {
  return getCreate2Address(DEPLOYER, SALT, keccak256(bytecode))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'rpc-url': { type: 'string' },
      'key-file': { type: 'string' },
      'test-dollar': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  if (values['rpc-url'] === undefined) throw new Error('Tell the chain with --rpc-url.')
  if (values['key-file'] === undefined) throw new Error('Tell the file with the private key with --key-file.')

  const wallet = readWallet(values['key-file'])
  const provider = new JsonRpcProvider(values['rpc-url'], undefined, { cacheTimeout: -1 })
  try {
    // Asks once; other calls would wait for ever for a chain that is not there.
    const { chainId } = await provider._detectNetwork().catch((cause: unknown) => {
      throw new Error(`No chain answers at ${values['rpc-url']}.`, { cause })
    })
    console.log(`Chain ${chainId}, gas paid by ${wallet.address}`)
    const signer = wallet.connect(provider)
    console.log(`Order escrow: ${await deployEscrow(signer)}`)
    if (values['test-dollar']) console.log(`Test dollar:  ${await deployTestDollar(signer)}`)
  } finally {
    provider.destroy()
  }
}

/** Never shows what the file holds. */
function readWallet(path: string): Wallet {
  const key = readFileSync(path, 'utf8').trim()
  try {
    return new Wallet(key)
  } catch {
    throw new Error(`${path} does not hold a private key: 0x and 64 hex digits are expected.`)
  }
}

if (import.meta.main) {
  try {
    await main()
  } catch (error) {
    if (isError(error, 'INSUFFICIENT_FUNDS')) console.error('The account has too little money for the gas.')
    else console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
