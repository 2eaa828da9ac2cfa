import { createHash } from 'node:crypto'

/**
 * Random numbers that are the same for the same name, on every machine: simulations and tests. Never for secrets.
 * `fork` depends on the names only, not on what was drawn: one more draw in one place changes nothing in another.
 */
export class Seed {
  readonly #name: string
  readonly #state: Uint32Array

  constructor(name: string) {
    this.#name = name
    const digest = createHash('sha256').update(name).digest()
    this.#state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset))
  }

  fork(label: string): Seed {
    return new Seed(`${this.#name}/${label}`)
  }

  /** Uniform in [0, 1), 32 bits: the generator sfc32. */
  next(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#state
    const sum = (a + b + counter) >>> 0
    this.#state.set([b ^ (b >>> 9), c + (c << 3), ((c << 21) | (c >>> 11)) + sum, counter + 1])
    return sum / 2 ** 32
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** Mean 0, deviation 1, within ±6: a sum of twelve uniforms needs no logarithm, which may differ by a last bit. */
  normal(): number {
    let sum = -6
    for (let term = 0; term < 12; term++) sum += this.next()
    return sum
  }

  /** One of the items, each as likely as its weight among all. */
  pick<Item extends { weight: number }>(items: readonly Item[]): Item {
    let left = this.next() * items.reduce((sum, item) => sum + item.weight, 0)
    for (const item of items) {
      left -= item.weight
      if (left < 0) return item
    }
    throw new RangeError('Nothing can be picked from items without weight.')
  }

  /** Lower-case hex digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => Math.floor(this.next() * 16).toString(16)).join('')
  }
}
