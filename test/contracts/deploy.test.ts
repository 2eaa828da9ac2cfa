import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Wallet, ZeroAddress } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CORE, ESCROW_ADDRESS, REGISTRY_ADDRESS, TEST_DOLLAR_ADDRESS } from '../../contracts/deployment.ts'
import { escrow } from '../../contracts/escrow.ts'
import { abi as registryAbi } from '../../contracts/generated/DeviceRegistry.ts'
import { sourceInput, standardInput } from '../../contracts/standard-json.ts'
import { coder } from '../../contracts/typed.ts'
import { Anvil } from './anvil.ts'

const folder = mkdtempSync(join(tmpdir(), 'deploy-'))
const keyFile = join(folder, 'deployer.key')
const recordFile = join(folder, 'deployed', 'here.json')
const CHAIN_ID = '424242'
const wallet = Wallet.createRandom()
const registry = coder(registryAbi)

let anvil: Anvil
beforeAll(async () => {
  anvil = await Anvil.start(['--chain-id', CHAIN_ID])
  writeFileSync(keyFile, `${wallet.privateKey}\n`)
})
afterAll(async () => {
  await anvil[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Runs the command to its end. */
async function deploy(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const command = ['contracts/deploy.ts', '--rpc-url', anvil.rpcUrl, ...args]
    execFile(process.execPath, command, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

test('a dry run tells addresses, gas and cost, and sends nothing', async () => {
  const { code, out } = await deploy('--dry-run', '--test-dollar')
  expect(code).toBe(0)
  for (const { name, address } of CORE)
    expect(out).toMatch(new RegExp(`${name}: would be at ${address}, by \\d+ bytes`))
  expect(out).toMatch(/Together \d{7} gas, at most 0\.\d+ of the chain's own coin/)
  expect(await anvil.provider.getCode(ESCROW_ADDRESS)).toBe('0x')
})

test('without money for the gas it says so, and nothing is noted', async () => {
  const { code, err } = await deploy('--key-file', keyFile, '--record', recordFile)
  expect(code).toBe(1)
  expect(err).toBe('The account has too little money for the gas.\n')
  expect(JSON.parse(readFileSync(recordFile, 'utf8'))).toEqual({ chainId: CHAIN_ID, contracts: {} })
})

test('what cannot be used is a sentence, before anything is sent', async () => {
  const torn = join(folder, 'torn.json')
  const other = join(folder, 'other.json')
  const badKey = join(folder, 'bad.key')
  writeFileSync(torn, '{"chainId"')
  writeFileSync(other, '{"chainId":"1","contracts":{}}')
  writeFileSync(badKey, 'correct horse battery staple')
  const wrong: [string[], RegExp][] = [
    [['--key-file', join(folder, 'none.key')], /^The key file .*none\.key cannot be read\./],
    [['--key-file', badKey], /^.*bad\.key does not hold a private key/],
    [['--key-file', keyFile, '--record', torn], /^.*torn\.json is no record of a deployment\./],
    [['--key-file', keyFile, '--record', other], /^.*other\.json is about chain 1\./],
    [['--key-file', keyFile, '--record', join(torn, 'x.json')], /^.*x\.json cannot be written: nothing is sent\./],
    [['--rpc-url', 'nonsense', '--dry-run'], /^nonsense is no http or https address/],
    [['--rpc-url', 'http://127.0.0.1:9', '--dry-run'], /^No chain answers at 127\.0\.0\.1:9\./],
  ]
  const answers = await Promise.all(wrong.map(([args]) => deploy(...args)))
  for (const [index, { code, err }] of answers.entries()) {
    expect(code).toBe(1)
    expect(err).toMatch(wrong[index]![1])
    expect(err).not.toMatch(/horse|\n\s+at /)
  }
  expect(await anvil.provider.getBlockNumber()).toBe(0)
})

test('it deploys, notes what it did, and a repeat sends nothing and forgets nothing', async () => {
  await anvil.provider.send('anvil_setBalance', [wallet.address, `0x${(10n ** 18n).toString(16)}`])
  const args = ['--key-file', keyFile, '--record', recordFile, '--test-dollar']
  expect(await deploy(...args)).toMatchObject({ code: 0, err: '' })
  const data = await anvil.provider.call({ to: ESCROW_ADDRESS, data: escrow.encode('registry', []) })
  expect(escrow.decodeResult('registry', data)).toBe(REGISTRY_ADDRESS.toLowerCase())
  const ask = registry.encode('keyAndEpoch', [1n])
  expect(registry.decodeResults('keyAndEpoch', await anvil.provider.call({ to: REGISTRY_ADDRESS, data: ask }))).toEqual(
    [ZeroAddress, 0n],
  )
  const noted = JSON.parse(readFileSync(recordFile, 'utf8')) as { chainId: string; contracts: Record<string, object> }
  expect(noted).toMatchObject({
    chainId: CHAIN_ID,
    contracts: {
      DeviceRegistry: { address: REGISTRY_ADDRESS, deployer: wallet.address, blockNumber: 1 },
      OrderEscrow: { address: ESCROW_ADDRESS, txHash: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
      TestDollar: { address: TEST_DOLLAR_ADDRESS, gasUsed: expect.stringMatching(/^\d+$/) },
    },
  })

  const kept = JSON.parse(readFileSync(join(folder, 'deployed', 'here.source.json'), 'utf8')) as object
  expect(kept).toEqual(JSON.parse(JSON.stringify(sourceInput())))

  const nonce = await anvil.provider.getTransactionCount(wallet.address)
  expect((await deploy(...args)).out).toContain(`OrderEscrow: ${ESCROW_ADDRESS} (was there)`)
  expect(await anvil.provider.getTransactionCount(wallet.address)).toBe(nonce)
  expect(JSON.parse(readFileSync(recordFile, 'utf8'))).toEqual(noted)
  expect((await deploy('--dry-run')).out).toContain(`OrderEscrow: at ${ESCROW_ADDRESS} already`)
})

test('what was sent is noted at once, and what became of it at the next call', async () => {
  await using slow = await Anvil.start(['--chain-id', CHAIN_ID, '--no-mining'])
  await slow.provider.send('anvil_setBalance', [wallet.address, `0x${(10n ** 18n).toString(16)}`])
  const record = join(folder, 'slow.json')
  const args = ['contracts/deploy.ts', '--rpc-url', slow.rpcUrl, '--key-file', keyFile, '--record', record]
  type Noted = { contracts: { DeviceRegistry?: { txHash?: string; blockNumber?: number } } }
  const noted = () => (JSON.parse(readFileSync(record, 'utf8')) as Noted).contracts.DeviceRegistry
  const waiting = execFile(process.execPath, args)
  await expect.poll(() => existsSync(record) && noted()?.txHash, { timeout: 10_000 }).toMatch(/^0x/)
  waiting.kill('SIGKILL')
  expect(noted()?.blockNumber).toBeUndefined()
  const sent = noted()?.txHash
  await slow.provider.send('anvil_setAutomine', [true])
  await slow.provider.send('evm_mine', [])
  await new Promise((resolve) => execFile(process.execPath, args).on('exit', resolve))
  expect(noted()).toMatchObject({ txHash: sent, blockNumber: 1, deployer: wallet.address })
})

test('the input for source verification has every source that it imports', () => {
  const { sources } = standardInput(['src/OrderEscrow.sol'], {})
  expect(Object.keys(sources)).toContain('src/OrderEscrow.sol')
  expect(Object.keys(sources)).toContain('@openzeppelin/contracts/utils/cryptography/EIP712.sol')
  const imported = Object.values(sources).flatMap(({ content }) => [...content.matchAll(/^import .*"([^".][^"]*)";/gm)])
  for (const [, path] of imported) expect(sources).toHaveProperty([path!])
})
