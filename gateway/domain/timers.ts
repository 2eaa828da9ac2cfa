/** Timers of DOMAIN.md, each with its unit in its name. Cooling off is in the mandate, ship-by in the authorization. */
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** A seller's signed quote binds it for this long. */
export const QUOTE_VALID_MS = 15 * MINUTE_MS
/** A consent that nobody gives within this time drops the order. */
export const CONSENT_WAIT_MS = 48 * HOUR_MS
/** The seller ships within this time after cooling off, or anyone may reclaim. */
export const SHIP_WITHIN_MS = 7 * 24 * HOUR_MS
/**
 * What falls due for the chain waits for a transaction of its kind that is under way, to share the next one, but no longer
 * than this: two blocks of a slow chain. With none under way it waits for nothing.
 */
export const JOIN_NEXT_MS = 30_000
/** How often a transaction that is under way is asked for. */
export const UNDER_WAY_POLL_MS = 500
/** Time for the home to look at the goods before it confirms; `order received` ends it. */
export const INSPECTION_MS = 24 * HOUR_MS
/** Shipped goods that nobody confirms or disputes: the escrow lets anyone reclaim after this. */
export const UNCONFIRMED_MS = 14 * 24 * HOUR_MS
/** A dispute that the arbiter does not decide: the escrow lets anyone reclaim after this. */
export const DECISION_MS = 30 * 24 * HOUR_MS
/** A seller may refund through the escrow for this long after it was paid. */
export const REFUND_MS = 30 * 24 * HOUR_MS
