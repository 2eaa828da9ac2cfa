import { Seed } from '../../gateway/lib/seed.ts'

/**
 * Chance for simulations: a throw is a function of a key and a number, never of what was thrown before. So any day of any
 * home can be lived alone, and one more throw in one place changes nothing in another. `Seed` does the same with names at
 * 3 µs; this needs 3 ns, and a device-day throws a hundred times.
 */
export function throwOf(key: number, number: number): number {
  return mixed(mixed(number) ^ key) >>> 0
}

/** A bijection of 32-bit integers in which each bit in changes about half of the bits out (constants of lowbias32). */
function mixed(bits: number): number {
  let mix = bits ^ (bits >>> 16)
  mix = Math.imul(mix, 0x21f0aaad)
  mix ^= mix >>> 15
  mix = Math.imul(mix, 0x735a2d97)
  return mix ^ (mix >>> 15)
}

/** The key of a name, for `throwOf`. */
export function keyOf(name: string): number {
  return Math.floor(new Seed(name).next() * 2 ** 32)
}

/** Uniform in [0, 1). */
export function uniform(key: number, number: number): number {
  return throwOf(key, number) / 2 ** 32
}

/** A whole number from `least` to `most`, both included. */
export function whole(least: number, most: number, key: number, number: number): number {
  return least + Math.floor(uniform(key, number) * (most - least + 1))
}

/** Mean 0, deviation 1, within ±3.5: the sum of the four bytes of a throw. */
export function bell(thrown: number): number {
  return ((thrown & 255) + ((thrown >>> 8) & 255) + ((thrown >>> 16) & 255) + (thrown >>> 24) - 510) / 147.8
}

/** How often something happens that happens `mean` times on average, at most `most` times; takes numbers from `number` on. */
export function poisson(mean: number, most: number, key: number, number: number): number {
  const limit = Math.exp(-mean)
  let product = 1
  for (let times = 0; times < most; times++) {
    product *= uniform(key, number + times)
    if (product < limit) return times
  }
  return most
}

/** The index of a weight, as likely as its share of all. */
export function pick(weights: readonly number[], chance: number): number {
  let left = chance * weights.reduce((sum, weight) => sum + weight, 0)
  for (let index = 0; index < weights.length - 1; index++) {
    left -= weights[index]!
    if (left < 0) return index
  }
  return weights.length - 1
}
