import { Interface, type InterfaceAbi } from 'ethers'
import { describe, expect, test } from 'vitest'
import { abi as registryAbi } from '../../contracts/generated/DeviceRegistry.ts'
import { abi } from '../../contracts/generated/OrderEscrow.ts'
import { abi as tokenAbi } from '../../contracts/generated/TestDollar.ts'
import { estimateGas } from '../../gateway/chain/connection.ts'
import { explainRefusal } from '../../gateway/chain/refusals.ts'

const TOKEN = { address: `0x${'05'.repeat(20)}` as const, symbol: 'TUSD', decimals: 6 }

/** Any values that fit the types. */
const VALUES: Record<string, unknown> = {
  address: TOKEN.address,
  string: 'payer',
  bytes32: `0x${'ab'.repeat(32)}`,
  bytes4: '0x01020304',
}
const contractError = (name: string, args: unknown[]) =>
  new Interface(abi as unknown as InterfaceAbi).encodeErrorResult(name, args)
const anyOf = (type: string) => VALUES[type] ?? 1_900_000_000n % 2n ** BigInt(type.replace(/\D/g, '') || 8)

describe.each([
  ['escrow', abi],
  ['token', tokenAbi],
  ['registry', registryAbi],
])('every error of the %s', (_name, contractAbi) => {
  const contract = new Interface(contractAbi as unknown as InterfaceAbi)
  const errors = contract.fragments
    .filter((fragment) => fragment.type === 'error')
    .map((it) => contract.getError(it.format())!)

  test.each(errors.map((error) => [error.name, error] as const))('%s is a sentence', (name, error) => {
    const data = contract.encodeErrorResult(
      error,
      error.inputs.map(({ type }) => anyOf(type)),
    )
    const refusal = explainRefusal(data, TOKEN)
    expect(refusal.errorName).toBe(name)
    expect(refusal.sentence).toMatch(/^[A-Z0-9].{10,}[.!]$/)
    expect(refusal.sentence).not.toMatch(/unknown error|undefined|NaN|\[object/)
  })
})

test.each([
  ['0x', 'none', 'without a reason'],
  ['0xdeadbeef', '0xdeadbeef', 'unknown error 0xdeadbeef'],
  [new Interface(['error Error(string)']).encodeErrorResult('Error', ['paused']), 'Error', 'The token refused: paused'],
  [
    new Interface(['error Error(string)']).encodeErrorResult('Error', ['\u001b[2Jno\nway']),
    'Error',
    'The token refused: \\u{1b}[2Jno\\nway',
  ],
  [contractError('WrongState', [`0x${'0'.repeat(64)}`, 0, 1]), 'WrongState', 'The chain has no such order'],
  ['0x08c379a0ff', '0x08c379a0', 'unknown error'],
])('%s is told as %s', (data, errorName, sentence) => {
  expect(explainRefusal(data, TOKEN)).toEqual({ errorName, sentence: expect.stringContaining(sentence) })
})

test('no call asks for more gas than a transaction may have (EIP-7825)', async () => {
  const facts = { chainId: 1, escrow: TOKEN.address, registry: TOKEN.address, token: TOKEN }
  const tx = { from: TOKEN.address, to: TOKEN.address, data: '0x' }
  const needing = (gas: bigint) =>
    estimateGas({ rpc: { send: async () => `0x${gas.toString(16)}`, batch: async () => [] }, facts }, tx)
  expect(await needing(100_000n)).toBe(125_000n)
  expect(await needing(16_777_216n)).toBe(16_777_216n)
  await expect(needing(16_777_217n)).rejects.toThrow('This needs 16777217 gas, more than one transaction may have')
})
