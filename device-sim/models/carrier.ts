import { throwOf, uniform, whole } from './dice.ts'
import { DAY_MS, weekdayOf } from './household.ts'

const HOUR_MS = 3_600_000
const SUNDAY = 0
/** Somebody is at home and finds it. */
const FOUND_HOURS = { from: 9, to: 20 }
const HANDLING = 1
const TRANSIT = 2
const FOUND = 3
const LOST = 4
const CONTENT = 5
const MISSING = 6

/** How shop and carrier deliver to a home. Shares are of parcels. */
export type DeliveryPlan = {
  /** From the shop's word `shipped` until the carrier has it. */
  shipAfterHours: { least: number; most: number }
  days: { least: number; most: number }
  lost: number
  short: number
  wrong: number
}
/** `atMs` is Infinity for a parcel that never comes; `packs` are those that can be used. */
export type Delivery = { atMs: number; packs: number }

/**
 * What becomes of a parcel: when it is found, and how many packs of the right product are in it. A function of the slot's
 * key and the number of the order for that slot, so that it is the same however a run is played; ids and wall time do not
 * enter. Whole days and a minute of the day: a second more or less at the shop changes nothing.
 */
export function deliveryOf(
  plan: DeliveryPlan,
  slotKey: number,
  number: number,
  packs: number,
  shippedAtMs: number,
): Delivery {
  const key = throwOf(slotKey, number)
  if (uniform(key, LOST) < plan.lost) return { atMs: Number.POSITIVE_INFINITY, packs: 0 }
  const { shipAfterHours, days } = plan
  const handlingHours = shipAfterHours.least + uniform(key, HANDLING) * (shipAfterHours.most - shipAfterHours.least)
  const transitDays = whole(days.least, days.most, key, TRANSIT)
  const leavesAtMs = shippedAtMs + handlingHours * HOUR_MS
  let day = Math.floor(leavesAtMs / DAY_MS) + transitDays
  if (weekdayOf(day) === SUNDAY && transitDays > 0) day += 1
  const minute = whole(FOUND_HOURS.from * 60, FOUND_HOURS.to * 60 - 1, key, FOUND)
  // A courier of the same hour brings it when it leaves.
  const atMs = Math.max(Math.ceil(leavesAtMs / 60_000) * 60_000, day * DAY_MS + minute * 60_000)
  return { atMs, packs: usablePacks(plan, key, packs) }
}

function usablePacks({ short, wrong }: DeliveryPlan, key: number, packs: number): number {
  const thrown = uniform(key, CONTENT)
  if (thrown < wrong) return 0
  return thrown < wrong + short ? packs - whole(1, packs, key, MISSING) : packs
}
