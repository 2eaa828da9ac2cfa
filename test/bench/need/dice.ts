/** Seeded chance (sfc32): the same seed and stream always throw the same. */
export class Dice {
  private a: number
  private b: number
  private c: number
  private d = 1

  constructor(seed: number, stream: number) {
    this.a = seed | 0
    this.b = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0
    this.c = Math.imul(stream + 1, 0xc2b2ae35) | 0
    for (let round = 0; round < 15; round++) this.uniform()
  }

  /** In [0, 1). */
  uniform(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    return (sum >>> 0) / 4294967296
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform()
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.uniform() * values.length)]!
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }

  /** From 0 on, by its probabilities. */
  of(probabilities: ArrayLike<number>): number {
    let rest = this.uniform()
    for (let value = 0; value < probabilities.length - 1; value++) {
      rest -= probabilities[value]!
      if (rest < 0) return value
    }
    return probabilities.length - 1
  }
}
