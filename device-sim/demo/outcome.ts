import { DRAWER_CAPACITY_ML } from '../models/demo-washer.ts'

/** A drawer that lacks less than this counts as full: the sensor's noise, and a cycle since. */
const FULL_WITHIN_ML = 70

export type Balances = { payer: bigint; escrow: bigint; seller: bigint }

/** What a run of the demo came to. Amounts are token minor units. */
export type Outcome = {
  order: { orderId: string; state: string; totalMinorUnits: bigint | undefined; lastReason: string } | undefined
  levelBeforeMl: number | undefined
  levelAfterMl: number | undefined
  before: Balances
  after: Balances
}

/** Every sentence says one thing that is missing for a whole purchase; none means that all is well. */
export function whatIsMissing({ order, levelAfterMl, before, after }: Outcome): string[] {
  if (order === undefined) return ['Nothing was ordered.']
  const missing: string[] = []
  if (order.state !== 'completed') {
    missing.push(`The order is not completed but ${order.state}: ${order.lastReason}`)
  }
  const total = order.totalMinorUnits ?? 0n
  if (total === 0n) missing.push('The order never got a price.')
  const paid = before.payer - after.payer
  if (paid !== total) missing.push(`The payer paid ${paid} minor units for a total of ${total}.`)
  const gained = after.seller - before.seller
  if (gained !== total) missing.push(`The seller gained ${gained} minor units of a total of ${total}.`)
  if (after.escrow !== 0n) missing.push(`The escrow still holds ${after.escrow} minor units.`)
  if (levelAfterMl === undefined || levelAfterMl < DRAWER_CAPACITY_ML - FULL_WITHIN_ML) {
    missing.push(`The drawer is not full again: ${levelAfterMl ?? 'an unknown number of'} ml.`)
  }
  return missing
}
