import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { toBeHex } from 'ethers'
import { expect, it } from 'vitest'
import { MerkleTree } from '../../contracts/merkle.ts'

const TYPES = ['bytes32', 'uint64']

it('has the roots and proofs of OpenZeppelin’s tree, for 1 to 33 rows', () => {
  for (let count = 1; count <= 33; count++) {
    const rows = Array.from({ length: count }, (_, index) => [toBeHex(7919 * count + index, 32), BigInt(index)])
    const ours = new MerkleTree(TYPES, rows)
    const theirs = StandardMerkleTree.of(rows, TYPES)
    expect(ours.root).toBe(theirs.root)
    for (const index of rows.keys()) expect(ours.getProof(index)).toEqual(theirs.getProof(index))
  }
})

it('refuses an empty tree and a row that it does not have', () => {
  expect(() => new MerkleTree(TYPES, [])).toThrow('at least one row')
  expect(() => new MerkleTree(TYPES, [[toBeHex(1, 32), 1n]]).getProof(1)).toThrow('no row 1')
})
