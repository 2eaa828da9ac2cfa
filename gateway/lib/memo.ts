/** Texts of which the result is kept; beyond it all are forgotten. */
const MAX_KEPT = 16_384

/** Remembers what `make` made of a text; for what is parsed again and again. */
export function memo<Result>(make: (text: string) => Result): (text: string) => Result {
  const made = new Map<string, Result>()
  return (text) => {
    let result = made.get(text)
    if (result === undefined) {
      if (made.size >= MAX_KEPT) made.clear()
      result = make(text)
      made.set(text, result)
    }
    return result
  }
}
