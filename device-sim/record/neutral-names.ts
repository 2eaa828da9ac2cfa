/** Keeps names that are known, and gives each other one a neutral name that stays the same: `slot-1`, `slot-2`. */
export class NeutralNames {
  readonly #word: string
  readonly #known: ReadonlySet<string>
  readonly #given = new Map<string, string>()

  /** No known name may be the word with a number behind it. */
  constructor(word: string, known: ReadonlySet<string>) {
    this.#word = word
    this.#known = known
  }

  of(name: string): string {
    if (this.#known.has(name)) return name
    const given = this.#given.get(name) ?? `${this.#word}-${this.#given.size + 1}`
    this.#given.set(name, given)
    return given
  }
}
