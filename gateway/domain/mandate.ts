import { z } from 'zod'
import { Address, Gtin, gtin14, Hex32 } from './identifiers.ts'
import { MinorUnits } from './money.ts'

const Uint48 = z.int().nonnegative()
const Uint256 = z.union([
  z.bigint().nonnegative(),
  z
    .string()
    .regex(/^\d{1,78}$/)
    .transform(BigInt),
])

const Uint64 = Uint256.refine((value) => value < 2n ** 64n, 'a number of at most 64 bits')

/** The payer's signed standing consent, field for field as the contract hashes it (contracts/src/MandateManager.sol). */
export const Mandate = z.strictObject({
  payer: Address,
  deviceKey: Address,
  deviceId: Uint256,
  deviceEpoch: Uint64,
  arbiter: Address,
  token: Address,
  /** Token minor units that may be authorized in one period. */
  allowance: MinorUnits,
  /** Seconds, ≥ 3600; periods are counted from `start`. */
  period: z.int().min(3600),
  /** Chain seconds, inclusive. */
  start: Uint48,
  /** Chain seconds, exclusive. */
  end: Uint48,
  maxPerOrder: MinorUnits,
  maxOpenOrders: z.int().positive(),
  coolingOffSeconds: z.int().nonnegative(),
  /** Root of the offers' leaves: what may be bought, of whom, and for how much at most. */
  offersRoot: Hex32,
  /** The cap that it shares with other mandates of the payer; 0: none. */
  household: Uint64,
  salt: Uint64,
  /** keccak256 of the readable text that the person saw. */
  extraData: Hex32,
})
export type Mandate = z.infer<typeof Mandate>

/** The number under which a home's payer keeps its one shared cap. */
export const HOME_HOUSEHOLD = 1n

/** A cap that mandates of one payer share; at most five devices. */
export const HouseholdCap = z.strictObject({
  /** Token minor units that all of them together may authorize in one period. */
  allowance: MinorUnits,
  periodSeconds: z.int().min(3600),
})
export type HouseholdCap = z.infer<typeof HouseholdCap>

/** Whether it may be used in this chain second, as far as its term goes. */
export function holdsAt({ start, end }: Pick<Mandate, 'start' | 'end'>, seconds: number): boolean {
  return start <= seconds && seconds < end
}

/** One product of one seller that the mandate names; salted so that the chain does not tell a home's habits. */
export const MandateOffer = z.strictObject({
  salt: Hex32,
  /** Who is paid. */
  seller: Address,
  gtin: Gtin,
  packSize: z.int().positive(),
  /** Token minor units per pack, everything included. */
  maxUnitPrice: MinorUnits,
})
export type MandateOffer = z.infer<typeof MandateOffer>

/** A mandate with the offers that its root commits to: what the gateway needs to use it. */
export const MandateFile = z.strictObject({
  mandateHash: Hex32,
  mandate: Mandate,
  offers: z.array(MandateOffer).min(1).max(64),
  /** The sentences that the person saw and signed the hash of. */
  readable: z.string(),
})
export type MandateFile = z.infer<typeof MandateFile>

/** What the mandate lets the device buy of this product from this seller, if it does. */
export function offerFor(file: Pick<MandateFile, 'offers'>, wanted: Pick<MandateOffer, 'seller' | 'gtin'>) {
  return file.offers.find(({ seller, gtin }) => seller === wanted.seller && gtin14(gtin) === gtin14(wanted.gtin))
}

/** Funds held on chain for one quote of one order; signed by the device key (contracts/src/OrderEscrow.sol). */
export const Authorization = z.strictObject({
  mandateHash: Hex32,
  seller: Address,
  offerLeaf: Hex32,
  quantity: z.int().positive(),
  total: MinorUnits,
  quoteHash: Hex32,
  /** Chain seconds, inclusive: the last second in which the seller may ship. */
  shipBy: Uint48,
  /** Chain seconds, exclusive. */
  validBefore: Uint48,
  /** Rises strictly per mandate. */
  nonce: Uint48,
})
export type Authorization = z.infer<typeof Authorization>

/**
 * What both sides know of an order as soon as its authorization is signed. The mandate's part, the seller and the id are
 * the key of its record on chain, and name it in every verb; the rest is in that record.
 */
export const Terms = z.strictObject({
  authorizationId: Hex32,
  seller: Address,
  amount: MinorUnits,
  shipBy: Uint48,
  coolingOffSeconds: z.int().nonnegative(),
  /** Of the mandate, as are the following. */
  mandateHash: Hex32,
  payer: Address,
  deviceKey: Address,
  arbiter: Address,
  token: Address,
  household: Uint64,
})
export type Terms = z.infer<typeof Terms>
