import { Interface, type InterfaceAbi } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { argumentsEncoder } from '../../contracts/abi.ts'
import { coder } from '../../contracts/typed.ts'

const bytes = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((it) => `0x${Buffer.from(it).toString('hex')}`)
const item = fc.record({
  owner: bytes(20),
  hash: bytes(32),
  short: bytes(4),
  amount: fc.bigInt({ min: 0n, max: 2n ** 96n - 1n }),
  small: fc.integer({ min: 0, max: 255 }),
  isNew: fc.integer({ min: 0, max: 1 }).map(Boolean),
  proof: fc.array(bytes(32), { maxLength: 5 }),
  data: fc.uint8Array({ maxLength: 70 }).map((it) => `0x${Buffer.from(it).toString('hex')}`),
  point: fc.record({ x: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), y: fc.integer({ min: 0, max: 9 }) }),
})
const fields = [
  { name: 'owner', type: 'address' },
  { name: 'hash', type: 'bytes32' },
  { name: 'short', type: 'bytes4' },
  { name: 'amount', type: 'uint96' },
  { name: 'small', type: 'uint8' },
  { name: 'isNew', type: 'bool' },
  { name: 'proof', type: 'bytes32[]' },
  { name: 'data', type: 'bytes' },
  {
    name: 'point',
    type: 'tuple',
    components: [
      { name: 'x', type: 'uint256' },
      { name: 'y', type: 'uint48' },
    ],
  },
] as const
const abi = [
  {
    type: 'function',
    name: 'verb',
    stateMutability: 'view',
    inputs: [
      { name: 'items', type: 'tuple[]', components: fields },
      { name: 'text', type: 'string' },
      { name: 'points', type: 'tuple[][]', components: fields[8].components },
    ],
    outputs: [],
  },
] as const

test('encodes every shape of call as ethers does', () => {
  const oracle = new Interface(abi as unknown as InterfaceAbi)
  const ours = coder(abi)
  const points = fc.array(
    fc.array(
      item.map(({ point }) => point),
      { maxLength: 3 },
    ),
    { maxLength: 3 },
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 3 }), points, (items, lists) => {
      const values = [items, 'ünï', lists]
      expect(ours.encode('verb', values as never)).toBe(oracle.encodeFunctionData('verb', values))
    }),
    { numRuns: 200, seed: 1 },
  )
})

test.each([
  ['uint8', 256, RangeError],
  ['uint8', -1, RangeError],
  ['address', '0x12', TypeError],
  ['bytes32', `0x${'g'.repeat(64)}`, TypeError],
  ['bytes', '0x123', TypeError],
])('refuses a %s of %s', (type, value, error) => {
  expect(() => argumentsEncoder([{ name: 'it', type }])([value])).toThrow(error)
})

test('says at once which types it does not know', () => {
  expect(() => argumentsEncoder([{ name: 'it', type: 'uint8[3]' }])).toThrow('fixed length')
  expect(() => argumentsEncoder([{ name: 'it', type: 'int8' }])).toThrow('int8')
  expect(() => argumentsEncoder([{ name: 'it', type: 'bool' }])([])).toThrow('1 values')
})
