import type { Seed } from '../gateway/lib/seed.ts'
import type { OrderMessage } from '../gateway/wire/messages.ts'
import {
  DRAWER_CAPACITY_ML,
  nextWasherEventAtMs,
  PROGRAMS,
  type Program,
  stepWasher,
  type WasherInput,
  type WasherReport,
  type WasherState,
} from './washer.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A household of one washes about 4 times a week, each further person adds 1.6. */
const WASHES_PER_WEEK = { base: 2.4, perPerson: 1.6 }
/** Sunday first, as `getUTCDay` counts; the sum is 1. */
const WEEKDAY_SHARES = [0.2, 0.12, 0.08, 0.12, 0.1, 0.1, 0.28] as const
const FIRST_HOUR = 8
const LAST_HOUR = 20
const PROGRAM_HABITS = [
  { program: 'cotton-40', weight: 40 },
  { program: 'cotton-60', weight: 15 },
  { program: 'synthetics', weight: 20 },
  { program: 'delicates', weight: 10 },
  { program: 'quick', weight: 15 },
] as const satisfies { program: Program; weight: number }[]
/** A carrier takes this long from `shipped` to the door. */
const CARRIER_DAYS = { least: 1, most: 3 }
/** No week is so quiet that a plan of this many days is empty. */
const PLANNED_DAYS = 60

/** Who lives here; everything they do follows from the seed. */
export type Household = { people: number; seed: Seed }

export type Wash = { atMs: number; program: Program; loadKg: number }
type Parcel = { orderId: string; noticedAtMs: number }
export type HouseholdState = {
  washer: WasherState
  /** Washes planned from `plannedUntilMs` backwards, ascending; never empty. */
  washes: Wash[]
  plannedUntilMs: number
  parcels: Parcel[]
  /** Orders whose parcel was awaited once: the message comes again with every connection. */
  awaited: string[]
}

export type HouseholdInput =
  | { type: 'boot' }
  | { type: 'time' }
  /** The washer's display shows how far an order is. */
  | { type: 'order'; message: OrderMessage }
  /** Somebody pours detergent in. */
  | { type: 'pour'; ml: number }
export type HouseholdAction = { type: 'report'; report: WasherReport } | { type: 'parcel'; orderId: string }
type Step = { state: HouseholdState; actions: HouseholdAction[] }

export function newHousehold(household: Household, nowMs: number): HouseholdState {
  const state: HouseholdState = {
    washer: { remainingMl: DRAWER_CAPACITY_ML, cycle: undefined },
    washes: [],
    plannedUntilMs: Math.ceil(nowMs / DAY_MS) * DAY_MS,
    parcels: [],
    awaited: [],
  }
  return planned(state, household)
}

/** The next moment at which something happens in this home by itself. */
export function nextHouseholdEventAtMs({ washer, washes, parcels }: HouseholdState): number {
  const wash = washer.cycle === undefined ? washes[0]?.atMs : undefined
  const times = [nextWasherEventAtMs(washer), wash, parcels[0]?.noticedAtMs]
  return Math.min(...times.filter((atMs) => atMs !== undefined))
}

/**
 * One step of a home: the same state, input, time and household give the same state and actions. `atMs` must not lie
 * after `nextHouseholdEventAtMs`, or what happened between would come late.
 */
export function stepHousehold(state: HouseholdState, input: HouseholdInput, atMs: number, household: Household): Step {
  switch (input.type) {
    case 'boot':
      return useWasher(state, input, atMs, household)
    case 'pour':
      return useWasher(state, { type: 'refill', ml: input.ml }, atMs, household)
    case 'order':
      return { state: awaitParcel(state, input.message, household), actions: [] }
    case 'time':
      return passTime(state, atMs, household)
  }
}

/** Washes of one day, ascending: a day's plan needs no other day's. */
export function washesOfDay(dayStartMs: number, { people, seed }: Household): Wash[] {
  const random = seed.fork(`day ${dayStartMs / DAY_MS}`)
  const weekday = new Date(dayStartMs).getUTCDay()
  const perWeek = WASHES_PER_WEEK.base + WASHES_PER_WEEK.perPerson * people
  const count = Math.floor(perWeek * (WEEKDAY_SHARES[weekday] ?? 0) + random.next())
  return Array.from({ length: count }, () => {
    const minutes = Math.floor(random.between(FIRST_HOUR, LAST_HOUR) * 60)
    const { program } = random.pick(PROGRAM_HABITS)
    const loadKg = Math.round(PROGRAMS[program].maxLoadKg * random.between(0.4, 1) * 2) / 2
    return { atMs: dayStartMs + minutes * 60_000, program, loadKg }
  }).sort((a, b) => a.atMs - b.atMs)
}

function passTime(before: HouseholdState, atMs: number, household: Household): Step {
  const { state, actions } = useWasher(before, { type: 'time' }, atMs, household)
  const wash = state.washes[0]
  if (state.washer.cycle === undefined && wash !== undefined && wash.atMs <= atMs) {
    const { program, loadKg } = wash
    const started = useWasher(
      planned({ ...state, washes: state.washes.slice(1) }, household),
      { type: 'start', program, loadKg },
      atMs,
      household,
    )
    return { state: started.state, actions: [...actions, ...started.actions] }
  }
  const parcel = state.parcels[0]
  if (parcel === undefined || parcel.noticedAtMs > atMs) return { state, actions }
  const noticed = { type: 'parcel' as const, orderId: parcel.orderId }
  return { state: { ...state, parcels: state.parcels.slice(1) }, actions: [...actions, noticed] }
}

function useWasher(state: HouseholdState, input: WasherInput, atMs: number, { seed }: Household): Step {
  const { state: washer, reports } = stepWasher(state.washer, input, atMs, seed.fork(`sensor ${atMs}`))
  return { state: { ...state, washer }, actions: reports.map((report) => ({ type: 'report', report })) }
}

/** A parcel is found 1–3 days after it was sent, when somebody is up. */
function awaitParcel(state: HouseholdState, message: OrderMessage, { seed }: Household): HouseholdState {
  const { orderId, sinceMs } = message
  if (message.state !== 'shipped' || state.awaited.includes(orderId)) return state
  // Numbered, not named: order ids are random and would make every run differ.
  const random = seed.fork(`parcel ${state.awaited.length}`)
  const arrivesAtMs = sinceMs + Math.round(random.between(CARRIER_DAYS.least, CARRIER_DAYS.most) * DAY_MS)
  const dayStartMs = Math.floor(arrivesAtMs / DAY_MS) * DAY_MS
  const noticedAtMs = Math.max(
    sinceMs + CARRIER_DAYS.least * DAY_MS,
    Math.min(dayStartMs + LAST_HOUR * HOUR_MS, Math.max(dayStartMs + FIRST_HOUR * HOUR_MS, arrivesAtMs)),
  )
  const parcels = [...state.parcels, { orderId, noticedAtMs }].sort((a, b) => a.noticedAtMs - b.noticedAtMs)
  return { ...state, parcels, awaited: [...state.awaited, orderId] }
}

function planned(state: HouseholdState, household: Household): HouseholdState {
  let { washes, plannedUntilMs } = state
  for (let day = 0; washes.length === 0 && day < PLANNED_DAYS; day++) {
    washes = washesOfDay(plannedUntilMs, household)
    plannedUntilMs += DAY_MS
  }
  return { ...state, washes, plannedUntilMs }
}
