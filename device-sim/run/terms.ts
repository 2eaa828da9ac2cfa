const DAY_SECONDS = 86_400
const CENT = 10_000n

/** The mandate that each device of a simulated home gets; amounts in minor units of the test dollar, as the API takes them. */
export const FLEET_LIMITS = {
  allowance: '500000000',
  periodSeconds: 30 * DAY_SECONDS,
  maxPerOrder: '100000000',
  coolingOffSeconds: DAY_SECONDS,
  days: 3_600,
}

/** What the wallet of a home has at the start. */
export const PURSE_MINOR_UNITS = 100_000_000_000n

/** The highest price that the gateway puts into a mandate: a tenth above this one, in whole cents. */
export function maxUnitPriceAt(priceMinorUnits: bigint): bigint {
  return ((priceMinorUnits * 110n + 100n * CENT - 1n) / (100n * CENT)) * CENT
}

/** Packs that an order may have at that price. */
export function maxPacksAt(priceMinorUnits: bigint): number {
  return Math.max(1, Number(BigInt(FLEET_LIMITS.maxPerOrder) / maxUnitPriceAt(priceMinorUnits)))
}
