/** Calls what follows at once. A promise calls it later, and by then a newer message may have overtaken this one. */
export type AtOnce<T> = { then(done: (value: T) => void, failed?: (error: Error) => void): void }

/** The outcome of a step; that it threw is an outcome too. Aedes only calls `then`. */
export function atOnce<T>(step: () => T): AtOnce<T> {
  try {
    const value = step()
    // biome-ignore lint/suspicious/noThenProperty: it is what Aedes calls, and must call back synchronously
    return { then: (done) => done(value) }
  } catch (error) {
    // biome-ignore lint/suspicious/noThenProperty: as above
    return { then: (_done, failed) => failed?.(error as Error) }
  }
}
