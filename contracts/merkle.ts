import { AbiCoder } from 'ethers/abi'
import { keccak256 } from 'ethers/crypto'
import { concat } from 'ethers/utils'

type Hex = `0x${string}`

/**
 * A Merkle tree over ABI-encoded rows, as OpenZeppelin's MerkleProof verifies it: leaves are hashed twice, so that none can be
 * taken for a node, and pairs are hashed in order, so that a proof needs no sides. Same roots and proofs as OpenZeppelin's
 * StandardMerkleTree, which brings 40 packages.
 */
export class MerkleTree {
  readonly #leaves: Hex[]
  /** The root first; the children of node i are 2i + 1 and 2i + 2; the sorted leaves last, in reverse. */
  readonly #nodes: Hex[]

  /** Throws on no rows: there is no root that proves nothing. */
  constructor(types: readonly string[], rows: readonly (readonly unknown[])[]) {
    if (rows.length === 0) throw new RangeError('A Merkle tree needs at least one row.')
    const coder = AbiCoder.defaultAbiCoder()
    this.#leaves = rows.map((row) => keccak256(keccak256(coder.encode(types, row))) as Hex)
    const inner = rows.length - 1
    this.#nodes = [...new Array<Hex>(inner), ...this.#leaves.toSorted().reverse()]
    for (let node = inner - 1; node >= 0; node--) {
      this.#nodes[node] = hashPair(this.#nodes[2 * node + 1]!, this.#nodes[2 * node + 2]!)
    }
  }

  get root(): Hex {
    return this.#nodes[0]!
  }

  /** The row's hash, as the contract computes it. */
  getLeaf(row: number): Hex {
    const leaf = this.#leaves[row]
    if (leaf === undefined) throw new RangeError(`There is no row ${row} in a tree of ${this.#leaves.length}.`)
    return leaf
  }

  /** The siblings on the way from this row's leaf to the root. */
  getProof(row: number): Hex[] {
    const proof: Hex[] = []
    for (let node = this.#nodes.lastIndexOf(this.getLeaf(row)); node > 0; node = (node - 1) >> 1) {
      proof.push(this.#nodes[node % 2 === 1 ? node + 1 : node - 1]!)
    }
    return proof
  }
}

function hashPair(a: Hex, b: Hex): Hex {
  return keccak256(concat(a < b ? [a, b] : [b, a])) as Hex
}
