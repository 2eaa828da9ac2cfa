import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { formatEther, isError, JsonRpcProvider, Wallet, ZeroAddress } from 'ethers'
import {
  CORE,
  checkDeployer,
  type Deployable,
  deploy,
  deploymentOf,
  includedBefore,
  isDeployed,
  TEST_DOLLAR,
} from './deployment.ts'
import { sourceInput } from './standard-json.ts'

const HELP = `Deploys the device registry and the order escrow, unless they are there, and records their addresses.

Usage: node contracts/deploy.ts --rpc-url <url> --key-file <file> [--test-dollar] [--record <file>]
       node contracts/deploy.ts --rpc-url <url> --dry-run [--test-dollar]
       node contracts/deploy.ts --source-input <file>

  --rpc-url        JSON-RPC endpoint of the chain
  --key-file       file with the private key that pays the gas, as 0x and 64 hex digits
  --test-dollar    deploy the test dollar too: anyone can mint it, so for development chains only
  --dry-run        send nothing; print what would be sent, the addresses, the gas and what it would cost now
  --record         where addresses and transactions are noted (default: deployments/<chain id>.json in this folder);
                   solc's standard JSON input is kept beside it (….source.json): with it a block explorer verifies the source
  --source-input   only write that input there
  --help           show this text

Addresses follow from the code alone, on every chain: a repeat finds what is there and sends nothing.
`

type Options = { rpcUrl: string; contracts: Deployable[] }
type Recorded = { address: string; txHash?: string; blockNumber?: number; gasUsed?: string; deployer?: string }
type DeploymentRecord = { chainId: string; contracts: Record<string, Recorded> }

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'rpc-url': { type: 'string' },
      'key-file': { type: 'string' },
      'test-dollar': { type: 'boolean' },
      'dry-run': { type: 'boolean' },
      record: { type: 'string' },
      'source-input': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  if (values['source-input'] !== undefined) writeSourceInput(values['source-input'])
  const rpcUrl = values['rpc-url']
  if (rpcUrl !== undefined && !/^https?:$/.test(URL.parse(rpcUrl)?.protocol ?? '')) {
    throw new Error(`${rpcUrl} is no http or https address of a chain. Give one with --rpc-url.`)
  }
  if (rpcUrl === undefined) {
    if (values['source-input'] !== undefined) return
    throw new Error('Tell the chain with --rpc-url.')
  }
  const options = { rpcUrl, contracts: values['test-dollar'] ? [...CORE, TEST_DOLLAR] : [...CORE] }
  if (values['dry-run']) return await withChain(options, dryRun)
  const keyFile = values['key-file']
  if (keyFile === undefined) throw new Error('Tell the file with the private key with --key-file, or try --dry-run.')
  const wallet = readWallet(keyFile)
  await withChain(options, (chain) => deployAll(chain, wallet, values.record ?? `deployments/${chain.chainId}.json`))
}

type Chain = Options & { provider: JsonRpcProvider; chainId: bigint }

async function withChain(options: Options, work: (chain: Chain) => Promise<void>): Promise<void> {
  const provider = new JsonRpcProvider(options.rpcUrl, undefined, { cacheTimeout: -1 })
  try {
    // Asks once; other calls would wait for ever for a chain that is not there.
    const { chainId } = await provider._detectNetwork().catch((cause: unknown) => {
      throw new Error(`No chain answers at ${new URL(options.rpcUrl).host}.`, { cause })
    })
    await work({ ...options, provider, chainId })
  } finally {
    provider.destroy()
  }
}

async function dryRun({ provider, chainId, contracts }: Chain): Promise<void> {
  const { maxFeePerGas, gasPrice } = await provider.getFeeData()
  const weiPerGas = maxFeePerGas ?? gasPrice ?? 0n
  console.log(`Chain ${chainId}: nothing is sent.`)
  let total = 0n
  for (const contract of contracts) {
    if (await isDeployed(provider, contract)) {
      console.log(`${contract.name}: at ${contract.address} already`)
      continue
    }
    await checkDeployer(provider)
    const { to, data } = deploymentOf(contract)
    const gas = await provider.estimateGas({ from: ZeroAddress, to, data })
    total += gas
    console.log(
      `${contract.name}: would be at ${contract.address}, by ${(data.length - 2) / 2} bytes to ${to}, ${gas} gas`,
    )
  }
  console.log(
    `Together ${total} gas, at most ${formatEther(total * weiPerGas)} of the chain's own coin at its fees of now.`,
  )
}

async function deployAll({ provider, chainId, contracts }: Chain, wallet: Wallet, recordFile: string): Promise<void> {
  console.log(`Chain ${chainId}, gas paid by ${wallet.address}`)
  const signer = wallet.connect(provider)
  // What was sent must be noted: a file that cannot be used is found out before.
  writeRecord(recordFile, readRecord(recordFile, chainId))
  for (const contract of contracts) {
    const { name, address } = contract
    const note = (recorded: Omit<Recorded, 'address'>) => record(recordFile, chainId, name, { address, ...recorded })
    const done = await deploy(signer, contract, (txHash) => note({ txHash, deployer: wallet.address }))
    const sentBefore = readRecord(recordFile, chainId).contracts[name]?.txHash
    const included = done ?? (sentBefore && (await includedBefore(provider, sentBefore)))
    note(included ? { ...included, gasUsed: String(included.gasUsed) } : {})
    console.log(`${name}: ${address}${done === undefined ? ' (was there)' : ''}`)
  }
  console.log(`Noted in ${recordFile}.`)
  writeSourceInput(recordFile.replace(/(\.json)?$/, '.source.json'))
}

/** Written when a transaction was sent and when it is in a block, so that nothing sent is forgotten. A contract that was there keeps what was noted of it. */
function record(file: string, chainId: bigint, name: string, recorded: Recorded): void {
  const before = readRecord(file, chainId)
  const known = before.contracts[name]
  const contracts = {
    ...before.contracts,
    [name]: known?.address === recorded.address ? { ...known, ...recorded } : recorded,
  }
  writeRecord(file, { ...before, contracts })
}

function readRecord(file: string, chainId: bigint): DeploymentRecord {
  const nothing: DeploymentRecord = { chainId: String(chainId), contracts: {} }
  let noted = nothing
  try {
    if (existsSync(file)) noted = JSON.parse(readFileSync(file, 'utf8')) as DeploymentRecord
  } catch (cause) {
    throw new Error(`${file} is no record of a deployment. Name another file with --record.`, { cause })
  }
  if (noted.chainId === nothing.chainId) return noted
  throw new Error(`${file} is about chain ${noted.chainId}. Name another file with --record.`)
}

function writeRecord(file: string, noted: DeploymentRecord): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${JSON.stringify(noted, null, 2)}\n`)
  } catch (cause) {
    throw new Error(`${file} cannot be written: nothing is sent. Name another file with --record.`, { cause })
  }
}

function writeSourceInput(file: string): void {
  const input = sourceInput()
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(input, null, 1)}\n`)
  console.log(`${Object.keys(input.sources).length} sources with the compiler's settings are in ${file}.`)
}

/** Never shows what the file holds. */
function readWallet(path: string): Wallet {
  let key: string
  try {
    key = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new Error(`The key file ${path} cannot be read. Name one that holds the private key with --key-file.`, {
      cause,
    })
  }
  try {
    return new Wallet(key)
  } catch {
    throw new Error(`${path} does not hold a private key: 0x and 64 hex digits are expected.`)
  }
}

try {
  await main()
} catch (error) {
  if (isError(error, 'INSUFFICIENT_FUNDS')) console.error('The account has too little money for the gas.')
  else console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
