/** Does the work for every item, so many at a time; the first failure ends it. */
export async function atOnce<Item>(
  items: readonly Item[],
  many: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  async function worker(): Promise<void> {
    while (next < items.length) await work(items[next++]!)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(many, items.length) }, worker))
  } finally {
    next = items.length
  }
}
