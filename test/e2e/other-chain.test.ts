import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Contract, JsonRpcProvider, type TypedDataField, Wallet } from 'ethers'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { foundryBinary } from '../../contracts/foundry.ts'
import { abi as tokenAbi } from '../../contracts/generated/TestDollar.ts'
import { HomeProcesses } from '../support/home-processes.ts'

const run = promisify(execFile)
const GTIN = '04006381333931'
const CHAIN_ID = 31_337
const COIN_WEI = '0xde0b6b3a7640000'
const PURSE = 100_000_000n
const PRICE = 12_490_000n

const folder = mkdtempSync(join(tmpdir(), 'other-chain-'))
const payer = Wallet.createRandom()
let anvil: ChildProcess
let provider: JsonRpcProvider
let home: HomeProcesses
let token: Contract

/** A chain that is not ours, with a block each second; the contracts are deployed with the script. */
beforeAll(async () => {
  const args = ['--port', '0', '--chain-id', String(CHAIN_ID), '--block-time', '1', '--accounts', '1']
  anvil = spawn(foundryBinary('anvil'), args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const rpcUrl = `http://${await lineOf(anvil, /Listening on (\S+)/)}`
  provider = new JsonRpcProvider(rpcUrl, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 })

  const deployer = Wallet.createRandom()
  await giveGas(deployer.address)
  await giveGas(payer.address)
  const keyFile = join(folder, 'deployer.key')
  writeFileSync(keyFile, deployer.privateKey, { mode: 0o600 })
  const { stdout } = await run(process.execPath, [
    'contracts/deploy.ts',
    '--rpc-url',
    rpcUrl,
    '--key-file',
    keyFile,
    '--test-dollar',
    '--record',
    join(folder, 'deployed.json'),
  ])
  const escrow = /OrderEscrow: (0x\w{40})/.exec(stdout)?.[1] ?? ''
  const tokenAddress = /TestDollar: (0x\w{40})/.exec(stdout)?.[1] ?? ''
  token = new Contract(tokenAddress, tokenAbi, payer.connect(provider))
  await token.getFunction('mint')(payer.address, PURSE)
  await provider.send('evm_mine', [])
  await token.getFunction('approve')(escrow, PURSE)

  home = await HomeProcesses.start(
    {
      ADEPT_CHAIN_KIND: 'rpc',
      ADEPT_CHAIN_RPC_URL: rpcUrl,
      ADEPT_CHAIN_CHAIN_ID: String(CHAIN_ID),
      ADEPT_CHAIN_ESCROW: escrow,
      ADEPT_CHAIN_TOKEN: tokenAddress,
    },
    ['--rpc-url', rpcUrl, '--chain-id', String(CHAIN_ID), '--escrow', escrow, '--token', tokenAddress],
  )
})
afterAll(async () => {
  await home?.close()
  provider?.destroy()
  anvil?.kill()
  rmSync(folder, { recursive: true, force: true })
})

it('buys on any other chain, with a mandate that a wallet of the homeowner’s own signed', async () => {
  const status = JSON.parse(await adept('status', '--json')) as {
    relayer: { address: string; balanceWei: string }
    payer?: unknown
  }
  expect(status.payer).toBeUndefined()
  expect(status.relayer.balanceWei).toBe('0')
  await giveGas(status.relayer.address)
  await giveGas(((await (await fetch(`${home.shopUrl}/v1/seller`)).json()) as { address: string }).address)

  const { password } = JSON.parse(await adept('device', 'add', 'washer-1', '--json')) as { password: string }
  const device = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
    protocolVersion: 4,
    clientId: 'washer-1',
    username: 'washer-1',
    password,
  })
  let seq = 0
  const publish = (name: string, message: object) =>
    device.publishAsync(`adept/v1/washer-1/${name}`, JSON.stringify(message), { qos: 1 })
  const level = (remaining: number) =>
    publish('consumable', { session: 's', seq: seq++, slot: 'detergent', remaining, unit: 'ml' })
  try {
    const slot = {
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      replacementProducts: [{ type: 'gtin14', value: GTIN }],
    }
    await publish('description', { maker: 'Samsung', model: 'W9000', slots: [slot] })
    const terms = ['--payer', payer.address, '--cooling-off', '0s', '--seller', home.shopUrl]
    const typedData = JSON.parse(await adept('mandate', 'sign', 'washer-1', ...terms, '--typed-data')) as TypedData
    const { EIP712Domain: _, ...types } = typedData.types
    const signature = await payer.signTypedData(typedData.domain, types, typedData.message)
    await adept('mandate', 'sign', 'washer-1', '--signature', signature)
    await home.until(mandateStates, ([state]) => state === 'granted')
    await adept('device', 'confirm', 'washer-1', '--mode', 'auto')

    for (const remaining of [1400, 800, 200]) await level(remaining)
    const [order] = await home.until(orders, ([first]) => first?.state === 'shipped')
    await level(1400)
    await adept('order', 'received', order?.orderId ?? '')
    await home.until(orders, ([first]) => first?.state === 'completed')
    expect(await token.getFunction('balanceOf')(payer.address)).toBe(PURSE - PRICE)
  } finally {
    await device.endAsync()
  }
})

type TypedData = { domain: object; types: Record<string, TypedDataField[]>; message: object }

async function adept(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['gateway/cli/adept.mjs', ...args, '--data', home.folder])
  return stdout
}
const orders = async () => JSON.parse(await adept('orders', '--json')) as { orderId: string; state: string }[]
const mandateStates = async () =>
  (JSON.parse(await adept('mandate', 'show', '--json')) as { state: string }[]).map(({ state }) => state)

async function giveGas(address: string): Promise<void> {
  await provider.send('anvil_setBalance', [address, COIN_WEI])
}

async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = pattern.exec(line)?.[1]
    if (found !== undefined) return found
  }
  throw new Error(`It did not print ${pattern}.`)
}
