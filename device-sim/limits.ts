/** The homeowner's limits, as `adept mandate sign` has them by default; amounts in minor units of the test dollar. */
export const USUAL_LIMITS = {
  allowance: '50000000',
  periodSeconds: 30 * 86_400,
  maxPerOrder: '25000000',
  coolingOffSeconds: 86_400,
  days: 365,
}
