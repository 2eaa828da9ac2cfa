import { z } from 'zod'
import { HexBytes } from './identifiers.ts'
import { MinorUnits } from './money.ts'

/** How both sides end an order by agreement; signed by the payer and the seller (contracts/src/Disputes.sol). */
export const Settlement = z.strictObject({
  /** Token minor units, at most what is held; the rest goes back to the payer. */
  toSeller: MinorUnits,
  /** Chain seconds, exclusive. */
  validBefore: z
    .int()
    .positive()
    .max(2 ** 48 - 1),
})
export type Settlement = z.infer<typeof Settlement>

/** `POST /v1/orders/:authorizationId/settlement`: what one side has signed; it binds until the other signs the same. */
export const SettlementOffer = z.strictObject({ ...Settlement.shape, signature: HexBytes })
export type SettlementOffer = z.infer<typeof SettlementOffer>

/** An offer is good for this long unless its maker says otherwise. */
export const OFFER_VALID_SECONDS = 7 * 86_400
/** Nobody is bound longer by an offer. */
export const LONGEST_OFFER_SECONDS = 90 * 86_400
