/** JSON text in which amounts (bigint) are decimal strings, as on every wire of ours. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString() : item))
}
